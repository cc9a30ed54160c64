"""Photos to embeddings on this machine: reading and detection in worker processes, the network in batches here.

A photo that crashes or hangs the process that reads it costs that process, which is replaced, and nothing else.
"""

import multiprocessing
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as Late
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import BaseContext

import numpy as np
import torch
from pebble import ProcessExpired, ProcessFuture, ProcessPool

from eval.engines.base import Embedded, Photo, Work
from eval.engines.worker import Ready, end_with_parent, prepare
from facecore.device import usable_cores
from facecore.errors import FacecoreError
from facecore.faces.detector import Policy
from facecore.recognizer import FaceRecognizer
from facecore.spec import RecognizerSpec

NETWORK_SHARE = 3
"""Photos take about twice as long in the workers as in the network, so it gets a third of the cores. With all of them
its threads would spin while the workers need the processor: 40 in place of 51 photos/s on two cores."""


@dataclass(frozen=True)
class LocalEngine:
    """Worker processes on this machine.

    Attributes:
        recognizer: its network turns crops into embeddings.
        workers: processes that read photos and find faces; 0 does it in this process, one photo after another and
            without shelter from photos that crash the decoder.
        timeout: seconds after which a photo is given up.
        prepare: what is done in a worker; a function that another process can import.
        watch: is told how many photos have been read, and of how many, after each; what it raises ends the run.
    """

    recognizer: FaceRecognizer
    workers: int = 2
    timeout: float = 120.0
    prepare: Callable[[RecognizerSpec, Policy, Photo], Ready] = prepare
    watch: Callable[[int, int], None] = lambda done, total: None

    @property
    def name(self) -> str:
        """For the record of a run."""
        return "local"

    def run(self, work: Work, photos: Sequence[Photo]) -> Iterator[Embedded]:
        """See `Engine.run`; pieces have at most `work.batch_size` crops and come in the photos' order."""
        if not self.workers:
            yield from self._pieces(work, photos, self._alone(work, photos))
            return
        with _threads(max(1, usable_cores() // NETWORK_SHARE)):
            yield from self._pieces(work, photos, self._in_workers(work, photos))

    def _pieces(self, work: Work, photos: Sequence[Photo], ready: Iterator[Ready]) -> Iterator[Embedded]:
        begin, items, crops = 0, list[Ready](), 0
        for row, item in enumerate(ready):
            self.watch(row + 1, len(photos))
            items.append(item)
            crops += item.crop is not None
            if crops == work.batch_size or len(items) == 4 * work.batch_size or row + 1 == len(photos):
                yield embedded(self.recognizer, work.batch_size, np.arange(begin, row + 1), items)
                begin, items, crops = row + 1, [], 0

    def _alone(self, work: Work, photos: Sequence[Photo]) -> Iterator[Ready]:
        return (self.prepare(work.spec, work.face, photo) for photo in photos)

    def _in_workers(self, work: Work, photos: Sequence[Photo]) -> Iterator[Ready]:
        """What `prepare` gives for each photo, in order; few photos are worked on or waiting at any time."""
        ahead = work.batch_size + 2 * self.workers
        waiting: deque[tuple[Photo, ProcessFuture[Ready]]] = deque()
        pool = ProcessPool(min(self.workers, len(photos)), context=_context(), initializer=end_with_parent)

        def submit(photo: Photo) -> ProcessFuture[Ready]:
            return pool.schedule(self.prepare, args=(work.spec, work.face, photo), timeout=self.timeout)

        try:
            for photo in photos:
                waiting.append((photo, submit(photo)))
                if len(waiting) >= ahead:
                    yield self._outcome(*waiting.popleft(), submit)
            while waiting:
                yield self._outcome(*waiting.popleft(), submit)
        except BrokenProcessPool:
            raise FacecoreError(
                "no worker process can be started: a script that starts some must do so under "
                '`if __name__ == "__main__":`; or do without them, with --workers 0'
            ) from None
        finally:
            pool.stop()
            pool.join()

    def _outcome(
        self, photo: Photo, future: ProcessFuture[Ready], submit: Callable[[Photo], ProcessFuture[Ready]]
    ) -> Ready:
        try:
            return future.result()
        except Late:
            problem = f"given up after {self.timeout:g} seconds"
        except ProcessExpired:
            # It may have been another photo's fault, for example for want of memory: one more try.
            try:
                return submit(photo).result()
            except Late:
                problem = f"given up after {self.timeout:g} seconds"
            except ProcessExpired as error:
                problem = f"crashed the process that read it, twice (exit code {error.exitcode})"
        return Ready("unreadable", problem=problem, keep=False)


def embedded(recognizer: FaceRecognizer, batch_size: int, rows: np.ndarray, items: Sequence[Ready]) -> Embedded:
    """Run the network over what workers have made ready.

    Args:
        recognizer: has the network.
        batch_size: crops in one pass.
        rows: (n,) int64, the photos' places in the run.
        items: the same photos.
    """
    matrix = np.full((len(items), recognizer.embedding_dim), np.nan, np.float32)
    crops = {place: item.crop for place, item in enumerate(items) if item.crop is not None}
    if crops:
        matrix[list(crops)] = recognizer.encode(list(crops.values()), batch_size)
    return Embedded(
        rows,
        tuple(item.status for item in items),
        matrix,
        np.array([item.quality for item in items], np.float32),
        np.array([item.keep for item in items], bool),
        {int(row): item.problem for row, item in zip(rows, items, strict=True) if item.problem},
    )


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """PyTorch uses so many threads; the embeddings are the same to the last bit, whatever their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _context() -> BaseContext:
    """How workers are started: from a server that has the code loaded already, where there is such a thing.

    Never by a plain fork: a copy of a process in which torch has threads may hang.
    """
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([prepare.__module__])
    return context
