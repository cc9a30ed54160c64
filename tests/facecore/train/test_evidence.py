import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from facecore import checkpoint
from facecore.data.parquet import VAL_SPLITS, FaceShards, read_shards
from facecore.errors import DataError
from facecore.files import sha256
from facecore.models import Student, resnet18
from facecore.pretrained import find_model
from facecore.recognizer import FaceRecognizer
from facecore.train import evidence
from facecore.train.evidence import calibrate_on_shards, choose_weights
from tests.tiny_shards import write_tiny_shards

MODEL = find_model("resnet18")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, crops: list[np.ndarray]) -> Path:
    return write_tiny_shards(tmp_path_factory.mktemp("shards") / "shards", crops)


@pytest.fixture
def tiny_shards(written: Path, tmp_path: Path) -> Path:
    """A copy of the shards, which are made once."""
    return Path(shutil.copytree(written, tmp_path / "shards"))


@pytest.fixture
def embeddings(tiny_shards: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, np.ndarray]:
    """Stand in for the network: each face's embedding, whose first half tells its person and whose second nothing."""
    random = np.random.default_rng(5)
    ids = read_shards(tiny_shards, VAL_SPLITS).ids
    people = random.normal(size=(2, 128))
    rows = np.stack([[*(people[face % 2] + 2 * random.normal(size=128)), *random.normal(size=128)] for face in ids])
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def embed(recognizer: FaceRecognizer, shards: FaceShards, batch_size: int) -> np.ndarray:
        np.testing.assert_array_equal(shards.ids, ids)
        return rows

    monkeypatch.setattr(evidence, "_embed", embed)
    return {int(face): row.astype(np.float64) for face, row in zip(ids, rows, strict=True)}


def _pairs(data: Path, half: str) -> pd.DataFrame:
    table = pd.read_parquet(data / "val_pairs.parquet")
    return table[table["half"] == half]


def test_one_half_is_fitted_and_the_other_is_the_evidence(tiny_shards: Path, embeddings: dict[int, np.ndarray]) -> None:
    table = pd.read_parquet(tiny_shards / "val_pairs.parquet")
    kept = (table["half"] == "fit") | (table["pool"] == "people")  # so that the halves differ
    table[kept].to_parquet(tiny_shards / "val_pairs.parquet")
    calibration = calibrate_on_shards(MODEL, tiny_shards, "cpu")
    scores = {
        half: np.array([embeddings[a] @ embeddings[b] for a, b in zip(pairs["left"], pairs["right"], strict=True)])
        for half in ("fit", "test")
        if len(pairs := _pairs(tiny_shards, half))
    }
    known = _pairs(tiny_shards, "fit")["same"].to_numpy(bool)
    impostor = np.sort(scores["fit"][~known])
    at = calibration.thresholds[1]
    assert (at.far, at.impostors, at.genuine) == (1e-3, int((~known).sum()), int(known.sum()))
    # So many impostors may pass, and the next one below may not.
    budget = int(1e-3 * impostor.size)
    assert at.false_accepts == budget
    assert impostor[-budget - 1] < at.threshold <= impostor[-budget]
    test = _pairs(tiny_shards, "test")
    figures = calibration.evidence
    assert set(figures) == {"people", "all"}
    assert figures["all"]["genuine"] + figures["all"]["impostors"] == len(test)
    assert figures["all"]["auc"] == pytest.approx(roc_auc_score(test["same"], scores["test"]), abs=1e-9)
    assert calibration.source["digest"] == sha256(tiny_shards / "val_pairs.parquet")


def test_the_part_that_tells_people_apart_gets_the_weight(
    tiny_shards: Path,
    embeddings: dict[int, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    both = Student({"teacher": 128, "teacher2": 128}, {"teacher": 1.0, "teacher2": 1.0}).eval()
    loaded = dataclasses.replace(checkpoint.load(MODEL), network=both)
    monkeypatch.setattr(evidence.checkpoint, "load", lambda model: loaded)
    weights = choose_weights(MODEL, tiny_shards, "cpu")
    assert list(weights) == ["teacher", "teacher2"]
    assert sum(weight**2 for weight in weights.values()) == pytest.approx(1)
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("share of teacher")]
    assert len(told) == 11
    shares = {float(line.split()[3].rstrip(":")): float(line.split()[5]) for line in told}
    assert shares[round(weights["teacher"] ** 2, 1)] == max(shares.values())
    assert shares[1.0] > shares[0.0] + 20  # the second part is noise
    assert weights["teacher"] > weights["teacher2"]


def test_a_student_of_one_teacher_has_nothing_to_weigh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    single = Student({"teacher": 128}, {"teacher": 1.0})
    loaded = dataclasses.replace(checkpoint.load(MODEL), network=single)
    monkeypatch.setattr(evidence.checkpoint, "load", lambda model: loaded)
    assert choose_weights(MODEL, tmp_path / "no data") == {"teacher": 1.0}


def test_only_a_student_has_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = dataclasses.replace(checkpoint.load(MODEL), network=resnet18(2))
    monkeypatch.setattr(evidence.checkpoint, "load", lambda model: loaded)
    with pytest.raises(DataError, match="this is a ResNet"):
        choose_weights(MODEL, tmp_path / "no data")


@pytest.mark.usefixtures("embeddings")
def test_pairs_of_faces_that_are_in_no_shard(tiny_shards: Path) -> None:
    table = pd.read_parquet(tiny_shards / "val_pairs.parquet")
    table.loc[0, "left"] = 999_999
    table.to_parquet(tiny_shards / "val_pairs.parquet")
    with pytest.raises(DataError, match="in no shard"):
        calibrate_on_shards(MODEL, tiny_shards, "cpu")
