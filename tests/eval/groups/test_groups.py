"""False match rates by group: against counting pairs one by one, and from the command to its files."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval.groups.__main__ import main
from eval.groups.faces import read_labelled
from eval.groups.rates import GroupRate, differential, group_rates
from facecore.errors import DataError
from tests.tiny_shards import write_tiny_shards

RACES = ("Black", "White")


def _embeddings(count: int) -> np.ndarray:
    rows = np.random.default_rng(5).normal(size=(count, 4)).astype(np.float32) + 0.6
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_rates_are_those_of_counting_pairs_one_by_one() -> None:
    rows = _embeddings(40)
    groups = np.array(["b", "a", "", "c"] * 10)
    rates = group_rates("race", rows, groups, 0.5)
    counted: dict[tuple[str, str], list[bool]] = {}
    for i, j in combinations(range(40), 2):
        if groups[i] and groups[j]:
            ends = min(groups[i], groups[j]), max(groups[i], groups[j])
            counted.setdefault(ends, []).append(float(rows[i] @ rows[j]) >= 0.5)
    assert [(rate.left, rate.right) for rate in rates] == [
        ("a", "a"), ("b", "b"), ("c", "c"), ("a", "b"), ("a", "c"), ("b", "c"),
    ]  # fmt: skip
    for rate in rates:
        found = counted[rate.left, rate.right]
        assert (rate.pairs, rate.false_matches) == (len(found), sum(found))
        assert rate.fmr == pytest.approx(np.mean(found))
        assert rate.low <= rate.fmr <= rate.high
        assert rate.photos == (10 if rate.within else 20)
        assert rate.effective_pairs <= rate.pairs


def test_a_group_without_false_matches_still_has_an_interval() -> None:
    (rate,) = group_rates("race", _embeddings(30), np.full(30, "a"), 1.1)
    assert (rate.false_matches, rate.fmr) == (0, 0)
    assert rate.few
    assert 0 < rate.high < 1


def test_a_single_photo_of_a_group_gives_pairs_across_alone() -> None:
    rates = group_rates("race", _embeddings(3), np.array(["a", "b", "b"]), 0.5)
    assert [(rate.left, rate.right) for rate in rates] == [("b", "b"), ("a", "b")]


def test_ages_are_sorted_as_numbers() -> None:
    ages = ["0-2", "3-9", "10-19", "60-69", "more than 70"]
    rates = group_rates("age", _embeddings(20), np.array(ages[::-1] * 4), 0.5)
    assert [rate.left for rate in rates if rate.within] == ages


@pytest.mark.parametrize("groups", [np.array(["a", "", ""]), np.array(["a", "b"])])
def test_what_cannot_be_measured(groups: np.ndarray) -> None:
    with pytest.raises(ValueError, match="label"):
        group_rates("race", _embeddings(3), groups, 0.5)


def _rate(name: str, false_matches: int, pairs: int = 1000) -> GroupRate:
    return GroupRate("race", name, name, 9, pairs, false_matches, false_matches / pairs, 0.0, 1.0, 5.0)


def test_the_ratio_is_of_the_largest_to_the_geometric_mean() -> None:
    found = differential([_rate("a", 10), _rate("b", 40), _rate("c", 9)])
    assert found.ratio == pytest.approx(0.04 / np.sqrt(0.01 * 0.04))
    assert (found.worst, found.left_out) == ("b", ("c",))
    assert differential([_rate("a", 10), _rate("c", 9)]).ratio is None


@pytest.fixture
def shards(tmp_path: Path, crops: list[np.ndarray]) -> Path:
    """The tiny shards, with a race for nearly all faces and a gender."""
    folder = write_tiny_shards(tmp_path / "shards", crops)
    for path in folder.glob("faces-*.parquet"):
        table = pq.read_table(path)
        race = pa.array([RACES[i % 2] if i % 7 else "" for i in range(table.num_rows)])
        gender = pa.array(["Female" if i % 3 else "Male" for i in range(table.num_rows)])
        pq.write_table(table.append_column("race", race).append_column("gender", gender), path)
    return folder


def test_faces_and_their_groups(shards: Path) -> None:
    faces = read_labelled(shards, "fairface_val", "test", ["race", "gender+race"], 1000)
    assert len(faces.images) == 102
    assert set(faces.groups["gender+race"]) == {
        "",
        *(f"{gender}, {race}" for gender in ("Female", "Male") for race in RACES),
    }
    np.testing.assert_array_equal(faces.groups["race"] == "", faces.groups["gender+race"] == "")
    some = read_labelled(shards, "fairface_val", None, ["race"], 30, seed=3)
    again = read_labelled(shards, "fairface_val", None, ["race"], 30, seed=3)
    assert len(some.images) == 30
    np.testing.assert_array_equal(some.images, again.images)


def test_labels_belong_to_their_images(shards: Path) -> None:
    faces = read_labelled(shards, "fairface_val", None, ["race"], 20, seed=1)
    every = read_labelled(shards, "fairface_val", None, ["race"], 1000)
    for image, race in zip(faces.images, faces.groups["race"], strict=True):
        (place,) = np.flatnonzero((every.images == image).all(axis=(1, 2, 3)))
        assert every.groups["race"][place] == race


@pytest.mark.parametrize(
    ("by", "split", "words"),
    [(["age"], "fairface_val", "no column 'age'"), (["race"], "nowhere", "no face of the split 'nowhere'")],
)
def test_shards_that_cannot_be_used(shards: Path, by: list[str], split: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_labelled(shards, split, "test", by, 1000)


def test_from_the_command_to_its_files(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    command = [str(shards), "--by", "race", "gender+race", "--photos", "24", "--out", str(out), "--device", "cpu"]
    assert main(command) == 0
    table = pd.read_csv(out / "groups.csv")
    assert set(table["by"]) == {"race", "gender+race"}
    race = table[(table["by"] == "race") & (table["kind"] == "within")]
    assert list(race["left"]) == list(RACES)
    # Every photo of the tiny shards shows one of two people, so that about half of all pairs are accepted.
    assert race["fmr"].between(0.2, 1).all()
    text = (out / "groups.md").read_text()
    assert "### By gender and race" in text
    assert "shipped with the model" in text
    assert capsys.readouterr().out.strip() == text.strip()
    assert (out / "groups.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--far", "0.001", "--threshold", "0.5"], "exclude each other"),
        (["--photos", "1"], "--photos must be 2 or more"),
        (["--model", "nowhere"], "nowhere"),
        (["--by", "height"], "no column 'height'"),
    ],
)
def test_mistakes(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], words: str
) -> None:
    command = [str(shards), "--by", "race", "--out", str(tmp_path / "out"), "--device", "cpu", *flags]
    assert main(command) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
