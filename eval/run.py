"""One run: a model, an engine and a cache, and photos to embeddings through all three."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from eval.cache import Cache, Entry, Store, default_folder
from eval.engines.base import Embedded, Engine, Photo, Work
from eval.engines.local import LocalEngine
from eval.results import model_record
from facecore.checkpoint import Model
from facecore.device import usable_cores
from facecore.errors import CacheError
from facecore.faces.detector import Policy
from facecore.files import sha256
from facecore.flags import spec_from
from facecore.recognizer import FaceRecognizer, one_thread_per_photo

LIBRARIES = ("numpy", "opencv-python", "pillow", "torch")
"""Whose versions may change an embedding in its last digits."""

COMMIT_ROWS, COMMIT_SECONDS = 256, 2.0
"""So much is lost at most when a run is killed."""


@dataclass(frozen=True)
class ImageEmbeddings:
    """Embeddings of photos, in their order.

    Attributes:
        matrix: (N, D) float32, rows of length one; a row of NaN where there is no embedding.
        status: of each photo, see `facecore.results.Prepared.status`; "missing" where there is no file any more.
        quality: (N,) float32 in 0..1, NaN where there is no face.
        problems: what is wrong with photos that could not be used, by row.
    """

    matrix: np.ndarray
    status: tuple[str, ...]
    quality: np.ndarray
    problems: dict[int, str]


@dataclass(frozen=True)
class Run:
    """What turns photos into embeddings.

    Attributes:
        recognizer: model, calibration and network.
        work: what is done to each photo.
        engine: where it is done.
        cache: what was done before; None to do without.
        quiet: whether there is no progress bar on stderr.
    """

    recognizer: FaceRecognizer
    work: Work
    engine: Engine
    cache: Store | None = None
    quiet: bool = False

    @property
    def model(self) -> Model:
        """The model, with its name, digest, config and calibration."""
        return self.recognizer.model

    def record(self) -> dict[str, Any]:
        """How the numbers of this run come about, for scores.json."""
        recognizer, model = self.recognizer, self.model
        path = model.calibration_path
        content = json.loads(path.read_text(encoding="utf-8")) if model.calibration and path else {}
        return {
            "format_version": 1,
            "model": model_record(model),
            "calibration_digest": sha256(path) if content and path else None,
            "thresholds": content.get("thresholds"),
            "face": self.work.face,
            "align": self.work.spec.align,
            "alignment_version": model.config.alignment if recognizer.detects else None,
            "detector": recognizer.detector.version if recognizer.detects else None,
            "preset": model.config.preset,
            "backend": recognizer.backend.name,
            "precision": self.work.spec.precision,
            "batch_size": self.work.batch_size,
            "engine": self.engine.name,
        }

    def embed(self, photos: Sequence[Photo]) -> ImageEmbeddings:
        """Embed each photo once, with a progress bar on stderr unless `quiet`; what the cache knows is not done again.

        Args:
            photos: files, or the bytes of files; one that cannot be used gets a status, and does not stop the run.
                Photos with the same bytes are embedded once.

        Raises:
            FacecoreError: nothing can be embedded at all, or the cache cannot be used.
            OSError: the disk is full.
        """
        result = _Result(len(photos), self.recognizer.embedding_dim)
        if self.cache is None:
            for piece in self._engine_pieces(photos, 0):
                result.take(piece, [[int(row)] for row in piece.rows])
        else:
            self._embed_with(self.cache, photos, result)
        return ImageEmbeddings(result.matrix, tuple(result.status), result.quality, result.problems)

    def _embed_with(self, cache: Store, photos: Sequence[Photo], result: "_Result") -> None:
        states, rows_of = [_state(photo) for photo in photos], dict[bytes, list[int]]()
        digested = tqdm(cache.digests(photos), "checking", len(photos), unit="photo", delay=2, disable=self.quiet)
        for row, digest in enumerate(digested):
            if digest is not None:
                rows_of.setdefault(digest, []).append(row)
            else:
                gone = states[row] is None
                result.fail(row, "missing" if gone else "unreadable", _why_not_read(photos[row]))
        number = cache.version(self._version(), self.model.name)
        digests = list(rows_of)
        left = []
        for begin in range(0, len(digests), COMMIT_ROWS):
            part = digests[begin : begin + COMMIT_ROWS]
            known = cache.find(number, part)
            for digest in part:
                if digest in known:
                    result.take_entry(known[digest], rows_of[digest])
                else:
                    left.append(digest)
        keeper = _Keeper(cache, number)
        try:
            for piece in self._engine_pieces([photos[rows_of[digest][0]] for digest in left], len(photos) - len(left)):
                rows = [rows_of[left[place]] for place in piece.rows]
                result.take(piece, rows)
                firsts = [same[0] for same in rows]
                keeper.add(
                    piece,
                    [left[place] for place in piece.rows],
                    # A file that was written to meanwhile has another digest by now.
                    [states[row] == _state(photos[row]) for row in firsts],
                )
        finally:
            keeper.flush()

    def _engine_pieces(self, photos: Sequence[Photo], done: int) -> Iterator[Embedded]:
        if not photos:
            return
        total = done + len(photos)
        with tqdm(total=total, initial=done, desc="embedding", unit="photo", disable=self.quiet) as bar:
            for piece in self.engine.run(self.work, photos):
                yield piece
                bar.update(len(piece.rows))

    def _version(self) -> str:
        """Everything that decides which embedding a photo gets."""
        recognizer, work = self.recognizer, self.work
        return json.dumps(
            {
                "model": self.model.digest,
                "preparation": recognizer.preparer.version,
                "face": work.face,
                "backend": recognizer.backend.version,
                "batch_size": work.batch_size,
                "libraries": {name: version(name) for name in LIBRARIES},
            },
            sort_keys=True,
        )


class _Result:
    """Arrays that fill up as photos come back."""

    def __init__(self, count: int, dim: int) -> None:
        self.matrix = np.full((count, dim), np.nan, np.float32)
        self.quality = np.full(count, np.nan, np.float32)
        self.status = [""] * count
        self.problems: dict[int, str] = {}

    def take(self, piece: Embedded, rows: Sequence[Sequence[int]]) -> None:
        """What an engine gave; each of its rows may stand for several photos with the same bytes."""
        for place, same in enumerate(rows):
            self.matrix[same], self.quality[same] = piece.matrix[place], piece.quality[place]
            self._tell(same, piece.status[place], piece.problems.get(int(piece.rows[place])))

    def take_entry(self, entry: Entry, rows: Sequence[int]) -> None:
        """What the cache knew."""
        if entry.embedding is not None:
            self.matrix[rows] = entry.embedding
        self.quality[rows] = entry.quality
        self._tell(rows, entry.status, entry.problem)

    def fail(self, row: int, status: str, problem: str) -> None:
        """A photo that no engine saw."""
        self._tell([row], status, problem)

    def _tell(self, rows: Sequence[int], status: str, problem: str | None) -> None:
        for row in rows:
            self.status[row] = status
            if problem:
                self.problems[row] = problem


class _Keeper:
    """Puts what engines give into the cache, some hundred rows at a time."""

    def __init__(self, cache: Store, version: int) -> None:
        self.cache = cache
        self.version = version
        self.entries: dict[bytes, Entry] = {}
        self.last = time.monotonic()

    def add(self, piece: Embedded, digests: Sequence[bytes], unchanged: Sequence[bool]) -> None:
        """Keep a piece; some of it may not be kept."""
        for place, digest in enumerate(digests):
            if piece.keep[place] and unchanged[place]:
                row = piece.matrix[place]
                self.entries[digest] = Entry(
                    piece.status[place],
                    float(piece.quality[place]),
                    piece.problems.get(int(piece.rows[place])),
                    row if np.isfinite(row[0]) else None,
                )
        if len(self.entries) >= COMMIT_ROWS or time.monotonic() - self.last > COMMIT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting."""
        if self.entries:
            self.cache.add(self.version, self.entries)
        self.entries, self.last = {}, time.monotonic()


