"""What was compared in the last minutes, in memory alone, so that a choice needs neither an upload nor a search."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

Kept = TypeVar("Kept")

MOST = 128_000_000
"""Bytes. A pair of portraits takes 0.1 MB, one of two photos of forty faces each 3 MB: room for the pairs of sixteen
people who compare all the time, for as long as these are kept."""
AGE = 480.0  # s; shorter than files live, so that what is still remembered can still be shown


@dataclass(frozen=True)
class _Entry(Generic[Kept]):
    value: Kept
    came: float
    size: int


class Recent(Generic[Kept]):
    """Entries by a key that nobody can guess. The oldest give way; each is forgotten after a while, used or not.

    Safe to use from several threads.

    Args:
        most: bytes that all entries together may take.
        age: s for which one is kept, counted from when it came.
        clock: gives the time in seconds.
    """

    def __init__(self, most: int = MOST, age: float = AGE, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._age, self._clock = most, age, clock
        self._entries: OrderedDict[str, _Entry[Kept]] = OrderedDict()
        self._taken = 0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def keep(self, value: Kept, size: int) -> str:
        """Remember a value.

        Args:
            value: to be given back by `get`.
            size: bytes that it takes.

        Returns:
            Its key.
        """
        key = secrets.token_urlsafe(16)
        with self._lock:
            self._entries[key] = _Entry(value, self._clock(), size)
            self._taken += size
            while self._taken > self._most:
                self._drop_oldest()
            self._set_timer()
        return key

    def get(self, key: str | None) -> Kept | None:
        """The value, None where it was forgotten or never there."""
        with self._lock:
            self._drop_old()
            found = self._entries.get(key or "")
            return found.value if found else None

    def change(self, key: str, value: Kept) -> None:
        """Put a value of the same size in the place of another, which it ages like; one that was forgotten stays so."""
        with self._lock:
            if key in self._entries:
                self._entries[key] = replace(self._entries[key], value=value)

    def forget_old(self) -> None:
        """Forget what is too old. Happens by itself, too: a timer runs while there is anything."""
        with self._lock:
            self._timer = None
            self._drop_old()
            self._set_timer()

    def _drop_old(self) -> None:
        oldest = self._clock() - self._age
        while self._entries and next(iter(self._entries.values())).came <= oldest:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, entry = self._entries.popitem(last=False)
        self._taken -= entry.size

    def _set_timer(self) -> None:
        if self._entries and self._timer is None:
            came = next(iter(self._entries.values())).came
            self._timer = threading.Timer(max(0.05, came + self._age - self._clock()), self.forget_old)
            self._timer.daemon = True
            self._timer.start()
