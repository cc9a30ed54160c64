"""Embeddings on disk, so that no photo is embedded twice and a run that was stopped goes on where it was.

One SQLite file. An embedding is found by the digest of the photo's bytes and the version of everything that made it:
model, detection, alignment, policy, precision, batch size, libraries. A second table remembers the digest of each file
by path, size and times, so that unchanged files are not read again. Any number of runs may use one cache at once.

    python -m eval.cache info       where it is, how large, and what it holds
    python -m eval.cache clear      delete what it holds, or with --model NAME what one model made
"""

import argparse
import errno
import hashlib
import os
import sqlite3
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import platformdirs

from facecore.command_line import DONE, run_command
from facecore.errors import CacheError

FILE = "embeddings.sqlite"
FORMAT_VERSION = 1
PATIENCE = 60.0  # seconds that one writer waits for another
RACY = 2_000_000_000  # ns; a file changed so shortly before it was read may change again without its times showing it

_TABLES = f"""
PRAGMA user_version = {FORMAT_VERSION};
CREATE TABLE IF NOT EXISTS versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, model TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, digest BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS embeddings (
    version INTEGER NOT NULL, digest BLOB NOT NULL, status TEXT NOT NULL, quality REAL, problem TEXT, embedding BLOB,
    PRIMARY KEY (version, digest)
);
"""


@dataclass(frozen=True)
class Entry:
    """What the cache knows of one photo.

    Attributes:
        status: see `facecore.results.Prepared.status`.
        quality: 0..1, or NaN.
        problem: why there is no embedding, for people.
        embedding: (D,) float32 of length one, or None.
    """

    status: str
    quality: float
    problem: str | None
    embedding: np.ndarray | None


class Store(Protocol):
    """What a run asks of a cache; `Cache` keeps it on disk."""

    def digests(self, photos: Sequence[Path | bytes]) -> Iterator[bytes | None]:
        """SHA-256 of each photo's bytes, in order; None for a file that cannot be read."""

    def version(self, key: str, model: str) -> int:
        """The number that stands for everything that makes an embedding, which `key` names."""

    def find(self, version: int, digests: Sequence[bytes]) -> dict[bytes, Entry]:
        """What is known of photos, by their digests."""

    def add(self, version: int, entries: dict[bytes, Entry]) -> None:
        """Keep embeddings."""


def default_folder() -> Path:
    """The user's cache directory for facecore."""
    return Path(platformdirs.user_cache_dir("facecore", appauthor=False))


