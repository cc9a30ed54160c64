"""The endpoints as tools, through a real MCP client."""

import asyncio
import base64
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from demo.api import text
from demo.api.tools import FILES, CheckTools, harmless
from facecore.recognizer import FaceRecognizer
from tests.demo.conftest import Photos
from tests.demo.pair_list.conftest import Given, make
from tests.demo.server import PATIENCE, Server, running

DATA = "data:image/jpeg;base64,aGVsbG8="


def as_data(path: Path, kind: str = "image/jpeg") -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, True),
        ({"photo": DATA, "face": 1}, True),
        ({"photo": ""}, True),
        ({"photos": [DATA, DATA], "strictness": "balanced"}, True),
        ({"photo": "http://127.0.0.1/face.jpg"}, False),
        ({"photo": " https://127.0.0.1/face.jpg"}, False),
        ({"photo": "file:///etc/hostname"}, False),
        ({"photo": "/etc/hostname"}, False),
        ({"photo": {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}}, False),
        ({"photos": [DATA, "/etc/hostname"]}, False),
        ({"photos": [{"path": DATA}]}, False),
        ({"face": {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}}, False),
        ({"face": [{"path": "/etc/hostname"}]}, False),
        ({"photo": "data:image/jpeg,hello"}, False),
        ({"photo": "data:image/jpeg;base64,not base64!"}, False),
        ({"photo": "data:image/jpeg;base64,"}, False),
        ({"photo": 7}, False),
    ],
)
def test_files_come_as_data_alone(arguments: dict[str, Any], expected: bool) -> None:
    assert harmless(arguments) is expected


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("mcp", reason="needs mcp (pip install 'gradio[mcp]')")
    with running(tmp_path_factory.mktemp("tools"), "--mcp") as started:
        yield started


@pytest.fixture
def given(tmp_path: Path, photos: Photos) -> Given:
    return make(tmp_path, photos)


def call(server: Server, calls: list[tuple[str, dict[str, Any]]]) -> tuple[list[Any], list[Any]]:
    """The tools that a client sees, and what it gets for each call."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def ask() -> tuple[list[Any], list[Any]]:
        url = f"{server.url}gradio_api/mcp/"
        async with streamable_http_client(url) as (receive, send, _), ClientSession(receive, send) as session:
            await session.initialize()
            listed = (await session.list_tools()).tools
            return listed, [await session.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(ask())


@pytest.mark.slow
def test_tools_answer_and_refuse(tools: Server, photos: Photos, recognizer: FaceRecognizer) -> None:
    astronaut, hopper = as_data(photos.astronaut), as_data(photos.hopper)
    asked: list[tuple[str, dict[str, Any]]] = [
        ("faces", {"photo": astronaut}),
        ("embed", {"photo": astronaut, "face": 0}),
        ("compare", {"left": astronaut, "right": hopper}),
        ("photo_set", {"photos": [astronaut, hopper]}),
        ("faces", {"photo": as_data(photos.text)}),
        ("faces", {}),
    ]
    listed, answers = call(tools, asked)
    named = {tool.name: tool for tool in listed}
    assert set(named) == {"compare", "photo_set", "pair_list", "faces", "embed"}  # and none that is private
    for tool in listed:
        taken = {name for name, kind in tool.inputSchema["properties"].items() if "data:" in str(kind)}
        assert taken == FILES & tool.inputSchema["properties"].keys()
        assert "http" not in str(tool.inputSchema)
        assert text.TOOL_TAKES_PHOTOS in tool.description
    said = [answer.content[0].text for answer in answers]
    assert [answer.isError for answer in answers] == [False] * 5 + [True]
    found, embedded, compared, sorted_set, unreadable = map(json.loads, said[:5])
    assert [face["number"] for face in found["faces"]] == [0]
    expected = recognizer.embed([photos.astronaut]).matrix[0]
    np.testing.assert_allclose(embedded["embedding"], expected, atol=1e-5)
    assert compared["score"] == pytest.approx(recognizer.compare(photos.astronaut, photos.hopper).score, abs=1e-5)
    assert len(sorted_set["pairs"]) == 1
    assert "is a text file" in unreadable["why_not"]
    assert "'photo' is a required property" in said[5]


@pytest.mark.slow
def test_a_list_and_a_zip_are_scored(tools: Server, given: Given, recognizer: FaceRecognizer) -> None:
    data = {"pairs": as_data(given.pairs, "text/plain"), "photos": as_data(given.archive, "application/zip")}
    swapped = {"pairs": data["photos"], "photos": data["pairs"]}
    _, (scored, refused) = call(tools, [("pair_list", data), ("pair_list", swapped)])
    assert not scored.isError
    details, *addresses = [part.text for part in scored.content]
    told = json.loads(details)
    assert (told["why_not"], told["pairs"], told["failed_pairs"]) == (None, 8, 4)
    assert told["archive"] == {"photos": 5, "ignored": 1, "large": 0}
    assert [urlsplit(address).netloc for address in addresses] == 3 * [urlsplit(tools.url).netloc]
    assert [Path(address).name for address in addresses] == ["scores.csv", "scores.json", "report.html"]
    first = next(csv.DictReader(httpx.get(addresses[0], timeout=PATIENCE).text.splitlines()))
    expected = recognizer.compare(given.images / first["left"], given.images / first["right"]).score
    assert float(first["score"]) == pytest.approx(expected, abs=1e-5)
    assert not refused.isError
    (why_not,) = [part.text for part in refused.content]
    assert json.loads(why_not).keys() == {"why_not"}
    assert "The list cannot be read." in why_not


def test_a_call_may_be_as_long_as_is_said() -> None:
    """About 45 MB of files: so many pass, and of more the server says so."""
    reached: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(len((await receive())["body"]))
        await Response()(scope, receive, send)

    async def post(size: int) -> httpx.Response:
        photo = "data:image/jpeg;base64," + base64.b64encode(bytes(size // 30)).decode()
        arguments = {"photos": 30 * [photo]}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"arguments": arguments}})
        transport = httpx.ASGITransport(CheckTools(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            return await client.post("/gradio_api/mcp/", content=body)

    assert asyncio.run(post(45_000_000)).status_code == 200
    assert len(reached) == 1
    refused = asyncio.run(post(49_000_000))
    assert refused.status_code == 413
    assert refused.json() == {"error": text.TOOL_TOO_LONG}
    assert "45 MB" in text.TOOL_TOO_LONG
    assert len(reached) == 1


@pytest.mark.slow
def test_nothing_is_fetched_or_read_for_a_tool(tools: Server, tmp_path: Path, elsewhere: tuple[str, list[str]]) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"what only this machine knows")
    address, requests = elsewhere
    given: list[Any] = [
        address,
        str(secret),
        {"path": str(secret), "meta": {"_type": "gradio.FileData"}},
        {"path": address, "meta": {"_type": "gradio.FileData"}},
    ]
    _, answers = call(tools, [("faces", {"photo": photo}) for photo in given])
    for answer in answers:
        assert answer.isError
        assert answer.content[0].text == text.TOOL_TAKES_PHOTOS
    assert requests == []
    kept = [path for path in tools.uploads.rglob("*") if path.is_file()]
    assert all(path.read_bytes() != secret.read_bytes() for path in kept)