def _state(photo: Photo) -> tuple[int, ...] | None:
    """Changes when the file does; None where there is no file."""
    if isinstance(photo, bytes):
        return ()
    try:
        found = os.stat(photo)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _why_not_read(photo: Photo) -> str:
    if isinstance(photo, Path) and photo.exists() and not photo.is_file():
        return "is a folder" if photo.is_dir() else "is not a regular file but a device, pipe or socket"
    return "cannot be read"


@contextmanager
def open_run(a: argparse.Namespace, face: Policy = "largest") -> Iterator[Run]:
    """The run that the flags of `eval.flags.add_run_flags` ask for.

    Args:
        a: parsed flags.
        face: which face of several, where `--face` does not say.

    Raises:
        ModelError: the model cannot be used.
        CacheError: the folder given with `--cache` cannot be used.
        ValueError: a flag makes no sense.
    """
    for name, least in (("workers", 0), ("batch_size", 1), ("timeout", 1)):
        value = getattr(a, name)
        if value is not None and value < least:
            raise ValueError(f"--{name.replace('_', '-')} must be {least} or more, not {value}")
    one_thread_per_photo()
    spec = spec_from(a)
    recognizer = spec.make()
    cache = _open_cache(a)
    try:
        work = Work(spec, a.face or face, a.batch_size)
        yield Run(recognizer, work, _engine(a, recognizer), cache)
    finally:
        if cache is not None:
            cache.close()


def _engine(a: argparse.Namespace, recognizer: FaceRecognizer) -> Engine:
    if a.engine == "ray":
        from eval.engines.ray import RayEngine  # an optional extra

        return RayEngine(recognizer, a.ray_address, a.workers, a.timeout)
    return LocalEngine(recognizer, usable_cores() if a.workers is None else a.workers, a.timeout)


def _open_cache(a: argparse.Namespace) -> Cache | None:
    if a.no_cache:
        print("no cache: a run that is stopped cannot be resumed", file=sys.stderr)
        return None
    try:
        cache = Cache(a.cache or default_folder())
    except CacheError as error:
        if a.cache is not None:
            raise
        print(f"no cache, so a run that is stopped cannot be resumed: {error}", file=sys.stderr)
        return None
    print(f"cache: {cache.path}", file=sys.stderr)
    return cache
