"""ASGI middleware for what stands around the page: a probe that is always answered, and "busy" in words."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import facecore
from demo.api import text

HEALTH = "/health"


class Health:
    """ASGI middleware: GET /health is answered at once, beside the queue and without a password.

    Args:
        app: everything else.
        models: names of the models, the default one first.
    """

    def __init__(self, app: ASGIApp, models: Sequence[str]) -> None:
        self.app = app
        self._answer: dict[str, Any] = {
            "status": "ok",
            "model": models[0],
            "models": [*models],
            "version": facecore.__version__,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the probe, pass on the rest."""
        probed = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        # Some reverse proxies pass on the whole path.
        if not probed or scope["path"].removeprefix(scope.get("root_path", "")) != HEALTH:
            return await self.app(scope, receive, send)
        headers = {"Cache-Control": "no-store"}
        return await JSONResponse(self._answer, headers=headers)(scope, receive, send)


class BusyInWords:
    """ASGI middleware: where the queue is full, the answer says so to a person. Gradio's own names its settings."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and put words in place of the answer that the queue is full."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        full = False

        async def worded(message: Message) -> None:
            nonlocal full
            if message["type"] == "http.response.start" and message["status"] == 503:
                full = True
            if not full:
                return await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                answer = JSONResponse({"detail": text.BUSY, "error": text.BUSY}, 503, {"Retry-After": "60"})
                await answer(scope, receive, send)

        return await self.app(scope, receive, worded)
