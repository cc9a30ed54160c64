"""What was compared in the last minutes, in memory alone, so that a choice needs neither an upload nor a search."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Kept = TypeVar("Kept")

MOST = 48  # entries; a pair of photos of forty faces each holds 3 MB of crops, one of portraits 0.1 MB
AGE = 480.0  # s; shorter than files live, so that what is still remembered can still be shown


class Recent(Generic[Kept]):
    """Entries by a key that nobody can guess. The oldest give way; each is forgotten after a while, used or not.

    Safe to use from several threads.

    Args:
        most: entries that are kept at once.
        age: s for which one is kept, counted from when it came.
        clock: gives the time in seconds.
    """

    def __init__(self, most: int = MOST, age: float = AGE, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._age, self._clock = most, age, clock
        self._entries: OrderedDict[str, tuple[float, Kept]] = OrderedDict()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def keep(self, entry: Kept) -> str:
        """Remember an entry; returns its key."""
        key = secrets.token_urlsafe(16)
        with self._lock:
            self._entries[key] = self._clock(), entry
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
            self._set_timer()
        return key

    def get(self, key: str | None) -> Kept | None:
        """The entry, None where it was forgotten or never there."""
        with self._lock:
            self._drop_old()
            found = self._entries.get(key or "")
            return found[1] if found else None

    def replace(self, key: str, entry: Kept) -> None:
        """Put an entry in the place of another, whose age it takes on; nothing happens where that was forgotten."""
        with self._lock:
            if key in self._entries:
                self._entries[key] = self._entries[key][0], entry

    def forget_old(self) -> None:
        """Forget what is too old. Happens by itself, too: a timer runs while there is anything."""
        with self._lock:
            self._timer = None
            self._drop_old()
            self._set_timer()

    def _drop_old(self) -> None:
        oldest = self._clock() - self._age
        while self._entries and next(iter(self._entries.values()))[0] <= oldest:
            self._entries.popitem(last=False)

    def _set_timer(self) -> None:
        if self._entries and self._timer is None:
            came = next(iter(self._entries.values()))[0]
            self._timer = threading.Timer(max(0.05, came + self._age - self._clock()), self.forget_old)
            self._timer.daemon = True
            self._timer.start()
