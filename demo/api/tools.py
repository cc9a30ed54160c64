"""The endpoints as tools for language models (MCP): what a call may hold, checked before anything is done with it.

Gradio would fetch what a tool is given as a web address, and its client, which runs on the server, would upload any
file of the server that is named in the way uploads are. So files are taken as data alone.
"""

import binascii
import copy
import importlib.util
import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

from gradio.block_function import BlockFunction
from gradio.mcp import GradioMCPServer
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from demo import text_options
from demo.api import text
from demo.safety import is_tool_call, read_body, replay

FILES = frozenset({"photo", "left", "right", "photos", "pairs"})
"""Parameters of the tools that take files."""
Place = list[str | int]  # of a value inside of others: names and numbers
LONGEST_CALL = 64_000_000
"""Bytes of a call: 45 MB of files in base64, so two photos of 20 MB, and something to spare."""


def missing() -> str | None:
    """What has to be installed before the endpoints can be tools; None where all is there."""
    if importlib.util.find_spec("mcp") is None:
        return text_options.MCP_MISSING
    # Gradio swallows it where the parts of mcp that it needs are not there, and fails later without a word.
    if importlib.util.find_spec("mcp.server.lowlevel.helper_types") is None:
        return text_options.MCP_TOO_NEW
    return None


class CheckTools:
    """ASGI middleware: no call of a tool makes the server fetch or read a file."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with a refusal."""
        if scope["type"] != "http" or scope["method"] != "POST" or not is_tool_call(scope["path"]):
            return await self.app(scope, receive, send)
        body = await read_body(receive, LONGEST_CALL)
        if body is None:
            return await JSONResponse({"error": text.TOOL_TOO_LONG}, 413)(scope, receive, send)
        refused, number = _refused(body)
        if not refused:
            return await self.app(scope, replay(body, receive), send)
        if number is None or "/messages" in scope["path"]:
            return await JSONResponse({"error": text.TOOL_TAKES_PHOTOS}, 400)(scope, receive, send)
        content = [{"type": "text", "text": text.TOOL_TAKES_PHOTOS}]
        answer = {"jsonrpc": "2.0", "id": number, "result": {"content": content, "isError": True}}
        return await JSONResponse(answer)(scope, receive, send)


def _refused(body: bytes) -> tuple[bool, int | str | None]:
    """Whether a body holds a call that is refused, and the number by which a single call is answered."""
    try:
        messages = json.loads(body)
    except ValueError:
        return False, None  # no JSON: the server refuses it
    except RecursionError:
        return True, None
    single = not isinstance(messages, list)
    for message in [messages] if single else messages:
        parameters = message.get("params") if isinstance(message, dict) else None
        arguments = parameters.get("arguments") if isinstance(parameters, dict) else None
        if isinstance(arguments, dict) and not harmless(arguments):
            number = message.get("id")
            return True, number if single and isinstance(number, (int, str)) else None
    return False, None


def harmless(arguments: dict[str, Any]) -> bool:
    """Whether the arguments of a tool hold files as data only: no address, no path, and nothing that looks like one."""
    return all(
        _data_only(value) if name in FILES else not isinstance(value, (dict, list)) for name, value in arguments.items()
    )


def _data_only(value: object) -> bool:
    if value is None or value == "":
        return True  # a missing file, which the tool itself speaks of
    if isinstance(value, list):
        return all(isinstance(item, str) and _is_data(item) for item in value)
    return isinstance(value, str) and _is_data(value)


def _is_data(value: str) -> bool:
    head, comma, content = value.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return False
    try:
        return bool(b64decode(content, validate=True))
    except (binascii.Error, ValueError):
        return False


def _flat(value: object) -> Iterator[object]:
    """What stands in lists, at any depth."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def mend(server: GradioMCPServer) -> None:
    """Make Gradio's tools take files as data, lists of them too, and say so.

    Gradio's schema of a list of files points to a definition that is not where it says, so that no call would pass; it
    tells that files are given as web addresses, which are refused here; and it answers in Python's notation, not JSON.

    Args:
        server: Gradio's, made by a launch with `mcp_server=True`.
    """
    server.api_info = copy.deepcopy(server.api_info)  # the page's own description of its endpoints stays as it is
    # By the names that programs know, not by those of the functions behind them.
    server.tool_to_endpoint = {
        server.tool_prefix + endpoint.removeprefix("/"): endpoint for endpoint in server.tool_to_endpoint.values()
    }
    for endpoint in server.api_info["named_endpoints"].values():
        for parameter in endpoint["parameters"]:
            if parameter["parameter_name"] in FILES and parameter["type"].get("type") == "array":
                parameter["type"] = {"type": "array", "items": {"type": "string", "format": text.TOOL_FORMAT}}
    schema, convert, describe = server.get_input_schema, server.convert_strings_to_filedata, server.get_fn_description
    answer = server.postprocess_output_data

    def worded_schema(tool: str, parameters: dict[str, str] | None = None) -> tuple[dict[str, Any], list[Place]]:
        made, places = schema(tool, parameters)
        for name in FILES & made["properties"].keys():
            if made["properties"][name].get("type") == "string":
                made["properties"][name] = {"type": "string", "format": text.TOOL_FORMAT}
        return made, places

    def with_lists(value: dict[str, Any], places: list[Place]) -> dict[str, Any]:
        lists = [(name, items) for name, items in value.items() if name in FILES and isinstance(items, list)]
        more: list[Place] = [[name, number] for name, items in lists for number in range(len(items))]
        converted: dict[str, Any] = convert(value, places + more)
        return converted

    def worded_description(function: BlockFunction, tool: str) -> tuple[str, dict[str, str]]:
        _, parameters = describe(function, tool)
        return f"{function.api_description} {text.TOOL_TAKES_PHOTOS}", parameters

    def as_json(data: list[Any], root_url: str) -> list[Any]:
        # Gradio's own words for a list of files, and for no file, would be Python's.
        parts = [part for part in _flat(data) if part is not None]
        told = [json.dumps(part) if isinstance(part, dict) and "meta" not in part else part for part in parts]
        shown = [part for part in told if not (isinstance(part, str) and part.startswith("<div"))]  # for eyes alone
        return list(answer(shown, root_url))

    mended: dict[str, Callable[..., Any]] = {
        "get_input_schema": worded_schema,
        "convert_strings_to_filedata": with_lists,
        "get_fn_description": worded_description,
        "postprocess_output_data": as_json,
    }
    for name, function in mended.items():
        setattr(server, name, function)
