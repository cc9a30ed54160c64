import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from eval.ablation.child import run_program

ROOT = Path(__file__).resolve().parents[3]
Handler = Callable[[int, FrameType | None], object] | signal.Handlers


def _python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


def test_code_and_output(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("from before\n")
    ended = run_program(_python("import sys; print('a\\rb: c'); print(); sys.exit(2)"), log)
    assert (ended.code, ended.last_line) == (2, "b: c")
    assert ended.seconds > 0
    assert log.read_text().startswith("from before\n")


def test_memory(tmp_path: Path) -> None:
    size = 150_000_000
    program = f"x = bytearray({size}); x[::4096] = b'1' * len(x[::4096])"
    # Linux counts what the starting process holds as the program's own, so that a small one has to start it.
    code = (
        "import sys; from pathlib import Path; from eval.ablation.child import run_program; "
        f"print(run_program([sys.executable, '-c', {program!r}], Path({str(tmp_path / 'log')!r})).peak_bytes)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert size < int(done.stdout) < 2 * size


def test_silence_is_no_line_of_before(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("from before\n")
    assert run_program(_python("pass"), tmp_path / "log").last_line == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_a_program_that_is_killed(tmp_path: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert run_program(_python(code), tmp_path / "log").code == -signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
@pytest.mark.parametrize(
    ("number", "ctrl_c"),
    [
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_IGN),  # as of a command that a script starts in the background
    ],
)
def test_being_stopped_stops_the_program_and_waits_for_it(
    tmp_path: Path, number: signal.Signals, ctrl_c: Handler
) -> None:
    ready, ended = tmp_path / "ready", tmp_path / "ended"
    code = (
        f"import time\ntry:\n open({str(ready)!r}, 'w').close(); time.sleep(60)\n"
        f"except KeyboardInterrupt:\n time.sleep(0.2); open({str(ended)!r}, 'w').close()"
    )

    def stop() -> None:
        while not ready.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    usual = signal.signal(signal.SIGINT, ctrl_c)
    try:
        before = signal.getsignal(number)
        thread = threading.Thread(target=stop)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            run_program(_python(code), tmp_path / "log")
        thread.join()
        assert ended.exists()
        assert signal.getsignal(number) == before
    finally:
        signal.signal(signal.SIGINT, usual)


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_ctrl_c_that_is_ignored_stays_so(tmp_path: Path) -> None:
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        assert run_program(_python("import time; time.sleep(0.8)"), tmp_path / "log").code == 0
        timer.join()
    finally:
        signal.signal(signal.SIGINT, usual)
