"""A folder of shards small enough for unit tests, in the layout of the real ones."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

TEACHERS = ("teacher", "teacher2")
# 204 faces of two people for verification: a threshold at FAR 1e-3 needs 10,000 different impostor pairs.
SPLITS = ["train"] * 24 + ["val"] * 51 + ["fairface_val"] * 51


def write_tiny_shards(folder: Path, crops: list[np.ndarray]) -> Path:
    """Two shards of 126 faces; a face's embeddings are its person's, with some noise."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(7)
    people = random.normal(0, 40, (len(crops), 2, 128))
    for shard in range(2):
        rows = []
        for number, split in enumerate(SPLITS):
            person = number % len(crops)
            targets = np.clip(people[person] + random.normal(0, 10, (2, 128)), -127, 127).astype(np.int8)
            rows.append(
                {
                    "id": shard * 1000 + number,
                    "image": _webp(crops[person], random),
                    "split": split,
                    **{name: target.tolist() for name, target in zip(TEACHERS, targets, strict=True)},
                }
            )
        vector = pa.list_(pa.int8(), 128)
        schema = {"id": pa.int32(), "image": pa.binary(), "split": pa.string(), **dict.fromkeys(TEACHERS, vector)}
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(schema)), folder / f"faces-{shard:02d}-of-02.parquet")
    (folder / "teachers.json").write_text(json.dumps({name: [0.01] * 128 for name in TEACHERS}))
    _pairs().to_parquet(folder / "val_pairs.parquet")
    return folder


def _webp(crop: np.ndarray, random: np.random.Generator) -> bytes:
    changed = np.clip(crop * random.uniform(0.6, 1.2) + random.normal(0, 6, crop.shape), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(changed).save(out, "WEBP", quality=70)
    return out.getvalue()


def _pairs() -> pd.DataFrame:
    ids = [shard * 1000 + number for shard in range(2) for number in range(24, 126)]
    every = [(a, b) for a in ids for b in ids if a < b]
    genuine = [pair for pair in every if pair[0] % 2 == pair[1] % 2][::20]
    impostor = [pair for pair in every if pair[0] % 2 != pair[1] % 2]
    rows = [
        {"left": a, "right": b, "same": same, "half": half, "pool": ("people", "fairface")[i % 2]}
        for half in ("fit", "test")
        for same, pairs in ((True, genuine), (False, impostor))
        for i, (a, b) in enumerate(pairs)
    ]
    return pd.DataFrame(rows)
