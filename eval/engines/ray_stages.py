"""What travels through the pipeline on a Ray cluster, and its first stage. Nothing here needs Ray, or PyTorch.

Text and pictures travel as bytes: names of files need not be valid Unicode, and there may be no picture.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as Late
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pebble import ProcessExpired, ProcessPool

from eval.engines.base import Embedded, Photo, Work
from eval.engines.worker import Ready, end_with_parent
from facecore.faces.detector import Policy
from facecore.spec import RecognizerSpec

PrepareOne = Callable[[RecognizerSpec, Policy, Photo], Ready]

TRIES = 2
"""How often a photo may crash a process. The first time may have been another's fault, for want of memory."""

_NUMBERED: list[tuple[str, pa.DataType]] = [("row", pa.int64()), ("file", pa.bool_())]
PHOTOS = pa.schema([*_NUMBERED, ("photo", pa.large_binary())])
_ABOUT: list[tuple[str, pa.DataType]] = [
    ("row", pa.int64()),
    ("status", pa.string()),
    ("quality", pa.float32()),
    ("keep", pa.bool_()),
]
READY = pa.schema([*_ABOUT, ("problem", pa.binary()), ("crop", pa.binary())])
EMBEDDED = pa.schema([*_ABOUT, ("problem", pa.binary()), ("embedding", pa.binary())])


def photo_table(begin: int, photos: Sequence[Photo]) -> pa.Table:
    """Photos as rows of `PHOTOS`, numbered from `begin`; files by their absolute path."""
    contents = [photo if isinstance(photo, bytes) else os.fsencode(os.path.abspath(photo)) for photo in photos]
    files = [not isinstance(photo, bytes) for photo in photos]
    rows = range(begin, begin + len(photos))
    return pa.Table.from_arrays(
        [pa.array(rows, pa.int64()), pa.array(files), pa.array(contents, pa.large_binary())], schema=PHOTOS
    )


class Prepare:
    """Reads photos, finds faces and cuts them out.

    Each photo is handed to a process of the actor's own, so that one that crashes or hangs the decoder costs that
    process, and neither the actor nor the photos beside it.

    Args:
        work: what to do.
        prepare: as `eval.engines.worker.prepare`.
        timeout: seconds after which a photo is given up.
    """

    def __init__(self, work: Work, prepare: PrepareOne, timeout: float) -> None:
        self.work = work
        self.prepare = prepare
        self.timeout = timeout
        self.pool = ProcessPool(
            1,
            context=multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver"),
            initializer=end_with_parent,
        )

    def __call__(self, photos: pa.Table) -> pa.Table:
        """Rows of `PHOTOS` -> rows of `READY`."""
        rows: list[dict[str, Any]] = photos.to_pylist()
        out = []
        for row in rows:
            ready = self._one(Path(os.fsdecode(row["photo"])) if row["file"] else row["photo"])
            out.append(
                {
                    "row": row["row"],
                    "status": ready.status,
                    "quality": ready.quality,
                    "keep": ready.keep,
                    "problem": ready.problem and ready.problem.encode("utf-8", "surrogateescape"),
                    "crop": None if ready.crop is None else ready.crop.tobytes(),
                }
            )
        return pa.Table.from_pylist(out, schema=READY)

    def _one(self, photo: Photo) -> Ready:
        problem = ""
        for _ in range(TRIES):
            future = self.pool.schedule(
                self.prepare, args=(self.work.spec, self.work.face, photo), timeout=self.timeout
            )
            try:
                ready = future.result()
            except Late:
                problem = f"given up after {self.timeout:g} seconds"
                break
            except ProcessExpired as error:
                problem = f"crashed the process that read it, twice (exit code {error.exitcode})"
            else:
                assert isinstance(ready, Ready)
                return ready
        return Ready("unreadable", problem=problem, keep=False)


def embedded(table: pa.Table, dim: int) -> Embedded:
    """Rows of `EMBEDDED` as engines give them.

    Args:
        table: the rows.
        dim: width of an embedding.
    """
    rows: list[dict[str, Any]] = table.to_pylist()
    matrix = np.full((len(rows), dim), np.nan, np.float32)
    for place, row in enumerate(rows):
        if row["embedding"] is not None:
            matrix[place] = np.frombuffer(row["embedding"], "<f4")
    return Embedded(
        np.array([row["row"] for row in rows], np.int64),
        tuple(row["status"] for row in rows),
        matrix,
        np.array([row["quality"] for row in rows], np.float32),
        np.array([row["keep"] for row in rows], bool),
        {row["row"]: row["problem"].decode("utf-8", "surrogateescape") for row in rows if row["problem"]},
    )
