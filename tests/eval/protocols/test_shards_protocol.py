import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval.protocols.__main__ import main
from tests.eval.protocols.conftest import PhotoMaker, PlantedRun

PEOPLE = 6


@pytest.fixture
def shards(maker: PhotoMaker, tmp_path: Path) -> Path:
    """Six people with three photos each in two shards, and strangers; both halves hold the same pairs."""
    folder = tmp_path / "shards"
    folder.mkdir()
    rows = [
        {"id": 3 * person + photo, "image": maker.photo(f"p{person}", photo), "person": f"p{person}", "split": "val"}
        for person in range(PEOPLE)
        for photo in range(3)
    ]
    rows += [
        {"id": 100 + number, "image": maker.photo(f"s{number}", 0), "person": "", "split": "fairface_val"}
        for number in range(5)
    ]
    for number in range(2):
        pq.write_table(pa.Table.from_pylist(rows[number::2]), folder / f"faces-{number:02d}-of-02.parquet")
    known = list(itertools.combinations(range(3 * PEOPLE), 2))
    pairs = [(a, b, a // 3 == b // 3, "people") for a, b in known]
    pairs += [(100 + a, 100 + b, False, "fairface") for a, b in itertools.combinations(range(5), 2)]
    table = pd.DataFrame(pairs, columns=["left", "right", "same", "pool"])
    halves = pd.concat([table.assign(half="fit"), table.assign(half="test")])
    halves.to_parquet(folder / "val_pairs.parquet")
    return folder


def test_all_pairs_of_a_half(shards: Path, run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["shards", str(shards), "--out", str(out)]) == 0
    known = 3 * PEOPLE * (3 * PEOPLE - 1) // 2
    content = json.loads((out / "figures.json").read_text())
    assert (content["pairs"], content["images"]) == (known + 10, 3 * PEOPLE + 5)
    assert "half test, all impostors" in content["title"]
    rows = pd.read_csv(out / "scores.csv", dtype={"left": str, "right": str})
    assert rows["label"].sum() == 3 * PEOPLE
    assert rows["left_person"].iloc[0] == "p0"
    assert rows["left_person"].iloc[-1] == "face 103"  # nobody knows who it is: a person of its own
    assert len(run.seen) == len(set(rows["left"]) | set(rows["right"]))
    report = json.loads((out / "report.json").read_text())
    assert report["identities"]["kind"] == "column"
    assert "half test, all impostors" in capsys.readouterr().out


def test_scores_belong_to_the_faces_that_are_named(shards: Path, run: PlantedRun, tmp_path: Path) -> None:
    assert main(["shards", str(shards), "--out", str(tmp_path / "out"), "--no-report"]) == 0
    rows = pd.read_csv(tmp_path / "out" / "scores.csv")
    stored = pd.concat([pd.read_parquet(path) for path in sorted(shards.glob("faces-*.parquet"))]).set_index("id")
    for row in rows.iloc[[0, 5, -1]].itertuples():
        left, right = (run.embed([stored.loc[number, "image"]]).matrix[0] for number in (row.left, row.right))
        assert row.score == pytest.approx(float(np.dot(left, right)), abs=1e-5)


def test_one_pool_of_impostors(shards: Path, run: PlantedRun, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["shards", str(shards), "--pool", "fairface", "--half", "fit", "--out", str(out), "--no-report"]
    assert main(command) == 0
    rows = pd.read_csv(out / "scores.csv")
    assert (rows["label"].sum(), (~rows["label"].astype(bool)).sum()) == (3 * PEOPLE, 10)
    assert set(rows["pool"][rows["label"] == 0]) == {"fairface"}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "val_pairs.parquet").unlink(), "verification pairs cannot be read"),
        (lambda folder: (folder / "faces-01-of-02.parquet").unlink(), "are in no shard, such as 1"),
        (lambda folder: (folder / "faces-01-of-02.parquet").write_bytes(b"no"), "the shard cannot be read"),
    ],
)
def test_what_cannot_be_used(
    shards: Path,
    run: PlantedRun,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
    words: str,
) -> None:
    spoil(shards)
    assert main(["shards", str(shards), "--out", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err


def test_a_pool_that_is_not_there(
    shards: Path, run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["shards", str(shards), "--pool", "nobody", "--out", str(tmp_path / "out")]) == 2
    assert "no impostor pairs of a pool 'nobody'" in capsys.readouterr().err
