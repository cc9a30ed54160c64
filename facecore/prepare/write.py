"""The faces that are kept, as a tree of image files or as Parquet shards."""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from facecore.files import atomic_path
from facecore.prepare.pieces import Pieces

SHARD = 20_000
"""Faces in a shard, at most: about 100 MB at 112 px."""


def face_names(paths: Sequence[str], suffix: str) -> list[str]:
    """A path for the face of each photo: the photo's own with another suffix.

    Where two would be one (a.jpg and a.png, or A.jpg and a.jpg, which some file systems do not tell apart), the later
    one keeps its old suffix too, or gets a number.
    """
    taken: set[str] = set()
    names = []
    for path in paths:
        plain = PurePosixPath(path)
        bases = [str(plain.with_suffix("")), path]
        number = 1
        while (base := bases.pop(0) if bases else f"{path}-{number}").casefold() in taken:
            number += not bases
        taken.add(base.casefold())
        names.append(f"{base}.{suffix}")
    return names


def write_tree(out: Path, report: pd.DataFrame, pieces: Pieces, names: Mapping[int, str]) -> None:
    """Write a file for each face that is kept.

    Args:
        out: folder of the tree.
        report: what is kept.
        pieces: the faces.
        names: path of each face's file below `out`, by its row in the report.

    Raises:
        OSError: one cannot be written.
    """
    made: set[str] = set()
    for row, image, _ in _kept(report, pieces):
        target = out / names[row]
        folder = os.path.dirname(names[row])
        if folder not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(folder)
        target.write_bytes(image)


def write_shards(out: Path, report: pd.DataFrame, pieces: Pieces) -> None:
    """Write faces-*.parquet with columns id, image, person, split ("train"), photo, eye_distance and landmarks.

    Raises:
        OSError: one cannot be written.
    """
    total = int((report["status"] == "kept").sum())
    count = -(-total // SHARD)
    faces = _kept(report, pieces)
    for shard in range(count):
        rows = list(itertools.islice(faces, SHARD))
        with atomic_path(out / f"faces-{shard:02d}-of-{count:02d}.parquet") as path:
            pq.write_table(_table(rows, report), path)


def _kept(report: pd.DataFrame, pieces: Pieces) -> Iterator[tuple[int, bytes, NDArray[np.float32]]]:
    keep = (report["status"] == "kept").to_numpy()
    with tqdm(total=int(keep.sum()), desc="writing faces", unit="face", delay=1, mininterval=0.5) as bar:
        for row, (image, landmarks) in enumerate(pieces.faces()):
            if keep[row] and landmarks is not None:
                yield row, image, landmarks
                bar.update()


def _table(rows: list[tuple[int, bytes, NDArray[np.float32]]], report: pd.DataFrame) -> pa.Table:
    places = [row for row, _, _ in rows]
    landmarks = np.concatenate([points.ravel() for _, _, points in rows]).astype(np.float16)
    return pa.table(
        {
            "id": pa.array(places, pa.int32()),
            "image": pa.array([image for _, image, _ in rows], pa.binary()),
            "person": pa.array(report["person"].iloc[places], pa.string()),
            "split": pa.array(["train"] * len(rows), pa.string()),
            "photo": pa.array(report["path"].iloc[places], pa.string()),
            "eye_distance": pa.array(report["eye_distance"].iloc[places], pa.float32()),
            "landmarks": pa.FixedSizeListArray.from_arrays(pa.array(landmarks), 10),
        }
    )