class Cache:
    """A cache in a folder, which is made with access for its owner alone.

    Args:
        folder: where the file is or shall be.

    Raises:
        CacheError: the folder cannot be made or written to, or the file is no cache.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CacheError(f"{folder}: the folder for the cache cannot be made: {error.strerror}") from error
        with self._told():
            self._db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version not in (0, FORMAT_VERSION):
                raise CacheError(f"{self.path}: made by another facecore: give another --cache, or delete it")
            self._use_write_ahead_log()
            # A crash of the machine may cost the last transactions, and never the file.
            self._db.execute("PRAGMA synchronous = NORMAL")
            if version == 0:
                self._db.executescript(_TABLES)

    def _use_write_ahead_log(self) -> None:
        # SQLite does not wait for other writers here, so we do.
        for attempt in range(50):
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if attempt == 49:
                    raise
                time.sleep(0.1)

    def close(self) -> None:
        """Give the file free."""
        self._db.close()

    def digests(self, photos: Sequence[Path | bytes]) -> Iterator[bytes | None]:
        """SHA-256 of each photo's bytes, in order; None for a file that cannot be read.

        Only files that are new or have changed are read.
        """
        paths = [os.fsencode(photo) for photo in photos if isinstance(photo, Path)]
        known: dict[bytes, tuple[int, int, int, bytes]] = {}
        with self._told():
            for part in _parts(paths):
                marks = ",".join("?" * len(part))
                query = f"SELECT path, size, mtime, ctime, digest FROM files WHERE path IN ({marks})"
                known.update({row[0]: row[1:] for row in self._db.execute(query, part)})
        fresh: list[tuple[bytes, int, int, int, bytes]] = []
        for photo in photos:
            if isinstance(photo, bytes):
                yield hashlib.sha256(photo).digest()
                continue
            path = os.fsencode(photo)
            try:
                found = os.stat(photo)
                if not stat.S_ISREG(found.st_mode):  # a pipe would keep us waiting, and a device has no end
                    yield None
                    continue
                times = (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
                row = known.get(path)
                digest = row[3] if row is not None and row[:3] == times else _digest(photo)
            except OSError:
                yield None
                continue
            if row is None or row[3] != digest or row[:3] != times:
                if time.time_ns() - max(times[1:]) > RACY:
                    fresh.append((path, *times, digest))
                if len(fresh) == 500:
                    self._remember(fresh)
                    fresh = []
            yield digest
        self._remember(fresh)

    def _remember(self, rows: list[tuple[bytes, int, int, int, bytes]]) -> None:
        with self._told(), self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)

    def version(self, key: str, model: str) -> int:
        """The number that stands for everything that makes an embedding.

        Args:
            key: names it all; any difference gives another number.
            model: name of the model, for `info` and `clear`.
        """
        with self._told(), self._transaction():
            self._db.execute("INSERT OR IGNORE INTO versions (key, model) VALUES (?, ?)", (key, model))
            (number,) = self._db.execute("SELECT id FROM versions WHERE key = ?", (key,)).fetchone()
        return int(number)

    def find(self, version: int, digests: Sequence[bytes]) -> dict[bytes, Entry]:
        """What is known of photos, by their digests."""
        found = {}
        with self._told():
            for part in _parts(digests):
                query = (
                    "SELECT digest, status, quality, problem, embedding FROM embeddings "
                    f"WHERE version = ? AND digest IN ({','.join('?' * len(part))})"
                )
                for digest, status, quality, problem, blob in self._db.execute(query, [version, *part]):
                    vector = None if blob is None else np.frombuffer(blob, "<f4")
                    found[digest] = Entry(status, float("nan") if quality is None else quality, problem, vector)
        return found

    def add(self, version: int, entries: dict[bytes, Entry]) -> None:
        """Keep embeddings, all of them or, when the process is killed meanwhile, none."""
        rows = [
            (
                version,
                digest,
                entry.status,
                None if np.isnan(entry.quality) else float(entry.quality),
                entry.problem,
                None if entry.embedding is None else entry.embedding.astype("<f4").tobytes(),
            )
            for digest, entry in entries.items()
        ]
        with self._told(), self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?, ?, ?)", rows)

    def content(self) -> tuple[int, list[tuple[str, int]]]:
        """The number of files it remembers, and the number of embeddings by model."""
        with self._told():
            (files,) = self._db.execute("SELECT count(*) FROM files").fetchone()
            rows = self._db.execute(
                "SELECT model, count(*) FROM versions JOIN embeddings ON version = id GROUP BY model"
            ).fetchall()
        return files, rows

    def clear(self, model: str | None = None) -> int:
        """Delete the embeddings of one model, or everything; returns how many embeddings went."""
        with self._told():
            with self._transaction():
                # The versions stay: a run that goes on meanwhile adds to the one that it has.
                which = "SELECT id FROM versions WHERE ? IS NULL OR model = ?"
                query = f"DELETE FROM embeddings WHERE version IN ({which})"
                gone = self._db.execute(query, (model, model)).rowcount
                if model is None:
                    self._db.execute("DELETE FROM files")
            self._db.execute("VACUUM")
        return gone

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # a full disk has ended it already
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns SQLite's errors into ours."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise OSError(errno.ENOSPC, "no space left for the cache", str(self.path)) from error
            advice = "give another --cache or --no-cache or, if the file is damaged, delete it"
            raise CacheError(f"{self.path}: the cache cannot be used ({error}): {advice}") from error


def _parts(items: Sequence[bytes], size: int = 500) -> Iterator[Sequence[bytes]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m eval.cache", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("what", choices=["info", "clear"])
    p.add_argument("--cache", type=Path, default=default_folder(), metavar="DIR", help="(default %(default)s)")
    p.add_argument("--model", metavar="NAME", help="clear only what this model made")
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _run, argv)


def _run(a: argparse.Namespace) -> int:
    if not (a.cache / FILE).exists():
        print(f"{a.cache}: there is no cache here")
        return DONE
    cache = Cache(a.cache)
    if a.what == "clear":
        print(f"deleted {cache.clear(a.model):,} embeddings from {cache.path}")
        return DONE
    files, models = cache.content()
    size = sum(path.stat().st_size for path in a.cache.glob(f"{FILE}*"))
    print(f"{cache.path}: {size / 1e6:.1f} MB, {files:,} files remembered")
    for model, count in models:
        print(f"{count:>10,} embeddings by {model}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
