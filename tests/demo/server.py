"""app.py as a process of its own, started from another folder, as a user would."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

APP = Path(__file__).resolve().parents[2] / "app.py"
PATIENCE = 120  # s, for machines that do much else at the same time


@dataclass(frozen=True)
class Server:
    """A running page.

    Attributes:
        url: its address, with a slash at the end.
        temporary: the folder that it takes for the system's temporary one.
        process: what runs it.
    """

    url: str
    temporary: Path
    process: subprocess.Popen[bytes]

    @property
    def uploads(self) -> Path:
        """Where the page keeps files."""
        (folder,) = self.temporary.glob("facecore-page-*/uploads")
        return folder

    def stop(self) -> int:
        """Press Ctrl-C; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Server]:
    """The page on a free port, stopped at the end; `folder` takes its output and its temporary files."""
    port = free_port()
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    output = folder / "output.txt"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRADIO_")}
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, str(APP), "--port", str(port), *arguments],
            cwd=folder,
            env={**environment, "TMPDIR": str(temporary)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while b"Running on" not in output.read_bytes():
            assert process.poll() is None, f"the page ended: {output.read_text()}"
            assert time.monotonic() < deadline, f"the page did not start: {output.read_text()}"
            time.sleep(0.1)
        yield Server(f"http://127.0.0.1:{port}/", temporary, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
