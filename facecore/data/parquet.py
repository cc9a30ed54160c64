"""Parquet shards of aligned faces with teachers' embeddings, and the verification pairs beside them.

A folder of shards holds

    faces-*.parquet      id, image (encoded bytes), split, and a fixed-size list of int8 for each teacher
    teachers.json        for each teacher the float scale of each dimension: embedding = int8 * scale
    val_pairs.parquet    left, right (ids), same, half ("fit" or "test"), pool
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from facecore.errors import DataError

VAL_SPLITS = ("val", "fairface_val")
CROP_SIZE = 112


@dataclass(frozen=True)
class FaceShards:
    """Decoded faces in memory.

    Attributes:
        ids: (N,) int64, number of each face.
        images: (N, 112, 112, 3) uint8 RGB.
        targets: (N, D) float32 for each teacher asked for, as the teacher gave it (not normalised).
    """

    ids: np.ndarray
    images: np.ndarray
    targets: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)


def read_shards(
    folder: str | Path, splits: Sequence[str], teachers: Sequence[str] = (), progress: bool = True
) -> FaceShards:
    """All faces of some splits, decoded: 38 kB a face.

    Args:
        folder: the folder of shards.
        splits: values of the column `split` to take.
        teachers: columns of embeddings to take along.
        progress: whether to draw a bar on stderr.

    Raises:
        DataError: no shards there, a column or scale is missing, an image cannot be decoded or has another size.
    """
    paths = shard_paths(folder)
    scales = {name: _teacher_scale(Path(folder), name) for name in teachers}
    columns = ["id", "image", *teachers]
    tables = [_read_table(path, columns, splits) for path in paths]
    total = sum(table.num_rows for table in tables)
    if total == 0:
        raise DataError(f"{folder}: no face belongs to the split {' or '.join(splits)}")
    images = np.empty((total, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    row = 0
    with tqdm(total=total, desc="reading faces", unit="face", disable=not progress, mininterval=1) as bar:
        for path, table in zip(paths, tables, strict=True):
            for number, encoded in zip(table["id"].to_pylist(), table["image"], strict=True):
                images[row] = _decode(encoded.as_buffer(), f"{path.name}, face {number}")
                row += 1
            bar.update(table.num_rows)
    return FaceShards(
        ids=np.concatenate([table["id"].to_numpy() for table in tables]).astype(np.int64),
        images=images,
        targets={
            name: np.concatenate([_embeddings(table, name) for table in tables]) * scales[name] for name in teachers
        },
    )


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


def _read_table(path: Path, columns: list[str], splits: Sequence[str]) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns, filters=[("split", "in", list(splits))])
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path}: the shard cannot be read: {error}") from error


def _teacher_scale(folder: Path, name: str) -> np.ndarray:
    path = folder / "teachers.json"
    try:
        scales = json.loads(path.read_text(encoding="utf-8"))
        return np.asarray(scales[name], np.float32)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path}: the scales of the teachers cannot be read: {error}") from error
    except KeyError:
        raise DataError(f"{path}: no teacher called {name!r}, there are: {', '.join(scales)}") from None


def _embeddings(table: pa.Table, name: str) -> np.ndarray:
    column = table[name].combine_chunks()
    if not isinstance(column, pa.FixedSizeListArray):
        raise DataError(f"the column {name!r} must be a fixed-size list, not {column.type}")
    values: np.ndarray = column.flatten().to_numpy()
    return values.reshape(len(column), column.type.list_size).astype(np.float32)


def _decode(encoded: pa.Buffer, name: str) -> np.ndarray:
    try:
        image = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{name}: the image cannot be decoded: {error}") from error
    if image.shape != (CROP_SIZE, CROP_SIZE, 3):
        raise DataError(f"{name}: the image is {image.shape[1]}x{image.shape[0]}, not {CROP_SIZE}x{CROP_SIZE}")
    return image
