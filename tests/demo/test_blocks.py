"""What programs send in place of files, without a client that would stop them."""

import httpx
import pytest

from demo.api import text
from tests.demo.server import Server

ENDPOINTS = {"compare": 2, "photo_set": 1, "pair_list": 2, "faces": 1, "embed": 1}
"""How many files each takes first."""


def asked(server: Server, name: str, values: list[object]) -> str:
    """All that an endpoint answers."""
    address = f"{server.url}gradio_api/call/{name}"
    begun = httpx.post(address, json={"data": values}, timeout=60)
    assert begun.status_code == 200
    return httpx.get(f"{address}/{begun.json()['event_id']}", timeout=60).text


@pytest.mark.parametrize("value", ["a.jpg", "https://127.0.0.1/a.jpg", 7, True, ["a.jpg"]], ids=str)
@pytest.mark.parametrize(("name", "files"), ENDPOINTS.items())
def test_what_is_no_file_is_refused_in_a_sentence(server: Server, name: str, files: int, value: object) -> None:
    rest: list[object] = {"compare": [0, 0, "balanced"], "embed": [0]}.get(name, [])
    answer = asked(server, name, [*[value] * files, *rest])
    assert answer.startswith("event: error")
    assert text.NOT_A_FILE in answer


def test_other_calls_still_work(server: Server) -> None:
    assert text.MISSING in asked(server, "faces", [None])


@pytest.mark.parametrize("values", [[None], [None, 0], [None, 0, "resnet18"]])
def test_values_that_are_left_out_are_those_at_the_start(server: Server, values: list[object]) -> None:
    answer = asked(server, "embed", values)
    assert answer.startswith("event: complete")
    assert text.MISSING in answer
    assert '"model": "resnet18"' in answer
