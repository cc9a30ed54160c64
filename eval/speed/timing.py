"""Seconds that a call takes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import torch

from facecore.faces.align import opencv


def median_seconds(call: Callable[[], object], repeat: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """The median of `repeat` calls by a clock, after one that warms up."""
    call()
    times = []
    for _ in range(repeat):
        began = clock()
        call()
        times.append(clock() - began)
    return median(times)


@contextmanager
def one_core() -> Iterator[None]:
    """One thread for OpenCV and PyTorch, so that the time of the process is that of one core."""
    cv2 = opencv()
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
