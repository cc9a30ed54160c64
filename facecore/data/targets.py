"""What a teacher says of training images: from a table of embeddings, or asked now and kept.

Both give (N, D) float32 in the order of the training data, with a row of NaN for each image without an embedding.
"""

import csv
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from facecore import checkpoint, image
from facecore.data.folder import FaceFolder
from facecore.data.parquet import FaceShards
from facecore.device import usable_cores
from facecore.errors import DataError, ImageError, ModelError
from facecore.files import atomic_path
from facecore.onnx_file import OnnxInput
from facecore.pretrained import find_model
from facecore.recognizer import FaceRecognizer

PATH_COLUMNS = ("path", "name", "image")
"""Columns of an index in CSV that hold the paths, the first that is there."""


def read_targets(table: str | Path, index: str | Path | None, folder: FaceFolder) -> NDArray[np.float32]:
    """The embeddings that a file has for the images of a folder; says on stderr how many have one.

    Paths are relative to the folder of training images or to the working directory, or absolute. Rows of other images
    are passed over.

    Args:
        table: a Parquet file with the columns `path` (text) and `embedding` (list of floats, empty where there is
            none), as eval.embed writes it; or an .npy file: (M, D) float, rows of NaN where there is none.
        index: for .npy, the paths in the order of its rows: one a line, or CSV with a column `path`, `name` or
            `image`. None: the file of the same name that ends in .txt or .csv.
        folder: the training images.

    Returns:
        (N, D) float32, as the file has them (not normalised).

    Raises:
        DataError: a file cannot be read or is something else, the two do not belong together, an image occurs twice,
            an embedding is zero or not finite, or no training image has one.
    """
    table = Path(table)
    if table.suffix == ".npy":
        embeddings = _read_npy(table)
        index = _index_beside(table) if index is None else Path(index)
        names = _read_index(index)
        if len(names) != len(embeddings):
            raise DataError(
                f"{index}: names {len(names):,} images, but {table} has {len(embeddings):,} rows: they must be the "
                f"same, in the same order (a header needs a column {', '.join(PATH_COLUMNS)})"
            )
    elif table.suffix == ".parquet" and index is None:
        names, embeddings = _read_parquet(table)
    else:
        advice = "an index goes with .npy only" if table.suffix == ".parquet" else "must end in .npy or .parquet"
        raise DataError(f"{table}: {advice}")
    rows = _rows(table, names, folder)
    used = np.flatnonzero(rows >= 0)
    targets = np.full((len(folder), embeddings.shape[1]), np.nan, np.float32)
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is told of below
        targets[rows[used]] = embeddings[used]
    _check_values(table, targets, folder)
    others = len(names) - len(used)
    print(
        f"{table}: embeddings of {(~np.isnan(targets[:, 0])).sum():,} of the {len(folder):,} training images"
        + (f"; {others:,} of its rows are of other images" if others else ""),
        file=sys.stderr,
    )
    return targets


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        table: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: the embeddings cannot be read: {error}") from error
    if table.ndim != 2 or not table.size or not np.issubdtype(table.dtype, np.floating):
        raise DataError(f"{path}: must hold floats, a row an image, not {table.dtype} of the shape {table.shape}")
    return table


def _index_beside(table: Path) -> Path:
    found = [path for ending in (".txt", ".csv") if (path := table.with_suffix(ending)).exists()]
    if len(found) != 1:
        which = "both are here" if found else "neither is here"
        raise DataError(
            f"{table}: which image is each row of? Name the file that lists their paths ({table.stem}.txt and "
            f"{table.stem}.csv are looked for, {which})"
        )
    return found[0]


def _read_index(path: Path) -> list[str]:
    try:
        lines = path.read_bytes().decode("utf-8-sig", "backslashreplace").splitlines()
    except OSError as error:
        raise DataError(f"{path}: the index cannot be read: {error.strerror or error}") from error
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise DataError(f"{path}: the index is empty")
    header = [cell.strip().lower() for cell in lines[0].split(",")]
    column = next((name for name in PATH_COLUMNS if name in header), None)
    if column is not None:
        lines = _column(path, lines, header.index(column))
    for number, line in enumerate(lines, 1 if column is None else 2):
        if not line.strip():
            raise DataError(f"{path}, line {number}: there is no path: each row of the table needs one")
    return lines


