"""A program run to its end, with what it took."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

ENDING_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes:
        code: its exit code; negative: the signal that killed it.
        seconds: from start to end.
        peak_bytes: the largest resident memory of it, or of one of its processes where that was larger.
        last_line: what it printed last.
    """

    code: int
    seconds: float
    peak_bytes: int
    last_line: str


def run_program(words: Sequence[str], log: Path) -> Ended:
    """Run a program and wait for its end; what it prints is added to a file.

    On Ctrl-C, and when this process is told to end, the program is told to stop as by Ctrl-C and its end is waited for.

    Args:
        words: the program and its arguments.
        log: file for what it prints.

    Raises:
        KeyboardInterrupt: after the program has stopped.
        OSError: the program cannot be started, or the file cannot be written.
    """
    began = time.monotonic()
    with log.open("ab") as file, _interrupting():
        start = file.seek(0, os.SEEK_END)
        # Its own session keeps the terminal's Ctrl-C from it: it would come twice, and the second stops it at once.
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code, peak = _wait(process)
        except KeyboardInterrupt:
            stop = signal.SIGTERM if sys.platform == "win32" else signal.SIGINT
            process.send_signal(stop)
            _wait(process)
            raise
    return Ended(code, time.monotonic() - began, peak, _last_line(log, start))


def _wait(process: "subprocess.Popen[bytes]") -> tuple[int, int]:
    """Exit code and largest resident memory in bytes."""
    if sys.platform == "win32":
        peak = 0
        while process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                peak = max(peak, psutil.Process(process.pid).memory_info().peak_wset)
            time.sleep(0.2)
        return process.returncode, peak
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextlib.contextmanager
def _interrupting() -> Iterator[None]:
    """Being told to end is taken as Ctrl-C, so that the program does not go on alone."""
    # A command in the background may be deaf to Ctrl-C, and a program inherits that, which then could not be stopped.
    # What has a handler here is heard there again.
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN

    def interrupt(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT or not deaf:
            raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ENDING_SIGNALS if hasattr(signal, name)]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_line(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode("utf-8", "replace").split("\n")
    return next((line.rpartition("\r")[2].strip() for line in reversed(lines) if line.strip()), "")
