"""Damage, what it does, and the command."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from eval.robustness.__main__ import main
from eval.robustness.damage import DAMAGES, GREY, Crop, Damage
from eval.robustness.limits import limits
from eval.robustness.measure import Outcome, between, crossing, outcomes, usable_until
from eval.robustness.people import People, read_people
from facecore.errors import DataError
from facecore.quality_limits import DEFAULT_LIMITS, QualityLimits
from tests.tiny_shards import write_tiny_shards

BY_NAME = {damage.name: damage for damage in DAMAGES}


@pytest.fixture
def crop(crops: list[np.ndarray]) -> Crop:
    return crops[0]


@pytest.mark.parametrize("damage", DAMAGES, ids=list(BY_NAME))
def test_damage_begins_with_none_and_grows(damage: Damage, crop: Crop) -> None:
    assert damage.levels[0] == damage.harmless
    damaged = [damage(crop, level, "a") for level in damage.levels]
    assert damaged[0] is crop
    for one in damaged:
        assert (one.dtype, one.shape) == (np.uint8, crop.shape)
    far = [float(np.abs(one.astype(float) - crop).mean()) for one in damaged]
    assert far[1] > 0
    assert far[-1] > far[1]
    np.testing.assert_array_equal(damaged[-1], damage(crop, damage.levels[-1], "a"))  # no matter when


def test_resolution_keeps_the_means_of_what_it_shrinks_to(crop: Crop) -> None:
    few = BY_NAME["resolution"](crop, 28, "a")
    for image in (few, crop):
        assert image.mean() == pytest.approx(crop.mean(), abs=1)
    detail = [np.abs(np.diff(image.astype(float), axis=1)).mean() for image in (few, crop)]
    assert detail[0] < detail[1] / 1.5


def test_darkness_multiplies(crop: Crop) -> None:
    np.testing.assert_array_equal(BY_NAME["darkness"](crop, 0.25, "a"), np.rint(crop / 4).astype(np.uint8))


def test_jpeg_is_pillows(crop: Crop) -> None:
    memory = io.BytesIO()
    Image.fromarray(crop).save(memory, "JPEG", quality=20, subsampling=2)
    np.testing.assert_array_equal(BY_NAME["jpeg"](crop, 20, "a"), np.asarray(Image.open(memory)))


@pytest.mark.parametrize("name", ["covered", "covered below", "covered above"])
def test_the_share_that_is_covered(name: str, crop: Crop) -> None:
    for level in BY_NAME[name].levels[1:]:
        covered = (BY_NAME[name](crop, level, "photo 7") == GREY).all(axis=2)
        assert covered.mean() == pytest.approx(level, abs=0.03)
    rows = np.flatnonzero((BY_NAME[name](crop, 0.3, "photo 7") == GREY).all(axis=(1, 2)))
    if name == "covered below":
        assert rows.max() == len(crop) - 1
    if name == "covered above":
        assert rows.min() == 0


def test_a_turn_goes_either_way_and_keeps_the_middle(crop: Crop) -> None:
    turned = [BY_NAME["rotation"](crop, 90, name) for name in map(str, range(8))]
    ways = {int(np.abs(one.astype(int) - np.rot90(crop)).mean() < 2) for one in turned}
    assert ways == {0, 1}


def _people() -> People:
    images = np.random.default_rng(0).integers(0, 255, (7, 112, 112, 3), dtype=np.uint8)
    people = np.array([0, 0, 0, 1, 1, 2, 2])
    return People(images, people, tuple("abcdefg"), np.array([0, 4]))


def test_outcomes_are_those_of_comparing_pair_by_pair() -> None:
    people, damage = _people(), replace(BY_NAME["darkness"], levels=(1, 0.2))

    def encode(crops: np.ndarray | list[Crop]) -> np.ndarray:
        rows = np.stack([crop[:4, :4].astype(np.float32).ravel() - 60 for crop in crops])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    found = outcomes(people, [damage], 0.6, encode)
    assert [outcome.level for outcome in found] == [1, 0.2]
    intact = encode(people.images)
    for outcome in found:
        genuine, impostor = [], []
        for row in people.damaged:
            (one,) = encode([damage(people.images[row], outcome.level, "")])
            for other in range(7):
                if other != row:
                    (genuine if people.people[other] == people.people[row] else impostor).append(
                        float(one @ intact[other])
                    )
        assert (outcome.genuine, outcome.impostor) == (len(genuine), len(impostor)) == (3, 9)
        assert outcome.genuine_score == pytest.approx(np.mean(genuine), abs=1e-6)
        assert outcome.impostor_score == pytest.approx(np.mean(impostor), abs=1e-6)
        assert outcome.tar == pytest.approx(np.mean(np.array(genuine) >= 0.6))
        assert outcome.far == pytest.approx(np.mean(np.array(impostor) >= 0.6))
        assert outcome.accuracy == pytest.approx((outcome.tar + 1 - outcome.far) / 2)
        assert outcome.tar_low <= outcome.tar <= outcome.tar_high
    assert found[1].brightness == pytest.approx(0.2 * found[0].brightness, abs=0.01)


def _outcomes(levels: tuple[float, ...], tars: tuple[float, ...]) -> list[Outcome]:
    blank = Outcome("x", 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    return [replace(blank, level=level, tar=tar) for level, tar in zip(levels, tars, strict=True)]


def test_usable_until_half_of_the_matches_are_lost() -> None:
    found = _outcomes((0, 1, 2, 3), (0.8, 0.6, 0.2, 0.6))
    assert crossing(found) == pytest.approx(1.5)
    assert usable_until(BY_NAME["blur"], found) == pytest.approx(1.5)
    log = _outcomes((112, 56, 28, 14), (0.8, 0.6, 0.2, 0.0))
    assert usable_until(BY_NAME["resolution"], log) == pytest.approx(56 / 2**0.5)
    assert usable_until(BY_NAME["blur"], _outcomes((0, 1), (0.8, 0.5))) is None
    assert between([0.2, 0.1, 0.06], 1.25) == pytest.approx(0.09)


def test_limits_are_the_measures_where_a_fifth_of_the_matches_are_lost() -> None:
    levels = {"resolution": (112, 56, 28), "blur": (0, 2, 4), "darkness": (1, 0.5, 0.25), "jpeg": (100, 50, 2)}
    found = {}
    for name, own in levels.items():
        outcomes = _outcomes(own, (0.8, 0.74, 0.54))
        found[BY_NAME[name]] = [
            replace(outcome, sharpness=0.2 - 0.06 * place, brightness=0.4 / 2**place)
            for place, outcome in enumerate(outcomes)
        ]
    chosen = limits(found, "some photos")
    assert chosen.eye_distance == DEFAULT_LIMITS.eye_distance  # 13.4 px come later
    assert chosen.sharpness == pytest.approx(0.11)
    assert chosen.dark == pytest.approx(0.15)
    assert (chosen.yaw, chosen.outside) == (DEFAULT_LIMITS.yaw, DEFAULT_LIMITS.outside)
    assert chosen.measured_on.startswith("some photos: sharpness, dark where 80 %")
    assert QualityLimits.from_dict(chosen.to_dict()) == chosen
    large = {BY_NAME["resolution"]: _outcomes((112, 90), (0.8, 0.4))}
    assert limits(large, "").eye_distance == pytest.approx(37.82 * (90 / 112) ** 0.4, abs=0.06)
    harmless = {BY_NAME["blur"]: _outcomes((0, 6), (0.8, 0.7))}
    assert limits(harmless, "some photos").sharpness == DEFAULT_LIMITS.sharpness


@pytest.fixture
def shards(tmp_path: Path, crops: list[np.ndarray]) -> Path:
    """The tiny shards, with the two people's names."""
    folder = write_tiny_shards(tmp_path / "shards", crops)
    for path in folder.glob("faces-*.parquet"):
        table = pq.read_table(path)
        person = pa.array([f"p{i % len(crops)}" for i in range(table.num_rows)])
        pq.write_table(table.append_column("person", person), path)
    return folder