def _column(path: Path, lines: Sequence[str], column: int) -> list[str]:
    try:
        rows = list(csv.reader(lines[1:], strict=True))
    except csv.Error as error:
        raise DataError(f"{path}: the index cannot be read as CSV: {error}") from error
    return [row[column] if column < len(row) else "" for row in rows]


def _read_parquet(path: Path) -> tuple[list[str], NDArray[Any]]:
    try:
        table = pq.read_table(path, columns=["path", "embedding"])
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DataError(f"{path}: the table cannot be read: {error}") from error
    names, column = table["path"], table["embedding"]
    if not pa.types.is_string(names.type) and not pa.types.is_large_string(names.type):
        raise DataError(f"{path}: the column path must hold text, not {names.type}")
    kind = column.type
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not lists or not pa.types.is_floating(kind.value_type):
        raise DataError(f"{path}: the column embedding must hold lists of floats, not {kind}")
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    known = lengths > 0
    widths = np.unique(lengths[known])
    if names.null_count or len(widths) != 1:
        what = "a row has no path" if names.null_count else f"its embeddings have the widths {widths.tolist()}"
        raise DataError(f"{path}: {what}: each row must be a path and an embedding of one width, or an empty one")
    values = pc.list_flatten(column.filter(pa.array(known))).to_numpy()
    embeddings = np.full((len(known), int(widths[0])), np.nan, values.dtype)
    embeddings[known] = values.reshape(-1, int(widths[0]))
    return [str(name) for name in names.to_pylist()], embeddings


def _rows(table: Path, names: Sequence[str], folder: FaceFolder) -> NDArray[np.int64]:
    """For each path of a table the training image that it names: (M,) int64, -1 where it is another's.

    Bytes of a name that are not UTF-8 are compared as eval.embed writes them.
    """
    known = {_utf8(folder.name(row)): row for row in range(len(folder))}
    root = _utf8(os.path.abspath(folder.root))
    bases = (root, _utf8(os.getcwd()))
    rows = np.full(len(names), -1, np.int64)
    first: dict[int, str] = {}
    for place, name in enumerate(names):
        row = next((known[path] for path in _below(root, bases, name) if path in known), None)
        if row is None:
            continue
        if row in first:
            raise DataError(f"{table}: has two rows for one image, {first[row]!r} and {name!r}: keep one")
        first[row] = name
        rows[place] = row
    if not first:
        raise DataError(
            f"{table}: none of its {len(names):,} images is a training image: the first is {names[0]!r}, and "
            f"{_utf8(folder.name(0))!r} is the first in {folder.root}: paths must be relative to that folder"
        )
    return rows


def _below(root: str, bases: Sequence[str], name: str) -> Iterator[str]:
    """What a path may be relative to `root`, with forward slashes."""
    for base in bases:
        path = os.path.normpath(os.path.join(base, name))
        if path.startswith(root + os.sep):
            yield path[len(root) + 1 :].replace(os.sep, "/")


