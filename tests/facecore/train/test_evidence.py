import dataclasses
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from facecore import checkpoint
from facecore.backends import unit
from facecore.data.parquet import VAL_SPLITS, FaceShards, read_shards
from facecore.errors import DataError
from facecore.files import sha256
from facecore.models import Student, resnet18
from facecore.pretrained import find_model
from facecore.recognizer import FaceRecognizer
from facecore.train import evidence
from facecore.train.evidence import calibrate_on_shards, choose_centre, choose_weights
from facecore.transforms import Preset
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


@pytest.fixture
def answering(tiny_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A directory with a student of `teacher2`, whose answers tell people and have something in common."""

    def made(common: str) -> Path:
        loaded = checkpoint.load(MODEL)
        checkpoint.save(tmp_path / "m", loaded.network, loaded.config)
        assert loaded.calibration is not None
        checkpoint.save_calibration(tmp_path / "m", loaded.calibration)
        monkeypatch.setattr(evidence, "_answers", partial(answers, common))
        return tmp_path / "m"

    def answers(common: str, student: Student, preset: Preset, faces: np.ndarray, *_: object) -> dict[str, np.ndarray]:
        random = np.random.default_rng(5)
        people, shared = random.normal(size=(2, 128)), random.normal(size=128)
        rows = np.arange(len(faces))
        told = people[rows % 2] + 0.8 * random.normal(size=(len(faces), 128))
        if common == "of one kind":  # every other photo of each of the two
            told[rows % 4 < 2] += shared
        return {"teacher2": told.astype(np.float32)}

    return made


def test_what_all_answers_share_is_subtracted_where_that_helps(
    answering: Callable[[str], Path], tiny_shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = answering("of one kind")
    before = checkpoint.load(model)
    assert choose_centre(model, tiny_shards, ["teacher2"], "cpu")
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("mean answer")]
    kept, subtracted = (float(line.split()[4]) for line in told)
    assert subtracted > kept + 20
    after = checkpoint.load(model)
    assert isinstance(before.network, Student)
    assert isinstance(after.network, Student)
    assert after.calibration is None  # it was that of other scores
    assert after.config.training["centred"] == ["teacher2"]
    answers = evidence._answers(before.network, before.input, np.zeros((48, 112, 112, 3), np.uint8))["teacher2"]
    moved = before.network.head("teacher2").mean - after.network.head("teacher2").mean
    np.testing.assert_allclose(moved, answers.mean(0), atol=1e-5)
    for name, tensor in before.network.state_dict().items():
        assert name == "heads.teacher2.mean" or torch.equal(tensor, after.network.state_dict()[name]), name


def test_it_stays_where_that_does_not_help(answering: Callable[[str], Path], tiny_shards: Path) -> None:
    model = answering("nothing")
    before = checkpoint.load(model)
    assert not choose_centre(model, tiny_shards, ["teacher2"], "cpu")
    assert checkpoint.load(model).digest == before.digest
    assert checkpoint.load(model).calibration == before.calibration
    assert not choose_centre(model, tiny_shards / "nowhere", [], "cpu")


def test_answers_of_one_head_are_the_embedding_before_its_length_is_one(
    recognizer: FaceRecognizer, crops: list[np.ndarray]
) -> None:
    student = recognizer.model.network
    assert isinstance(student, Student)
    faces = np.stack([*crops, *(crop[:, ::-1] for crop in crops)])
    (answers,) = evidence._answers(student, recognizer.input, faces, torch.device("cpu"), 3).values()
    np.testing.assert_allclose(unit(answers), recognizer.encode(list(faces), 4), atol=1e-5)


@pytest.mark.usefixtures("embeddings")
def test_pairs_of_faces_that_are_in_no_shard(tiny_shards: Path) -> None:
    table = pd.read_parquet(tiny_shards / "val_pairs.parquet")
    table.loc[0, "left"] = 999_999
    table.to_parquet(tiny_shards / "val_pairs.parquet")
    with pytest.raises(DataError, match="in no shard"):
        calibrate_on_shards(MODEL, tiny_shards, "cpu")