def test_photos_are_spread_over_people(shards: Path) -> None:
    people = read_people(shards, "val", "test", 10)
    assert len(people.images) == 102
    assert np.bincount(people.people[people.damaged]).tolist() == [5, 5]
    assert people.names[0].startswith("face ")


def test_people_with_one_photo_are_not_enough(shards: Path) -> None:
    with pytest.raises(DataError, match="fewer than two people|no face"):
        read_people(shards, "nowhere", "test", 10)


@pytest.mark.slow
def test_from_the_command_to_its_files(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    flags = ["--damage", "darkness", "covered", "--photos", "4", "--hidden", "0", "--batch-size", "8"]
    flags += ["--device", "cpu"]
    assert main([str(shards), "--out", str(out), *flags]) == 0
    table = pd.read_csv(out / "robustness.csv")
    assert set(table["damage"]) == {"darkness", "covered"}
    dark = table[table["damage"] == "darkness"]
    assert dark["tar"].iloc[-1] < dark["tar"].iloc[0]
    assert dark["genuine_score"].iloc[-1] < dark["genuine_score"].iloc[0]
    text = (out / "robustness.md").read_text()
    assert "### Darkness" in text
    assert "hidden faces" not in text  # none were to be covered
    assert capsys.readouterr().out.strip() == text.strip()
    assert (out / "robustness.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_limits_that_are_written_can_be_read(shards: Path, tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    flags = ["--damage", "darkness", "--photos", "4", "--hidden", "8", "--batch-size", "8", "--device", "cpu"]
    flags += ["--half", "fit", "--limits", str(path)]
    assert main([str(shards), "--out", str(tmp_path / "out"), *flags]) == 0
    written = QualityLimits.from_dict(json.loads(path.read_text()))
    assert written.dark is not None
    assert written.hidden is not None
    assert len(path.read_text().splitlines()) == 6  # a line for each key, also where a direction has many numbers


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--limits", "quality.json"], "choices are made on --half fit"),
        (["--limits", "quality.json", "--half", "fit", "--flip"], "leave out --flip"),
        (["--hidden", "-1"], "--hidden must be 0 or more"),
        (["--photos", "0"], "--photos must be 1 or more"),
        (["--model", "nowhere"], "nowhere"),
        (["--damage", "rust"], "rust"),
        (["--split", "nowhere"], "nowhere"),
    ],
)
def test_mistakes(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], words: str
) -> None:
    assert main([str(shards), "--out", str(tmp_path / "out"), "--device", "cpu", *flags]) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
