"""What `python -m eval.embed` does, from the parsed flags to the file."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eval.run import ImageEmbeddings, open_run
from facecore.command_line import DONE, NOT_WRITTEN
from facecore.files import atomic_path
from facecore.image import photo_name

KINDS = (".parquet", ".npz")


def embed_photos(a: argparse.Namespace, photos: Sequence[Path]) -> int:
    """Run the command; returns the exit code.

    Raises:
        ValueError: `--out` has another ending.
    """
    if a.out.suffix not in KINDS:
        raise ValueError(f"--out {a.out}: must end in {' or '.join(KINDS)}")
    if not os.access(a.out.absolute().parent, os.W_OK) or a.out.is_dir():
        print(f"python -m eval.embed: {a.out} cannot be written: no such folder, or no right to", file=sys.stderr)
        return NOT_WRITTEN
    with open_run(a) as run:
        found = run.embed(photos)
        record = run.record()
    (_write_npz if a.out.suffix == ".npz" else _write_parquet)(a.out, photos, found, json.dumps(record))
    for row, problem in list(found.problems.items())[:20]:
        print(f"{found.status[row]}: {photo_name(photos[row])}: {problem}", file=sys.stderr)
    counts = ", ".join(f"{count} {status}" for status, count in Counter(found.status).most_common())
    print(f"wrote {a.out}: {len(photos)} photos ({counts})")
    return DONE


def _write_parquet(out: Path, photos: Sequence[Path], found: ImageEmbeddings, record: str) -> None:
    known = np.isfinite(found.matrix[:, 0]) if len(photos) else np.zeros(0, bool)
    ends = np.concatenate([[0], np.cumsum(known)]) * found.matrix.shape[1]
    flat = pa.array(found.matrix[known].ravel())
    table = pa.table(
        {
            # Parquet takes UTF-8 alone, and a name of other bytes must not cost the rest.
            "path": pa.array([os.fsencode(photo).decode("utf-8", "backslashreplace") for photo in photos]),
            "status": pa.array(found.status),
            "quality": pa.array(found.quality, from_pandas=True),
            "embedding": pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), flat),
        }
    ).replace_schema_metadata({"facecore": record})
    with atomic_path(out) as path:
        pq.write_table(table, path)


def _write_npz(out: Path, photos: Sequence[Path], found: ImageEmbeddings, record: str) -> None:
    with atomic_path(out) as path, path.open("wb") as file:
        np.savez(
            file,
            path=np.array([str(photo) for photo in photos]),
            status=np.array(found.status),
            quality=found.quality,
            embedding=found.matrix,
            record=np.array(record),
        )