def _utf8(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _check_values(table: Path, targets: NDArray[np.float32], folder: FaceFolder) -> None:
    known = ~np.isnan(targets).all(1)
    if not known.any():
        raise DataError(f"{table}: has no embedding of any training image: all their rows are empty or NaN")
    for bad, what in ((~np.isfinite(targets).all(1), "has values that are not finite"), (~targets.any(1), "is zero")):
        rows = np.flatnonzero(bad & known)
        if len(rows):
            raise DataError(
                f"{table}: the embedding of {folder.name(int(rows[0]))} {what} ({len(rows):,} such): make it again, or "
                "leave it out"
            )


def teacher_targets(
    teacher: str | os.PathLike[str],
    photos: FaceFolder | FaceShards,
    run: str | Path,
    *,
    onnx: OnnxInput | None = None,
    mirror: bool = True,
    batch_size: int = 64,
    device: str = "auto",
    progress: bool = True,
) -> NDArray[np.float32]:
    """The embeddings that a model gives all training images, each scaled to its input and not searched for a face.

    They are kept in the folder of the run, by the digest of the model and the names of the images, so that a run that
    is resumed or repeated does not compute them again.

    Args:
        teacher: a bundled model, a model directory or an ONNX file.
        photos: the training data.
        run: an existing folder.
        onnx: how the network in an ONNX file takes a picture, where the file does not say so itself.
        mirror: take the mean of the embeddings of a face and of its mirror image, as for the shards' teachers.
        batch_size: faces in one pass.
        device: where the teacher runs.
        progress: whether to draw a bar on stderr.

    Returns:
        (N, D) float32: unit vectors, or the mean of two; NaN where the image cannot be read, which is said on stderr.

    Raises:
        ModelError: the teacher cannot be used, or gives values that are not finite.
        OSError: the file cannot be written.
    """
    model = checkpoint.load(find_model(teacher), onnx)
    kept = Path(run) / f"targets-{_key(model.digest, photos, mirror)}.npy"
    targets = _read_kept(kept, (len(photos), model.network.embedding_dim))
    if targets is None:
        recognizer = FaceRecognizer(model, align="none", device=device)
        targets = _ask(recognizer, photos, mirror, batch_size, progress)
        with atomic_path(kept) as path, path.open("wb") as file:
            np.save(file, targets)
    missing = int(np.isnan(targets[:, 0]).sum())
    if missing:
        print(f"{missing:,} of {len(photos):,} images cannot be read and get no target", file=sys.stderr)
    return targets


def _key(digest: str, photos: FaceFolder | FaceShards, mirror: bool) -> str:
    names = hashlib.sha256(photos.blob if isinstance(photos, FaceFolder) else photos.ids.tobytes())
    if isinstance(photos, FaceFolder):
        names.update(photos.offsets.tobytes())
    return hashlib.sha256(f"{digest} {mirror} {names.hexdigest()}".encode()).hexdigest()[:16]


def _read_kept(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """What was kept, None where there is nothing or it is damaged: then it is made anew."""
    try:
        kept: NDArray[np.float32] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return kept if kept.shape == shape and kept.dtype == np.float32 else None


def _ask(
    teacher: FaceRecognizer, photos: FaceFolder | FaceShards, mirror: bool, batch_size: int, progress: bool
) -> NDArray[np.float32]:
    targets = np.full((len(photos), teacher.embedding_dim), np.nan, np.float32)
    batches = [range(i, min(i + batch_size, len(photos))) for i in range(0, len(photos), batch_size)]
    with (
        ThreadPoolExecutor(usable_cores(), "read") as pool,
        tqdm(total=len(photos), desc="asking the teacher", unit="face", disable=not progress, mininterval=1) as bar,
    ):
        read = partial(_crop, teacher, photos)
        ahead = pool.map(read, batches[0])
        for number, rows in enumerate(batches):
            crops = list(ahead)
            ahead = pool.map(read, batches[number + 1] if number + 1 < len(batches) else ())
            readable = {row: crop for row, crop in zip(rows, crops, strict=True) if crop is not None}
            if readable:
                targets[list(readable)] = _embed(teacher, list(readable.values()), mirror, batch_size)
            bar.update(len(rows))
    return targets


def _crop(teacher: FaceRecognizer, photos: FaceFolder | FaceShards, row: int) -> image.Pixels | None:
    """An image at the teacher's size; None where it cannot be read."""
    if isinstance(photos, FaceShards):
        return teacher.input.fit(photos.images[row])
    try:
        return teacher.input.fit(image.load(photos.path(row)))
    except ImageError:
        return None


def _embed(
    teacher: FaceRecognizer, crops: Sequence[image.Pixels], mirror: bool, batch_size: int
) -> NDArray[np.float32]:
    embeddings = teacher.encode(crops, batch_size)
    if mirror:
        embeddings += teacher.encode([crop[:, ::-1] for crop in crops], batch_size)
        embeddings /= 2
    if not np.isfinite(embeddings).all():
        raise ModelError(f"{teacher.model.directory}: as a teacher it gives values that are not finite: take another")
    return embeddings
