import ctypes
import platform
import threading
import time

import pytest

from demo import memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can give memory back when asked")
def test_glibc_gives_back() -> None:
    assert memory.give_back()


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not memory.give_back()
    before = threading.active_count()
    memory.start_giving_back()
    deadline = time.monotonic() + 60
    while threading.active_count() > before:  # the thread has nothing to do and ends
        assert time.monotonic() < deadline
        time.sleep(0.01)
