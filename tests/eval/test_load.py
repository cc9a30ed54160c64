"""People on a page at once: counts, waiting times, problems, and the memory of the page."""

import itertools
import os
from pathlib import Path

import pytest
from gradio_client.utils import QueueError

from eval import load
from eval.load import Answer, main, report


class Page:
    """Stands in for a client: the third comparison of all fails, the fourth finds no face."""

    calls = 0

    def predict(self, left: object, right: object, api_name: str) -> tuple[dict[str, str | None], str]:
        assert api_name == "/compare"
        Page.calls += 1
        if Page.calls == 3:
            raise QueueError("Queue is full")
        return {"why_not": "No face was found" if Page.calls == 4 else None}, "<div>"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> None:
    Page.calls = 0
    monkeypatch.setattr(load, "_client", lambda url: Page())
    monkeypatch.setattr(load, "handle_file", str)


@pytest.mark.usefixtures("page")
def test_every_comparison_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--people", "3", "--comparisons", "4", "--pause", "0", "--pid", str(os.getpid())]
    assert main(["http://page", *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "12 comparisons by 3 people at once, 2 without a result"
    assert lines[1].startswith("median 0.00 s, 95 % within ")
    assert lines[2:4] == ["  No face was found", "  Queue is full"]
    assert lines[4].startswith(f"memory of process {os.getpid()}: ")


@pytest.mark.usefixtures("page")
def test_one_failure_ends_it_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = itertools.count()

    def compare(client: object, photos: object) -> Answer:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return Answer(0.0)

    monkeypatch.setattr(load, "_compare", compare)
    with pytest.raises(KeyboardInterrupt):
        load.visit("http://page", (Path("a.jpg"), Path("b.jpg")), people=2, comparisons=50, pause=0.1)
    assert next(calls) < 20


def test_waiting_times_are_those_of_results() -> None:
    answers = [Answer(1.0), Answer(3.0), Answer(100.0, "busy"), Answer(2.0)]
    assert report(answers, 2).splitlines() == [
        "4 comparisons by 2 people at once, 1 without a result",
        "median 2.00 s, 95 % within 2.90 s, longest 3.00 s",
        "  busy",
    ]
    assert "median" not in report([Answer(1.0, "busy")], 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["http://127.0.0.1:9"], "http://127.0.0.1:9: no page answers there"),
        (["http://["], "no page answers there"),
        (["http://page", "--people", "0"], "--people must be 1 or more"),
        (["http://page", "--pid", "999999999"], "--pid 999999999"),
    ],
)
def test_mistakes(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
