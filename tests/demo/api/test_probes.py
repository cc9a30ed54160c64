"""The probe and the words for a full queue."""

import asyncio

import httpx
import pytest
from gradio_client import Client, handle_file
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from demo.api import text
from demo.api.probes import BusyInWords, Health
from facecore import __version__
from tests.demo.conftest import Photos
from tests.demo.server import Server


def ask(path: str, method: str = "GET", root_path: str = "") -> httpx.Response:
    """What a small app behind both gives."""

    async def answer(request: Request) -> Response:
        if request.url.path.endswith("full"):
            return JSONResponse({"detail": "Queue is full. Max size is 1 and size is 1."}, 503)
        return PlainTextResponse("the page")

    async def send() -> httpx.Response:
        routes = [Route("/{rest:path}", answer, methods=["GET", "POST"])]
        app = Starlette(
            routes=routes, middleware=[Middleware(Health, models=["small", "other"]), Middleware(BusyInWords)]
        )
        transport = httpx.ASGITransport(app, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            return await client.request(method, path)

    return asyncio.run(send())


def test_the_probe_is_answered() -> None:
    answer = ask("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "model": "small", "models": ["small", "other"], "version": __version__}
    assert answer.headers["cache-control"] == "no-store"
    assert ask("/health", "HEAD").status_code == 200


def test_the_probe_under_a_path() -> None:
    assert ask("/faces/health", root_path="/faces").json()["status"] == "ok"
    assert ask("/faces/health").text == "the page"


@pytest.mark.parametrize(("path", "method"), [("/", "GET"), ("/health/more", "GET"), ("/health", "POST")])
def test_everything_else_is_passed_on(path: str, method: str) -> None:
    assert ask(path, method).text == "the page"


def test_a_full_queue_is_put_into_words() -> None:
    answer = ask("/full", "POST")
    assert answer.status_code == 503
    assert answer.json() == {"detail": text.BUSY, "error": text.BUSY}
    assert answer.headers["retry-after"] == "60"


def test_the_page_says_that_it_lives_while_it_compares(server: Server, photos: Photos) -> None:
    client = Client(server.url, verbose=False, analytics_enabled=False)
    jobs = [
        client.submit(handle_file(photos.astronaut), handle_file(photos.hopper), api_name="/compare") for _ in range(4)
    ]
    answers = [httpx.get(f"{server.url}health", timeout=60) for _ in range(3)]
    assert not all(job.done() for job in jobs)
    assert {answer.status_code for answer in answers} == {200}
    models = ["resnet18", "resnet18-open"]
    assert answers[0].json() == {"status": "ok", "model": "resnet18", "models": models, "version": __version__}
    assert all(job.result()[0]["verdict"] for job in jobs)
