"""Embeddings of the last few minutes, in memory alone, so that a list that was mended is scored again at once.

Each visitor finds only what came from photos of their own session, and nothing stays longer than photos do.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.safety import SWEEP_AGE, SWEEP_EVERY
from eval.cache import Entry

MOST = 10_000  # embeddings, about 15 MB

Key = tuple[str, int, bytes]  # session, version, digest of the photo


class Memory:
    """What all sessions have in memory together. Safe to use from several threads.

    Args:
        most: embeddings that are kept; the oldest go first.
        age: seconds after which one is forgotten.
        clock: gives seconds.
    """

    def __init__(self, most: int = MOST, age: float = SWEEP_AGE, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._age = age
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[float, Entry]] = OrderedDict()
        self._versions: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, session: str) -> "SessionMemory":
        """The part of one session."""
        return SessionMemory(self, session)

    def version(self, key: str) -> int:
        """A number for each way of making embeddings: of the largest face, or for LFW lists of the middle one."""
        with self._lock:
            return self._versions.setdefault(key, len(self._versions))

    def find(self, key: Key) -> Entry | None:
        """What is known of a photo, unless it is too old."""
        with self._lock:
            kept = self._kept.get(key)
        return kept[1] if kept and kept[0] > self._clock() - self._age else None

    def add(self, key: Key, entry: Entry) -> None:
        """Keep an embedding; the age counts from here, whatever is found again later."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (self._clock(), entry)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def forget(self) -> None:
        """Drop what is too old."""
        oldest = self._clock() - self._age
        with self._lock:
            while self._kept and next(iter(self._kept.values()))[0] <= oldest:
                self._kept.popitem(last=False)

    def start_forgetting(self) -> None:
        """Do so every half minute until the process ends."""

        def run() -> None:
            while True:
                time.sleep(SWEEP_EVERY)
                self.forget()

        threading.Thread(target=run, name="forget", daemon=True).start()


@dataclass(frozen=True)
class SessionMemory:
    """The embeddings of one session: what `eval.run.Run` takes for a cache."""

    memory: Memory
    session: str

    def digests(self, photos: Sequence[Path | bytes]) -> Iterator[bytes | None]:
        """SHA-256 of each photo's bytes, in order; None for a file that cannot be read."""
        for photo in photos:
            if isinstance(photo, bytes):
                yield hashlib.sha256(photo).digest()
                continue
            try:
                with photo.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").digest()
            except OSError:
                yield None
            else:
                yield digest

    def version(self, key: str, model: str) -> int:
        """The number that stands for everything that makes an embedding."""
        return self.memory.version(f"{model} {key}")

    def find(self, version: int, digests: Sequence[bytes]) -> dict[bytes, Entry]:
        """What is known of photos, by their digests."""
        found = {digest: self.memory.find((self.session, version, digest)) for digest in digests}
        return {digest: entry for digest, entry in found.items() if entry is not None}

    def add(self, version: int, entries: dict[bytes, Entry]) -> None:
        """Keep embeddings."""
        for digest, entry in entries.items():
            self.memory.add((self.session, version, digest), entry)
