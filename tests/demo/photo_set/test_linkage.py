"""Why groups come from average linkage: the three usual rules on sets of real faces. `-s` shows the figures.

Half "fit" of the pairs set aside, on which such things may be chosen; see the README of the data.
"""

import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.cluster.hierarchy import fcluster, linkage

from demo.photo_set.groups import group
from facecore.recognizer import FaceRecognizer

SETS, PEOPLE, EACH, MOST = 400, 5, 6, 10
RULES = ("single", "average", "complete")


@dataclass
class Counts:
    """Pairs of one person put together, all pairs put together, all pairs of one person, sets that unite two people."""

    found: int = 0
    together: int = 0
    genuine: int = 0
    united: int = 0


def faces(data: Path) -> pd.DataFrame:
    """Columns image (bytes) and person: at most `MOST` photos of each person with at least `EACH`."""
    pairs = pq.read_table(data / "train" / "val_pairs.parquet", filters=[("half", "=", "fit"), ("pool", "=", "people")])
    wanted = set(pairs["left"].to_pylist()) | set(pairs["right"].to_pylist())
    shards = sorted((data / "train").glob("faces-*.parquet"))
    columns, val = ["id", "image", "person"], [("split", "=", "val")]
    table = pd.concat([pq.read_table(shard, columns=columns, filters=val).to_pandas() for shard in shards])
    table = table[table["id"].isin(wanted) & (table["person"] != "")]
    count = Counter(table["person"])
    people = sorted(person for person in count if count[person] >= EACH)
    return pd.concat([table[table["person"] == person].head(MOST) for person in people])


@pytest.mark.data
@pytest.mark.slow
def test_average_linkage_finds_more_than_complete_and_errs_less_than_single(
    shared_data: Path, recognizer: FaceRecognizer
) -> None:
    table = faces(shared_data)
    crops = [np.asarray(Image.open(io.BytesIO(content)).convert("RGB")) for content in table["image"]]
    embeddings = recognizer.encode(crops, 64).astype(np.float64)
    assert recognizer.calibration is not None
    threshold = recognizer.calibration.threshold
    persons = table["person"].to_numpy()
    people, generator = np.unique(persons), np.random.default_rng(0)
    counts = {rule: Counts() for rule in RULES}
    upper = np.triu_indices(PEOPLE * EACH, 1)
    for _ in range(SETS):
        chosen = generator.choice(people, PEOPLE, replace=False)
        rows = np.concatenate(
            [generator.choice(np.flatnonzero(persons == person), EACH, replace=False) for person in chosen]
        )
        same = (persons[rows][:, None] == persons[rows])[upper]
        scores = (embeddings[rows] @ embeddings[rows].T)[upper]
        for rule, count in counts.items():
            labels = fcluster(linkage(1 - scores, rule), 1 - threshold, "distance")
            together = (labels[:, None] == labels)[upper]
            count.found += int((together & same).sum())
            count.together += int(together.sum())
            count.genuine += int(same.sum())
            count.united += bool((together & ~same).any())
            if rule == "average":
                ours = group(scores, threshold).groups or ()
                assert {frozenset(places) for places in ours} == {
                    frozenset(np.flatnonzero(labels == label).tolist()) for label in labels
                }
    for rule, count in counts.items():
        share = 100 * count.found / count.genuine
        wrong = 100 * (1 - count.found / count.together)
        print(f"{rule:9s} {share:5.1f} % found, {wrong:.2f} % wrong, {count.united} of {SETS} sets unite two people")
    single, average, complete = (counts[rule] for rule in RULES)
    assert average.found > complete.found
    assert average.united < single.united or single.united == 0
