"""What keeps photos on this machine and off its disk: requests that are refused, headers, and the sweeping of files."""

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gradio.route_utils import API_PREFIX
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo import icon, text

SWEEP_EVERY = 30  # s
SWEEP_AGE = 540  # s; with the pause between two rounds, files are gone within ten minutes
LONGEST_BODY = 1_000_000  # bytes of a request that is no upload

# Parts of Gradio that this page does not use and that would write what was shown to disk, run ffmpeg on an upload, or
# pass requests on to other hosts; `file/` is an older name of `file=`.
_UNUSED = re.compile(rf"{API_PREFIX}/(deep_link|process_recording|proxy=|file/)")
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
    """ASGI middleware: no request makes the server fetch a file from the network, or read one that was not uploaded.

    Gradio downloads a file that is given as an http(s) address before our function runs, so the refusal must come
    before Gradio sees the request. For this the bodies of API calls are read whole; they are short, since photos are
    uploaded as files beforehand. Gradio itself refuses paths outside of its folder, but without a word.

    Args:
        app: what answers all other requests.
        uploads: the folder of files that were uploaded.
    """

    def __init__(self, app: ASGIApp, uploads: Path) -> None:
        self.app = app
        self._uploads = uploads.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with a refusal."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if _UNUSED.search(scope["path"]):
            return await _refuse(scope, receive, send, 404, text.ROUTE_REFUSED)
        if _REMOTE_FILE.search(scope["path"]):
            return await _refuse(scope, receive, send, 403, text.REMOTE_FILE_REFUSED)
        # Calls of tools bring photos with them; `demo.api.tools` reads those.
        brings_files = scope["path"].endswith(f"{API_PREFIX}/upload") or is_tool_call(scope["path"])
        if scope["method"] in ("GET", "HEAD", "OPTIONS") or brings_files:
            return await self.app(scope, receive, send)
        body = await read_body(receive, LONGEST_BODY)
        if body is None:
            return await _refuse(scope, receive, send, 413, text.TOO_LONG_REFUSED)
        if names_remote_file(body):
            return await _refuse(scope, receive, send, 400, text.REMOTE_FILE_REFUSED)
        if names_file_outside(body, self._uploads):
            return await _refuse(scope, receive, send, 400, text.SERVER_FILE_REFUSED)
        return await self.app(scope, replay(body, receive), send)


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
                    if not photo:  # a report that is downloaded stays as it was written
                        start = message  # held back until the length is known
                        return
            elif message["type"] == "http.response.body" and start is not None:
                page += message.get("body", b"")
                if message.get("more_body"):
                    return
                page = icon.inserted(without_advertising(page))
                if scope["method"] != "HEAD":
                    MutableHeaders(scope=start)["Content-Length"] = str(len(page))
                await send(start)
                start = None
                message = {"type": "http.response.body", "body": page}
            await send(message)

        await self.app(scope, receive, amended)


def is_tool_call(path: str) -> bool:
    """Whether a request goes to the tools for language models."""
    return path.partition(API_PREFIX)[2].startswith("/mcp")


def without_advertising(page: bytes) -> bytes:
    """The HTML without the tags by which other sites would show the page; they name Gradio's hosts."""
    return _ADVERTISING.sub(b"", page)


def names_remote_file(body: bytes) -> bool:
    """Whether a JSON body holds, at any depth, a file whose path is an http(s) address."""
    try:
        return any(file["path"].strip().lower().startswith(("http:", "https:")) for file in _files(body))
    except RecursionError:
        return True  # nested far beyond what any call needs, so what it names is not known


def names_file_outside(body: bytes, uploads: Path) -> bool:
    """Whether a JSON body holds, at any depth, a file whose path leads out of the folder of uploads.

    Uploads are named by their whole path. A relative one would be looked for in the folder in which the page was
    started, and Gradio checks none that comes without "meta".
    """
    try:
        return any(
            not Path(file["path"]).resolve().is_relative_to(uploads) or not isinstance(file.get("meta", {}), dict)
            for file in _files(body)
        )
    except (RecursionError, OSError, ValueError):  # no path that this system knows
        return True


def _files(body: bytes) -> Iterator[dict[str, Any]]:
    """All objects with a path in a JSON body."""
    try:
        waiting = [json.loads(body)]
    except ValueError:
        return  # no JSON: Gradio, which reads it with the same parser, will refuse it
    while waiting:
        value: Any = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("path"), str):
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


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
            sweep(folder, SWEEP_AGE)

    threading.Thread(target=run, name="sweep", daemon=True).start()


def _changed(path: Path) -> float:
    """When the file came into being or was changed last, whichever is later."""
    status = path.lstat()
    return max(status.st_mtime, status.st_ctime)


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, reason: str) -> None:
    await JSONResponse({"detail": reason, "error": reason}, status)(scope, receive, send)


async def read_body(receive: Receive, longest: int) -> bytes | None:
    """The body of a request, None where it has more than `longest` bytes."""
    parts, length = [], 0
    while length <= longest:
        message = await receive()
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if not message.get("more_body"):
            return b"".join(parts) if length <= longest else None
    return None


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read already, then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
