"""Faces of strangers with the labels that name their groups, from shards."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from facecore.data.parquet import read_pairs, read_shards, shard_paths
from facecore.errors import DataError

JOINED = "+"  # between two columns whose values together name a group


@dataclass(frozen=True)
class LabelledFaces:
    """One photo each of people who are all different.

    Attributes:
        images: (N, 112, 112, 3) uint8 RGB.
        groups: for each name of groups (N,) text, empty where a face has no label.
    """

    images: NDArray[np.uint8]
    groups: dict[str, NDArray[np.str_]]


def read_labelled(
    folder: Path, split: str, half: str | None, by: Sequence[str], most: int, seed: int = 0
) -> LabelledFaces:
    """Faces of a split that holds one photo of each person, with the columns that name their groups.

    Args:
        folder: of shards.
        split: of the faces.
        half: only those that this half of val_pairs.parquet names; None for all.
        by: columns of text; `gender+race` makes groups of both together.
        most: faces to take at most, chosen at random.
        seed: of the choice.

    Raises:
        DataError: the shards or pairs cannot be read, a column is missing, or no face is left.
    """
    columns = list(dict.fromkeys(column for name in by for column in name.split(JOINED)))
    labels = pd.concat([_read(path, ["id", *columns], split) for path in shard_paths(folder)]).set_index("id")
    chosen = labels.index.to_numpy()
    if half is not None:
        pairs = read_pairs(folder, half)
        chosen = chosen[np.isin(chosen, pd.unique(pairs[["left", "right"]].to_numpy().ravel()))]
    if not len(chosen):
        raise DataError(f"{folder}: no face of the split {split!r}" + (f" is in the half {half!r}" if half else ""))
    if len(chosen) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, most, replace=False))
    faces = read_shards(folder, [split])
    rows = pd.Index(faces.ids).get_indexer(pd.Index(chosen))
    return LabelledFaces(faces.images[rows], {name: _joined(labels.loc[chosen], name) for name in by})


def _read(path: Path, columns: list[str], split: str) -> pd.DataFrame:
    try:
        missing = [name for name in columns if name not in pq.read_schema(path).names]
        if missing:
            raise DataError(f"{path}: there is no column {missing[0]!r}: name groups by columns of text (--by)")
        return pq.read_table(path, columns=columns, filters=[("split", "=", split)]).to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path}: the shard cannot be read: {error}") from error


def _joined(labels: pd.DataFrame, name: str) -> NDArray[np.str_]:
    parts = [labels[column].astype("string").fillna("").to_numpy(str) for column in name.split(JOINED)]
    known = np.all([part != "" for part in parts], axis=0)
    return np.where(known, [", ".join(values) for values in zip(*parts, strict=True)], "")
