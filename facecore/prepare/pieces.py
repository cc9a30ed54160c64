"""What is done already, kept in OUT/.prepare in pieces of some photos, so that a run can be stopped at any moment.

A piece is written whole or not at all: what is there needs no second look.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from facecore.errors import DataError
from facecore.files import atomic_path, write_text
from facecore.prepare.pool import Lost
from facecore.prepare.worker import Cut

STATE = ".prepare"
PIECE = 256
"""Photos in a piece: some seconds of work, which is what a stop costs."""


@dataclass(frozen=True)
class Pieces:
    """The pieces of a run over `count` photos in `folder`."""

    folder: Path
    count: int

    def missing(self) -> list[int]:
        """Numbers of the pieces that are not written yet."""
        return [number for number in range(-(-self.count // PIECE)) if not self._path(number).exists()]

    def rows(self, number: int) -> range:
        """The photos of a piece."""
        return range(number * PIECE, min((number + 1) * PIECE, self.count))

    def write(self, number: int, cuts: list[Cut | Lost], embeddings: NDArray[np.float32] | None) -> None:
        """Write a piece.

        Args:
            number: which.
            cuts: what became of its photos.
            embeddings: (F, D) of those among them that have a face, in their order; None without a network.
        """
        known = [Cut("unreadable", cut.problem) if isinstance(cut, Lost) else cut for cut in cuts]
        vectors = iter(() if embeddings is None else embeddings.astype(np.float16))
        columns: dict[str, Any] = {
            "status": [cut.status for cut in known],
            "details": [cut.details for cut in known],
            "pixels": [cut.pixels for cut in known],
            "eye_distance": pa.array([cut.eye_distance for cut in known], pa.float32()),
            "image": pa.array([cut.image for cut in known], pa.binary()),
            "landmarks": pa.array(
                [None if cut.landmarks is None else cut.landmarks.ravel() for cut in known], pa.list_(pa.float32())
            ),
            "embedding": pa.array(
                [next(vectors, None) if cut.status == "ok" else None for cut in known], pa.list_(pa.float16())
            ),
        }
        with atomic_path(self._path(number)) as path:
            pq.write_table(pa.table(columns), path)

    def facts(self) -> pd.DataFrame:
        """`status`, `details`, `pixels` and `eye_distance` of every photo.

        Raises:
            DataError: a piece cannot be read.
        """
        return pd.concat([table.to_pandas() for table in self._read(["status", "details", "pixels", "eye_distance"])],
                         ignore_index=True)  # fmt: skip

    def embeddings(self) -> NDArray[np.float16] | None:
        """(N, D), rows of NaN for photos without a face; None where no photo has one or there was no network."""
        found = [_vectors(table) for table in self._read(["embedding"])]
        widths = {len(vectors[0]) for vectors in found if len(vectors)}
        if not widths:
            return None
        matrix = np.full((self.count, widths.pop()), np.nan, np.float16)
        for number, (table, vectors) in enumerate(zip(self._read(["embedding"]), found, strict=True)):
            if len(vectors):
                rows = np.array(self.rows(number))[table["embedding"].is_valid().to_numpy()]
                matrix[rows] = vectors
        return matrix

    def faces(self) -> Iterator[tuple[bytes, NDArray[np.float32] | None]]:
        """Image and landmarks of every photo, one after another; empty where there is no face."""
        for table in self._read(["image", "landmarks"]):
            for image, landmarks in zip(table["image"], table["landmarks"], strict=True):
                points = landmarks.as_py()
                yield image.as_py(), None if points is None else np.array(points, np.float32)

    def _read(self, columns: list[str]) -> Iterator[pa.Table]:
        for number in range(-(-self.count // PIECE)):
            try:
                yield pq.read_table(self._path(number), columns=columns)
            except (OSError, pa.ArrowException) as error:
                raise DataError(
                    f"{self._path(number)}: what was done before cannot be read ({error}); delete this file, and the "
                    "same command makes it anew"
                ) from error

    def _path(self, number: int) -> Path:
        return self.folder / f"piece-{number:06d}.parquet"


def open_pieces(out: Path, settings: Mapping[str, Any], count: int) -> Pieces:
    """The pieces of a run, begun here or before.

    Args:
        out: folder that is written.
        settings: everything that decides what comes out, as JSON takes it.
        count: photos.

    Raises:
        DataError: `out` holds something else, or a run that was begun with other settings or photos.
    """
    state = out / STATE
    file = state / "settings.json"
    if not file.is_file():
        if out.exists() and (not out.is_dir() or any(path.name != STATE for path in out.iterdir())):
            raise DataError(f"{out}: is there already, and no run that was stopped; choose another folder or delete it")
        state.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(settings, indent=1) + "\n")
        return Pieces(state, count)
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
        names = sorted(name for name in settings if before.get(name) != settings[name])
    except (ValueError, AttributeError) as error:
        raise DataError(f"{file}: cannot be read ({error}); delete {out} to begin anew") from error
    if names:
        shown = ", ".join(f"{name} was {_short(before.get(name))} and is {_short(settings[name])}" for name in names)
        raise DataError(
            f"{out}: a run was begun here with something else: {shown}; give the same again to go on, or delete {out} "
            "to begin anew"
        )
    return Pieces(state, count)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:12]}..."


def _vectors(table: pa.Table) -> NDArray[np.float16]:
    column = table["embedding"].combine_chunks().drop_null()
    if not isinstance(column, pa.ListArray) or not len(column):
        return np.empty((0, 0), np.float16)
    values: NDArray[np.float16] = column.flatten().to_numpy()
    return values.reshape(len(column), -1)
