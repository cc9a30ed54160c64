"""A function over many items in worker processes, in order; an item that crashes or hangs its process costs itself."""

import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as Late
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from typing import Generic, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from facecore.errors import FacecoreError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Lost:
    """An item without a result.

    Attributes:
        problem: what happened to it, for people.
    """

    problem: str


@dataclass(frozen=True)
class Workers(Generic[Item, Result]):
    """Processes that run one function.

    Attributes:
        function: importable by another process; what it returns is sent back.
        begin: called once in each process.
        count: how many processes; 0 runs the function in this one, without shelter.
        timeout: seconds after which an item is given up.
        ahead: items that may be worked on or waiting at any time.
    """

    function: Callable[[Item], Result]
    begin: Callable[[], None]
    count: int
    timeout: float
    ahead: int

    def run(self, items: Sequence[Item]) -> Iterator[Result | Lost]:
        """The result for each item, in the items' order.

        Raises:
            FacecoreError: no process can be started, or the function raised one.
        """
        if not self.count or not items:
            yield from map(self.function, items)
            return
        pool = ProcessPool(
            min(self.count, len(items)), context=_context(self.function), initializer=_begin, initargs=[self.begin]
        )
        waiting: deque[tuple[Item, ProcessFuture[Result]]] = deque()
        try:
            for item in items:
                waiting.append((item, self._submit(pool, item)))
                if len(waiting) >= self.ahead:
                    yield self._outcome(pool, *waiting.popleft())
            while waiting:
                yield self._outcome(pool, *waiting.popleft())
        except BrokenProcessPool:
            raise FacecoreError("no worker process can be started: do without them, with --workers 0") from None
        finally:
            pool.stop()
            pool.join()

    def _submit(self, pool: ProcessPool, item: Item) -> "ProcessFuture[Result]":
        return pool.schedule(self.function, args=(item,), timeout=self.timeout)

    def _outcome(self, pool: ProcessPool, item: Item, future: "ProcessFuture[Result]") -> Result | Lost:
        try:
            return future.result()
        except Late:
            return self._late()
        except ProcessExpired:
            # It may have been another item's fault, for example for want of memory: one more try.
            try:
                return self._submit(pool, item).result()
            except Late:
                return self._late()
            except ProcessExpired as error:
                return Lost(f"crashed the process that read it, twice (exit code {error.exitcode})")

    def _late(self) -> Lost:
        return Lost(f"given up after {self.timeout:g} seconds")


def _begin(begin: Callable[[], None]) -> None:
    # A worker ends when the process that started it does, even killed, and even while an item hangs.
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_end, args=(parent.join,), daemon=True).start()
    begin()


def _wait_and_end(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)


def _context(function: Callable[..., object]) -> BaseContext:
    """How workers are started; never by a plain fork: a copy of a process in which torch has threads may hang."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([getattr(function, "func", function).__module__])  # what a partial() is of
    return context
