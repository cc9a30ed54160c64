"""Parquet shards of aligned faces with teachers' embeddings, and the verification pairs beside them.

A folder of shards holds

    faces-*.parquet      id, image (encoded bytes), split, and a fixed-size list of int8 for each teacher
    teachers.json        for each teacher the float scale of each dimension: embedding = int8 * scale
    val_pairs.parquet    left, right (ids), same, half ("fit" or "test"), pool
"""

import io
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from facecore.device import usable_cores
from facecore.errors import DataError

VAL_SPLITS = ("val", "fairface_val")
CROP_SIZE = 112
PIECE = 256  # faces that one thread decodes at a time
FORMATS = ("WEBP", "PNG", "JPEG")


@dataclass(frozen=True)
class FaceShards:
    """Decoded faces in memory.

    Attributes:
        ids: (N,) int64, number of each face.
        images: (N, 112, 112, 3) uint8 RGB.
        targets: (N, D) float32 for each teacher asked for, as the teacher gave it (not normalised).
        labels: (N,) int64, the place of each face's person in `classes`; -1 where unknown or not asked for.
        classes: names of the people, sorted; empty where they were not asked for.
    """

    ids: NDArray[np.int64]
    images: NDArray[np.uint8]
    targets: dict[str, NDArray[np.float32]]
    labels: NDArray[np.int64]
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def name(self, row: int) -> str:
        """What to call a face in a message."""
        return f"face {self.ids[row]}"


def read_shards(
    folder: str | Path,
    splits: Sequence[str],
    teachers: Sequence[str] = (),
    people: bool = False,
    progress: bool = True,
    licences: Sequence[str] = (),
    most: int | None = None,
) -> FaceShards:
    """The faces of some splits, decoded by as many threads as there are cores: 38 kB a face.

    Args:
        folder: the folder of shards.
        splits: values of the column `split` to take.
        teachers: columns of embeddings to take along.
        people: whether to label the faces by the column `person`; where it is empty or missing a face has no label.
        progress: whether to draw a bar on stderr.
        licences: values of the column `licence` to take; none: all faces, whatever it says.
        most: take no more than this many faces, 1 or more, evenly spread over all; None for all.

    Raises:
        DataError: no shards there, a column or scale is missing, an image cannot be decoded or has another size.
    """
    paths = shard_paths(folder)
    scales = {name: _teacher_scale(Path(folder), name) for name in teachers}
    columns = ["id", "image", *teachers]
    tables = [_read_table(path, columns, splits, ["person"] if people else [], licences) for path in paths]
    total = sum(table.num_rows for table in tables)
    if total == 0:
        under = f" under the licence {' or '.join(licences)}" if licences else ""
        raise DataError(f"{folder}: no face belongs to the split {' or '.join(splits)}{under}")
    if most is not None and most < total:
        tables = _thinned(tables, np.linspace(0, total - 1, most).astype(np.int64))
        total = most
    labels, classes = _labels(tables) if people else (np.full(total, -1, np.int64), ())
    return FaceShards(
        ids=np.concatenate([table["id"].to_numpy() for table in tables]).astype(np.int64),
        images=_decode_all(paths, tables, progress),
        targets={
            name: np.concatenate([_embeddings(table, name) for table in tables]) * scales[name] for name in teachers
        },
        labels=labels,
        classes=classes,
    )


def teacher_names(folder: str | Path) -> tuple[str, ...]:
    """The teachers that teachers.json has scales for, in its order.

    Raises:
        DataError: the file cannot be read or names none.
    """
    names = tuple(_scales(Path(folder)))
    if not names:
        raise DataError(f"{folder}: teachers.json names no teacher")
    return names


def shard_paths(folder: str | Path) -> list[Path]:
    """The shards of a folder, sorted by name.

    Raises:
        DataError: there are none.
    """
    paths = sorted(Path(folder).glob("faces-*.parquet"))
    if not paths:
        raise DataError(f"{folder}: no shards here: expected files called faces-*.parquet")
    return paths


def read_pairs(folder: str | Path, half: str) -> pd.DataFrame:
    """The verification pairs of one half: columns left, right (ids), same (bool), pool (text).

    Raises:
        DataError: the file is missing, cannot be read, lacks a column or has no pair of that half.
    """
    path = Path(folder) / "val_pairs.parquet"
    try:
        pairs = pd.read_parquet(path, columns=["left", "right", "same", "half", "pool"])
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: the verification pairs cannot be read: {error}") from error
    pairs = pairs[pairs["half"] == half].drop(columns="half").reset_index(drop=True)
    if pairs.empty:
        raise DataError(f'{path}: no pair belongs to the half "{half}"')
    return pairs


