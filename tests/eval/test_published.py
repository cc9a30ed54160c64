"""The bundled weights against what is published with them: the calibration, its evidence, and the card."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eval.score import main
from facecore import checkpoint
from facecore.data.parquet import VAL_SPLITS, read_pairs, read_shards
from facecore.pretrained import DEFAULT_MODEL, bundled_models, find_model
from facecore.recognizer import FaceRecognizer
from facecore.train.evidence import calibrate_on_shards
from facecore.verification.calibration import Calibration
from facecore.verification.intervals import wilson, wilson_at
from facecore.verification.metrics import tar_at_far
from facecore.verification.scores import cosines

POOLS = {"people": "people", "fairface": "fairface", "all": "both"}  # as the calibration and the card call them


@pytest.fixture(scope="module", params=bundled_models())
def directory(request: pytest.FixtureRequest) -> Path:
    return find_model(request.param)


@pytest.fixture(scope="module")
def published(directory: Path) -> Calibration:
    calibration = checkpoint.load(directory).calibration
    assert calibration is not None
    return calibration


@pytest.fixture(scope="module")
def card(directory: Path) -> str:
    return " ".join((directory / "README.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def again(directory: Path, shared_data: Path) -> Calibration:
    return calibrate_on_shards(directory, shared_data / "train", "cpu")


@pytest.fixture(scope="module")
def flipped(directory: Path) -> Calibration:
    calibration = checkpoint.load(directory, flip=True).calibration
    assert calibration is not None
    return calibration


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def test_the_card_has_the_figures_of_the_calibration(published: Calibration, flipped: Calibration, card: str) -> None:
    for threshold in published.thresholds:
        assert threshold.threshold is not None
        assert threshold.true_accepts is not None
        found = f"| {threshold.threshold:.4f} ("
        assert found in card
        row = card.partition(found)[2].partition(" | | ")[0]
        assert f"{threshold.false_accepts:,} of {threshold.impostors:,}" in row
        assert f"| {percent(threshold.true_accepts / threshold.genuine)} % (" in row
    for pool, name in POOLS.items():
        figures = published.evidence[pool]
        row = card.partition(f"| {name} | {figures['genuine']:,} / {figures['impostors']:,} |")[2]
        assert row.startswith(f" {figures['auc']:.4f} | {percent(figures['eer'])} % | ")
        for at in figures["tar_at_far"]:
            low, high = map(percent, at["tar_interval"])
            assert f"{percent(at['tar'])} % ({low} to {high})" in row[:150]
    figures = flipped.evidence["all"]
    row = card.partition("With the mirror image of each face")[2].partition("| both | ")[2]
    assert row.startswith(f"5,000 / 300,000 | {figures['auc']:.4f} | {percent(figures['eer'])} % | ")
    low, high = (f"{100 * end:.3f}" for end in published.evidence["all"]["at_threshold"]["far_interval"])
    assert f"{published.evidence['all']['at_threshold']['false_accepts']} of 300,000 impostor pairs" in card
    assert f"{low} to {high}" in card


@pytest.mark.data
@pytest.mark.slow
def test_the_weights_still_give_the_published_figures(published: Calibration, again: Calibration) -> None:
    check_figures(published, again)


@pytest.mark.data
@pytest.mark.slow
def test_so_does_the_default_model_with_mirror_images(shared_data: Path) -> None:
    """On the half that it was calibrated on: each face takes two passes."""
    published, plain = (checkpoint.load(find_model(DEFAULT_MODEL), flip=flip).calibration for flip in (True, False))
    assert published is not None
    assert plain is not None
    assert published.evidence["all"]["eer"] < plain.evidence["all"]["eer"]
    pairs, shards = read_pairs(shared_data / "train", "fit"), read_shards(shared_data / "train", VAL_SPLITS)
    rows = np.flatnonzero(np.isin(shards.ids, pairs[["left", "right"]]))
    embeddings = FaceRecognizer.from_pretrained(device="cpu", flip=True).encode(list(shards.images[rows]), 128)
    places = pd.Index(shards.ids[rows])
    scores = cosines(embeddings, *(places.get_indexer(pd.Index(pairs[side])) for side in ("left", "right")))
    for threshold in published.thresholds:
        found = tar_at_far(scores, pairs["same"].to_numpy(bool), threshold.far)
        assert threshold.interval is not None
        assert threshold.interval[0] <= found.threshold <= threshold.interval[1]
        low, high = wilson(threshold.true_accepts, threshold.genuine)
        assert low <= found.tar <= high


def check_figures(published: Calibration, again: Calibration) -> None:
    """Within the published intervals: what processors round differently moves a few pairs of 300,000."""
    for before, now in zip(published.thresholds, again.thresholds, strict=True):
        assert before.interval is not None
        assert now.threshold is not None
        assert before.interval[0] <= now.threshold <= before.interval[1]
    for pool in POOLS:
        before_at, now_at = (c.evidence[pool]["tar_at_far"] for c in (published, again))
        for was, is_now in zip(before_at, now_at, strict=True):
            assert was["tar_interval"][0] <= is_now["tar"] <= was["tar_interval"][1]
        was, is_now = (c.evidence[pool]["at_threshold"] for c in (published, again))
        assert was["far_interval"][0] <= is_now["far"] <= was["far_interval"][1]


@pytest.mark.data
@pytest.mark.slow
def test_the_probabilities_are_still_those_published(published: Calibration, again: Calibration) -> None:
    scores = np.linspace(-1, 1, 401)
    differences = [abs(published.probability(score) - again.probability(score)) for score in scores]
    assert max(differences) < 0.005


@pytest.mark.data
@pytest.mark.slow
def test_the_first_fold_of_lfw_is_as_the_card_says(
    directory: Path, card: str, shared_data: Path, tmp_path: Path, fold_cache: Path
) -> None:
    fold, out = shared_data / "lfw_fold1", tmp_path / "lfw.csv"
    flags = ["--images", str(fold), "--out", str(out), "--model", directory.name, "--cache", str(fold_cache)]
    assert main([str(fold / "pairs.txt"), *flags]) == 0
    record = json.loads(out.with_suffix(".json").read_text())
    assert (record["pairs"], record["face"]) == (600, "centre")
    assert record["failed_pairs"] <= 3
    told = re.search(r"accuracy at the shipped threshold ([0-9.]+) %", card)
    assert told is not None
    low, high = wilson_at(float(told[1]) / 100, record["pairs"])
    assert low <= record["figures"]["accuracy_at_threshold"] <= high
    area = re.search(r"AUC ([0-9.]+) \(", card)
    assert area is not None
    assert record["figures"]["auc"] == pytest.approx(float(area[1]), abs=0.02)
