import os
import time

import pytest

from facecore.errors import DataError, FacecoreError
from facecore.prepare.pool import Lost, Workers


def work(item: str) -> str:
    if item == "crash":
        os._exit(66)
    if item == "hang":
        time.sleep(1000)
    if item == "refuse":
        raise DataError("refused")
    return item.upper()


def begin() -> None:
    """Nothing to set up."""


@pytest.mark.slow
def test_an_item_that_kills_or_hangs_its_process_costs_itself() -> None:
    items = ["a", "crash", "b", "c", "hang", "d", "e"]
    results = list(Workers(work, begin, count=2, timeout=2, ahead=4).run(items))
    assert results == [
        "A",
        Lost("crashed the process that read it, twice (exit code 66)"),
        "B",
        "C",
        Lost("given up after 2 seconds"),
        "D",
        "E",
    ]


def test_an_error_of_the_function_ends_the_run() -> None:
    with pytest.raises(DataError, match="refused"):
        list(Workers(work, begin, count=1, timeout=20, ahead=2).run(["a", "refuse", "b"]))


def test_without_processes() -> None:
    assert list(Workers(work, begin, count=0, timeout=1, ahead=1).run(["a", "b"])) == ["A", "B"]
    assert list(Workers(work, begin, count=2, timeout=1, ahead=1).run([])) == []
    with pytest.raises(FacecoreError):
        list(Workers(work, begin, count=0, timeout=1, ahead=1).run(["refuse"]))