def _read_table(
    path: Path, columns: list[str], splits: Sequence[str], optional: Sequence[str], licences: Sequence[str]
) -> pa.Table:
    rows = pc.field("split").isin(list(splits))
    if licences:
        rows &= pc.field("licence").isin(list(licences))
    try:
        present = pq.read_schema(path).names if optional or licences else []
        if licences and "licence" not in present:
            raise DataError(f"{path}: there is no column licence, by which faces could be chosen")
        wanted = columns + [name for name in optional if name in present]
        return pq.read_table(path, columns=wanted, filters=rows)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path}: the shard cannot be read: {error}") from error


def _thinned(tables: Sequence[pa.Table], rows: NDArray[np.int64]) -> list[pa.Table]:
    """Of tables whose rows are counted through, those rows."""
    ends = np.cumsum([table.num_rows for table in tables])
    parts = np.split(rows, np.searchsorted(rows, ends[:-1]))
    return [table.take(part - (end - table.num_rows)) for table, part, end in zip(tables, parts, ends, strict=True)]


def _labels(tables: Sequence[pa.Table]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """For each face the place of its person among all, -1 where unknown; and the people, sorted."""
    empty = [pd.Series([""] * table.num_rows, dtype=object) for table in tables]
    columns = [
        table["person"].to_pandas().astype(object) if "person" in table.column_names else missing
        for table, missing in zip(tables, empty, strict=True)
    ]
    people = pd.concat(columns, ignore_index=True)
    people = people.where(people.notna() & (people != ""))
    labels, classes = pd.factorize(people, sort=True, use_na_sentinel=True)
    return labels.astype(np.int64), tuple(str(name) for name in classes)


def _scales(folder: Path) -> dict[str, Any]:
    path = folder / "teachers.json"
    try:
        scales = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: the scales of the teachers cannot be read: {error}") from error
    if not isinstance(scales, dict):
        raise DataError(f"{path}: the scales of the teachers cannot be read: must be an object of lists by name")
    return scales


def _teacher_scale(folder: Path, name: str) -> NDArray[np.float32]:
    scales = _scales(folder)
    path = folder / "teachers.json"
    if name not in scales:
        raise DataError(f"{path}: no teacher called {name!r}, there are: {', '.join(scales)}")
    try:
        return np.asarray(scales[name], np.float32)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: the scales of the teachers cannot be read: {error}") from error


def _embeddings(table: pa.Table, name: str) -> NDArray[np.float32]:
    column = table[name].combine_chunks()
    if not isinstance(column, pa.FixedSizeListArray):
        raise DataError(f"the column {name!r} must be a fixed-size list, not {column.type}")
    values: NDArray[np.int8] = column.flatten().to_numpy()
    return values.reshape(len(column), column.type.list_size).astype(np.float32)


def _decode_all(paths: Sequence[Path], tables: Sequence[pa.Table], progress: bool) -> NDArray[np.uint8]:
    """The images of all tables, in their order: (N, 112, 112, 3)."""
    images = np.empty((sum(table.num_rows for table in tables), CROP_SIZE, CROP_SIZE, 3), np.uint8)

    def decode(piece: tuple[int, Path, pa.Table]) -> int:
        row, path, table = piece
        for place, (number, encoded) in enumerate(zip(table["id"].to_pylist(), table["image"], strict=True)):
            images[row + place] = _decode(encoded.as_buffer(), f"{path.name}, face {number}")
        return int(table.num_rows)

    # Pillow's decoders let other threads run meanwhile.
    with (
        ThreadPoolExecutor(usable_cores(), "decode") as pool,
        tqdm(total=len(images), desc="reading faces", unit="face", disable=not progress, mininterval=1) as bar,
    ):
        for done in pool.map(decode, _pieces(paths, tables)):
            bar.update(done)
    return images


def _pieces(paths: Sequence[Path], tables: Sequence[pa.Table]) -> Iterator[tuple[int, Path, pa.Table]]:
    """Some faces at a time, with the row of the first."""
    row = 0
    for path, table in zip(paths, tables, strict=True):
        for start in range(0, table.num_rows, PIECE):
            yield row + start, path, table.slice(start, PIECE)
        row += table.num_rows


def _decode(encoded: pa.Buffer, name: str) -> NDArray[np.uint8]:
    try:
        image = np.asarray(Image.open(io.BytesIO(encoded), formats=FORMATS).convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{name}: the image cannot be decoded: {error}") from error
    if image.shape != (CROP_SIZE, CROP_SIZE, 3):
        raise DataError(f"{name}: the image is {image.shape[1]}x{image.shape[0]}, not {CROP_SIZE}x{CROP_SIZE}")
    return image
