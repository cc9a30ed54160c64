"""What keeps photos on this machine and off its disk: requests that are refused, headers, and the sweeping of files."""

import json
import os
import re
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from gradio.route_utils import API_PREFIX
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo import text

SWEEP_EVERY = 30  # s
SWEEP_AGE = 540  # s; with the pause between two rounds, files are gone within ten minutes
LONGEST_BODY = 1_000_000  # bytes of a request that is no upload

# Parts of Gradio that this page does not use and that would write what was shown to disk, run ffmpeg on an upload, or
# pass requests on to other hosts.
_UNUSED = re.compile(rf"{API_PREFIX}/(deep_link|process_recording|proxy=)")
_REMOTE_FILE = re.compile(rf"{API_PREFIX}/file=\s*https?:", re.IGNORECASE)
_ADVERTISING = re.compile(rb'<meta\s[^>]*?(?:property="og:|name="twitter:)[^>]*>\s*')

# The browser itself refuses to send or load anything from elsewhere. Gradio's front end needs inline and evaluated
# scripts; they come from this page alone.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "form-action 'self'",
    )
)


class RefuseRemoteFiles:
    """ASGI middleware: no request makes the server fetch a file from the network.

    Gradio downloads a file that is given as an http(s) address before our function runs, so the refusal must come
    before Gradio sees the request. For this the bodies of API calls are read whole; they are short, since photos are
    uploaded as files beforehand.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with a refusal."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if _UNUSED.search(scope["path"]):
            return await _refuse(scope, receive, send, 404, text.ROUTE_REFUSED)
        if _REMOTE_FILE.search(scope["path"]):
            return await _refuse(scope, receive, send, 403, text.REMOTE_FILE_REFUSED)
        if scope["method"] in ("GET", "HEAD", "OPTIONS") or scope["path"].endswith(f"{API_PREFIX}/upload"):
            return await self.app(scope, receive, send)
        body = await _read(receive)
        if body is None:
            return await _refuse(scope, receive, send, 413, text.TOO_LONG_REFUSED)
        if names_remote_file(body):
            return await _refuse(scope, receive, send, 400, text.REMOTE_FILE_REFUSED)
        return await self.app(scope, _replay(body, receive), send)


class StayOnThisHost:
    """ASGI middleware: the page names no other host, and neither browser nor proxy keeps what it shows."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and amend the answer."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        photo = f"{API_PREFIX}/file=" in scope["path"]
        start: Message | None = None
        page = b""

        async def amended(message: Message) -> None:
            nonlocal start, page
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                if photo:
                    headers["Cache-Control"] = "no-store"
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Content-Security-Policy"] = _POLICY
                    start = message  # held back until the length is known
                    return
            elif message["type"] == "http.response.body" and start is not None:
                page += message.get("body", b"")
                if message.get("more_body"):
                    return
                page = without_advertising(page)
                if scope["method"] != "HEAD":
                    MutableHeaders(scope=start)["Content-Length"] = str(len(page))
                await send(start)
                start = None
                message = {"type": "http.response.body", "body": page}
            await send(message)

        await self.app(scope, receive, amended)


def without_advertising(page: bytes) -> bytes:
    """The HTML without the tags by which other sites would show the page; they name Gradio's hosts."""
    return _ADVERTISING.sub(b"", page)


def names_remote_file(body: bytes) -> bool:
    """Whether a JSON body holds, at any depth, a file whose path is an http(s) address."""
    try:
        waiting = [json.loads(body)]
    except ValueError:
        return False  # no JSON: Gradio, which reads it with the same parser, will refuse it
    except RecursionError:
        return True  # nested far beyond what any call needs, so what it names is not known
    while waiting:
        value: Any = waiting.pop()
        if isinstance(value, dict):
            path = value.get("path")
            if isinstance(path, str) and path.strip().lower().startswith(("http:", "https:")):
                return True
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def sweep(folder: Path, age: float = SWEEP_AGE) -> None:
    """Delete files, and empty folders, that have not changed for `age` seconds."""
    oldest = time.time() - age
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files:
            with suppress(OSError):  # gone already, or held open by another program: the next round comes
                if _changed(path := Path(parent, name)) < oldest:
                    path.unlink()
        for name in folders:
            with suppress(OSError):  # the same, or not empty. The age matters: an upload may be about to come in.
                if _changed(path := Path(parent, name)) < oldest:
                    path.rmdir()


def start_sweeping(folder: Path) -> None:
    """Sweep `folder` every half minute until the process ends.

    Gradio's `delete_cache` knows only of files that reached a function. Uploads that were never compared, uploads cut
    short and the pictures of results are found by their age.
    """

    def run() -> None:
        while True:
            time.sleep(SWEEP_EVERY)
            sweep(folder)

    threading.Thread(target=run, name="sweep", daemon=True).start()


def _changed(path: Path) -> float:
    """When the file came into being or was changed last, whichever is later."""
    status = path.lstat()
    return max(status.st_mtime, status.st_ctime)


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, reason: str) -> None:
    await JSONResponse({"detail": reason, "error": reason}, status)(scope, receive, send)


async def _read(receive: Receive) -> bytes | None:
    """The body of a request, None where it is too long."""
    body = b""
    while len(body) <= LONGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body if len(body) <= LONGEST_BODY else None
    return None


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read already, then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
