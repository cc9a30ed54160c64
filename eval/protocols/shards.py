"""The verification pairs that lie beside shards: people, and strangers of all ages and groups, kept out of training."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from eval.index import read_index
from eval.protocols.outcome import Protocol, open_out, table_source, write_outcome
from eval.run import open_run
from eval.scoring import embed_bytes
from facecore.command_line import DONE
from facecore.data.parquet import VAL_SPLITS, read_pairs, shard_paths
from facecore.errors import DataError

ALL = "all"
PEOPLE = ("left_person", "right_person")


@dataclass(frozen=True)
class StoredFaces:
    """Faces as they are stored.

    Attributes:
        images: the bytes of each one's file, by id.
        people: whose it is, by id; a face of somebody unknown is a person of its own.
    """

    images: dict[int, bytes]
    people: dict[int, str]


def run_shards(a: argparse.Namespace) -> int:
    """What `python -m eval.protocols shards` does."""
    open_out(a)
    if a.align == "auto":
        a.align = "none"  # shards hold aligned crops, and another detection would only move them
    pairs = read_pairs(a.folder, a.half)
    if a.pool != ALL:
        pairs = pairs[pairs["same"] | (pairs["pool"] == a.pool)]
        if pairs["same"].all():
            raise DataError(f"{a.folder}: val_pairs.parquet has no impostor pairs of a pool {a.pool!r}")
    faces = read_stored(a.folder, set(pairs["left"]) | set(pairs["right"]))
    source = table_source(pair_table(pairs, faces), f"val_pairs.parquet, half {a.half}, pool {a.pool}")
    index = read_index(source)
    title = f"Verification pairs, half {a.half}, " + ("all impostors" if a.pool == ALL else f"impostors {a.pool}")
    protocol = Protocol(f"shards-{a.half}-{a.pool}", title, source, None)
    with open_run(a, face="largest") as run:
        photos = [faces.images[int(name)] for name in index.names]
        write_outcome(a, run, protocol, index, lambda: embed_bytes(run, photos), identity=PEOPLE)
    return DONE


def read_stored(folder: Path, ids: set[int]) -> StoredFaces:
    """The files of faces, not decoded, and whose they are.

    Raises:
        DataError: a shard cannot be read, or one of the faces is in none.
    """
    images: dict[int, bytes] = {}
    people: dict[int, str] = {}
    for path in tqdm(shard_paths(folder), "reading shards", unit="shard", delay=2, file=sys.stderr):
        table = _read(path)
        names = table["person"].to_pylist() if "person" in table.column_names else [None] * len(table)
        for number, image, name in zip(table["id"].to_pylist(), table["image"], names, strict=True):
            if number in ids:
                images[number] = image.as_py()
                people[number] = name or f"face {number}"
    if missing := ids - images.keys():
        raise DataError(
            f"{folder}: {len(missing):,} faces of val_pairs.parquet are in no shard, such as {min(missing)}"
        )
    return StoredFaces(images, people)


def pair_table(pairs: pd.DataFrame, faces: StoredFaces) -> pd.DataFrame:
    """The pairs as a list that a protocol takes: ids as names, and whose the two faces are."""
    table = pd.DataFrame({side: pairs[side].astype(str) for side in ("left", "right")})
    table["label"] = pairs["same"].astype("boolean")
    for side, column in zip(("left", "right"), PEOPLE, strict=True):
        table[column] = [faces.people[number] for number in pairs[side]]
    return table.assign(pool=pairs["pool"]).reset_index(drop=True)


def _read(path: Path) -> pa.Table:
    try:
        columns = [name for name in ("id", "image", "person") if name in pq.read_schema(path).names]
        return pq.read_table(path, columns=columns, filters=[("split", "in", VAL_SPLITS)])
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path}: the shard cannot be read: {error}") from error
