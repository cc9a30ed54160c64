"""Let several people compare photos on a running page at once, and say how long each waited.

    python app.py --port 7860
    python -m eval.load http://127.0.0.1:7860 --people 16 --comparisons 10 --pause 5

Each person opens the page, uploads two photos, waits for the answer, thinks for --pause seconds (give or take half of
it), and begins again. A comparison counts from the upload of its photos to the answer. Photos are two of one megapixel
made from scikit-image's astronaut, unless --photos gives two. With --pid the memory of the page's process is watched.

Exit code: 0 done, whatever was measured; 2 wrong usage, or no page there; 130 interrupted.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import httpx
import numpy as np
import psutil
from gradio_client import Client, handle_file
from gradio_client.utils import QueueError, TooManyRequestsError
from tqdm import tqdm

from eval.speed.machine import megapixel_photos
from facecore.command_line import DONE, run_command

WATCH_EVERY = 0.5  # s

# What a call comes to where the page does not answer, refuses, is full, or answers what the client does not understand.
PROBLEMS = (httpx.HTTPError, QueueError, TooManyRequestsError, ValueError, KeyError)


@dataclass(frozen=True)
class Answer:
    """One comparison.

    Attributes:
        seconds: from the upload to the answer.
        problem: what was answered in place of a result; empty for a result.
    """

    seconds: float
    problem: str = ""


@dataclass
class Memory:
    """Resident memory of a process in bytes, watched.

    Attributes:
        first: when the watching began.
        most: ever seen.
        last: when it ended.
    """

    first: int
    most: int
    last: int


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("url", help="of the page, as http://127.0.0.1:7860")
    p.add_argument("--photos", nargs=2, type=Path, metavar=("LEFT", "RIGHT"), help="what is compared")
    p.add_argument("--people", type=int, default=16, metavar="N", help="at once (default 16)")
    p.add_argument("--comparisons", type=int, default=10, metavar="N", help="of each (default 10)")
    p.add_argument("--pause", type=float, default=5.0, metavar="S", help="of thought between two (default 5)")
    p.add_argument("--pid", type=int, metavar="N", help="process of the page, whose memory is watched")
    p.add_argument("--seed", type=int, default=0, help="of the pauses (default 0)")
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _measure, argv)


def _measure(a: argparse.Namespace) -> int:
    for name, value, least in (("people", a.people, 1), ("comparisons", a.comparisons, 1), ("pause", a.pause, 0)):
        if value < least:
            raise ValueError(f"--{name} must be {least} or more, not {value}")
    with tempfile.TemporaryDirectory(prefix="facecore-load-") as folder, _watched(a.pid) as memory:
        left, right = a.photos or megapixel_photos(Path(folder))
        answers = visit(a.url, (left, right), a.people, a.comparisons, a.pause, a.seed)
    print(report(answers, a.people))
    if memory is not None:
        print(
            f"memory of process {a.pid}: {memory.first / 1e6:.0f} MB before, {memory.most / 1e6:.0f} MB at most, "
            f"{memory.last / 1e6:.0f} MB after"
        )
    return DONE


def visit(
    url: str, photos: tuple[Path, Path], people: int, comparisons: int, pause: float, seed: int = 0
) -> list[Answer]:
    """What each person's comparisons came to, in the order in which they were answered.

    Raises:
        ValueError: there is no page at that address.
    """
    clients = [_client(url) for _ in range(people)]
    answers: list[Answer] = []
    over = threading.Event()
    with (
        ThreadPoolExecutor(people, "person") as pool,
        tqdm(total=people * comparisons, desc="comparing", unit="pair") as bar,
    ):

        def person(number: int) -> None:
            random = Random(f"{seed} {number}")
            over.wait(random.uniform(0, pause))  # nobody comes at the same moment
            for _ in range(comparisons):
                if over.is_set():
                    break
                answers.append(_compare(clients[number], photos))
                bar.update()
                over.wait(random.uniform(0.5, 1.5) * pause)

        try:
            for done in as_completed([pool.submit(person, number) for number in range(people)]):
                done.result()
        finally:
            over.set()  # interrupted, or one failed: the others need not go on to their ends
    return answers


def report(answers: list[Answer], people: int) -> str:
    """Counts and waiting times in words."""
    good = [answer.seconds for answer in answers if not answer.problem]
    lines = [f"{len(answers)} comparisons by {people} people at once, {len(answers) - len(good)} without a result"]
    if good:
        lines.append(
            f"median {median(good):.2f} s, 95 % within {np.quantile(good, 0.95):.2f} s, longest {max(good):.2f} s"
        )
    problems = sorted({answer.problem for answer in answers if answer.problem})
    return "\n".join([*lines, *(f"  {problem}" for problem in problems)])


def _client(url: str) -> Client:
    try:
        return Client(url, download_files=False, verbose=False, analytics_enabled=False)
    except (*PROBLEMS, httpx.InvalidURL) as error:
        raise ValueError(f"{url}: no page answers there ({error})") from error


def _compare(client: Client, photos: tuple[Path, Path]) -> Answer:
    began = time.monotonic()
    try:
        details: dict[str, Any] = client.predict(*map(handle_file, photos), api_name="/compare")[0]
    except PROBLEMS as error:
        return Answer(time.monotonic() - began, str(error) or type(error).__name__)
    return Answer(time.monotonic() - began, details["why_not"] or "")


@contextmanager
def _watched(pid: int | None) -> Iterator[Memory | None]:
    """The memory of a process over the block; None where there is none to watch."""
    if pid is None:
        yield None
        return
    try:
        process = psutil.Process(pid)
        first = process.memory_info().rss
    except psutil.Error as error:
        raise ValueError(f"--pid {pid}: {error}") from error
    memory, over = Memory(first, first, first), threading.Event()

    def watch() -> None:
        with suppress(psutil.Error):  # the page has ended, which those who compare will tell of
            while not over.wait(WATCH_EVERY):
                memory.last = process.memory_info().rss
                memory.most = max(memory.most, memory.last)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield memory
    finally:
        over.set()
        watcher.join()


if __name__ == "__main__":
    sys.exit(main())
