"""The command line of app.py. Nothing here needs Gradio, which must be imported after its environment is set."""

import argparse
import os
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from demo import text_options as text

QUEUE_SIZE = 64
"""Calls that wait at most; two run at once, so that the last one waits about half a minute."""


@dataclass(frozen=True)
class Options:
    """How the page is served.

    Attributes:
        host: to listen on; None for this machine alone.
        port: None for the first free one from 7860.
        models: see `FaceRecognizer.from_pretrained`; none for all that are bundled.
        accounts: who may see the page, as pairs of name and password; anybody where there are none.
        root_path: where a reverse proxy puts the page, such as "/faces"; empty where there is none.
        queue_size: how many calls may wait.
        mcp: whether the endpoints are tools for language models, too.
    """

    host: str | None = None
    port: int | None = None
    models: tuple[str, ...] = ()
    accounts: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    root_path: str = ""
    queue_size: int = QUEUE_SIZE
    mcp: bool = False


def read_options(argv: Sequence[str] | None, environment: MutableMapping[str, str] = os.environ) -> Options:
    """Read the command line; what it leaves open comes from the environment, from where the password is taken out.

    Raises:
        SystemExit: the usage is wrong (2), or help was asked for (0).
    """
    parser = _parser(environment)
    given = parser.parse_args(argv)
    secret = environment.pop("FACECORE_AUTH", "")  # programs started from here have no need of it
    file = given.auth_file
    if file is None and given.auth is None and not secret:
        file = environment.get("FACECORE_AUTH_FILE") or None
    try:
        accounts = _from_file(file) if file else _accounts([given.auth if given.auth is not None else secret])
        if given.mcp and accounts:
            raise ValueError(text.MCP_AND_AUTH)
        root_path = _root_path(given.root_path)
    except ValueError as error:
        parser.error(str(error))
    models = tuple(given.model or _names(environment.get("FACECORE_MODEL", "")))
    return Options(given.host, given.port, models, accounts, root_path, given.queue_size, given.mcp)


def _parser(environment: MutableMapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="app.py", description=text.DESCRIPTION)
    known = environment.get
    parser.add_argument("--host", default=known("GRADIO_SERVER_NAME") or None, help=text.HOST)
    parser.add_argument("--port", type=_port, default=known("GRADIO_SERVER_PORT") or None, help=text.PORT)
    parser.add_argument("--model", nargs="+", help=text.MODEL)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--auth", metavar="USER:PASSWORD", help=text.AUTH)
    either.add_argument("--auth-file", metavar="FILE", help=text.AUTH_FILE)
    parser.add_argument("--root-path", metavar="PATH", default=known("GRADIO_ROOT_PATH") or "", help=text.ROOT_PATH)
    size = known("FACECORE_QUEUE_SIZE") or QUEUE_SIZE
    parser.add_argument("--queue-size", type=_queue_size, metavar="N", default=size, help=text.queue_size(QUEUE_SIZE))
    asked = (known("GRADIO_MCP_SERVER") or "").lower() in ("1", "true", "yes")
    parser.add_argument("--mcp", action=argparse.BooleanOptionalAction, default=asked, help=text.MCP)
    return parser


def _names(given: str) -> list[str]:
    """Names with commas between them; a directory may have a comma in its name."""
    return [given] if given and Path(given).exists() else [name.strip() for name in given.split(",") if name.strip()]


def _port(given: str) -> int:
    return _whole(given, 0, 65535, text.PORT_RANGE)


def _queue_size(given: str | int) -> int:
    return _whole(given, 1, 100_000, text.QUEUE_RANGE)


def _whole(given: str | int, low: int, high: int, words: str) -> int:
    try:
        number = int(given)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"{given!r} {words}")
    return number


def _from_file(name: str) -> tuple[tuple[str, str], ...]:
    try:
        lines = Path(name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(text.AUTH_FILE_UNREADABLE) from error
    accounts = _accounts([line for line in lines if not line.startswith("#")])
    if not accounts:
        raise ValueError(text.AUTH_FILE_EMPTY)  # a page that was to have a password must not be open to everybody
    return accounts


def _accounts(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for line in filter(None, map(str.strip, lines)):
        name, colon, password = line.partition(":")
        if not name or not colon or not password:
            raise ValueError(text.AUTH_FORM)  # which does not show what was given
        pairs.append((name, password))
    return tuple(pairs)


def _root_path(given: str) -> str:
    path = given.rstrip("/")
    if path and not path.startswith(("/", "http://", "https://")):
        raise ValueError(text.ROOT_PATH_FORM)
    return path
