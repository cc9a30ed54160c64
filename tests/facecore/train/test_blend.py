"""Where the zero of each part of an embedding is, and how much it counts."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from facecore import checkpoint
from facecore.backends import unit
from facecore.checkpoint import Model
from facecore.config import ModelConfig
from facecore.data.parquet import VAL_SPLITS, read_shards
from facecore.errors import DataError
from facecore.models import Student, resnet18
from facecore.pretrained import find_model
from facecore.recognizer import FaceRecognizer
from facecore.train import blend
from facecore.train.blend import CENTRE_FACES, CHOICE_FAR, choose_blend
from facecore.transforms import Preset
from facecore.verification.metrics import tar_at_far
from tests.tiny_shards import SPLITS, write_tiny_shards

TRAINED = 2 * SPLITS.count("train")
Answers = Mapping[str, np.ndarray]
Answering = Callable[[Answers, Answers], Path]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, crops: list[np.ndarray]) -> Path:
    return write_tiny_shards(tmp_path_factory.mktemp("shards") / "shards", crops)


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answering:
    """A directory with a student that gives the answers for training faces, and for those of the pairs."""

    def made(trained: Answers, judged: Answers) -> Path:
        student = Student(dict.fromkeys(trained, 128), dict.fromkeys(trained, 0.5))
        for name in trained:
            student.head(name).mean.fill_(0.25)
            student.head(name).scale.fill_(2.0)
        config = ModelConfig("student", student.arguments, "aligned", 112, None, {"centred": ["before"]})
        checkpoint.save(tmp_path / "m", student, config)

        def answers(student: Student, preset: Preset, faces: np.ndarray, *_: object) -> Answers:
            return trained if len(faces) == TRAINED else judged

        monkeypatch.setattr(blend, "_answers", answers)
        return tmp_path / "m"

    return made


def people(count: int, noise: float, seed: int = 5) -> np.ndarray:
    """Answers to as many faces of two people in turn."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(2, 128))[np.arange(count) % 2] + noise * random.normal(size=(count, 128))
    return rows.astype(np.float32)


def shared(count: int) -> np.ndarray:
    """What every other photo of each of the two has in common with all others of its kind."""
    common = np.random.default_rng(8).normal(size=128)
    return (common * (np.arange(count) % 4 < 2)[:, None]).astype(np.float32)


def judged_faces(shards: Path) -> int:
    return len(read_shards(shards, VAL_SPLITS))


def loaded(model: Path) -> tuple[Model, Student]:
    read = checkpoint.load(model)
    assert isinstance(read.network, Student)
    return read, read.network


def told(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], float]:
    """All that was tried, and the TAR that was taken."""
    lines = [line for line in capsys.readouterr().err.splitlines() if "TAR" in line]
    assert lines[-1].startswith("taken: ")
    found = [float(value) for value in re.findall(r"TAR ([0-9.]+) %", "\n".join(lines))]
    assert len(found) == len(lines)
    assert found[-1] == max(found)
    return lines, found[-1]


def tar_of(model: Path, before: Student, judged: Answers, shards: Path) -> float:
    """TAR of the embeddings that the model makes of the answers, found pair by pair."""
    student = loaded(model)[1]
    parts = {name: torch.from_numpy((rows - 0.25) / 2) for name, rows in judged.items()}
    rows = student.blend(parts).numpy()
    place = {face: row for row, face in zip(rows, read_shards(shards, VAL_SPLITS).ids, strict=True)}
    pairs = pd.read_parquet(shards / "val_pairs.parquet").query("half == 'fit'")
    scores = np.array([place[a] @ place[b] for a, b in zip(pairs["left"], pairs["right"], strict=True)])
    assert float(before.head(next(iter(judged))).mean[0]) == 0.25
    return 100 * tar_at_far(scores, pairs["same"].to_numpy(bool), CHOICE_FAR).tar


def test_what_all_answers_share_is_subtracted_where_that_helps(
    answering: Answering, shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = judged_faces(shards)
    judged = {"a": people(count, 0.8) + shared(count)}
    model = answering({"a": people(TRAINED, 0.8) + shared(TRAINED)}, judged)
    before, student = loaded(model)
    choose_blend(model, shards, "cpu")
    lines, best = told(capsys)
    assert lines[0].startswith("no mean subtracted: TAR")
    assert lines[1].startswith("mean subtracted from a: TAR")
    assert len(lines) == 3
    assert best == pytest.approx(tar_of(model, student, judged, shards), abs=0.1)
    after, moved = loaded(model)
    expected = 0.25 - (people(TRAINED, 0.8) + shared(TRAINED)).mean(0)
    np.testing.assert_allclose(moved.head("a").mean, expected, atol=1e-5)
    assert moved.weights == {"a": 0.5}
    assert after.config.training["centred"] == ["a", "before"]
    assert after.config.arguments == moved.arguments
    assert before.digest != after.digest


def test_the_part_that_tells_people_apart_gets_the_weight(
    answering: Answering, shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the three parts of the question each has another answer: b tells nothing, and a's mean is best kept."""
    count = judged_faces(shards)
    judged = {"a": people(count, 2.0), "b": people(count, 30.0)}
    trained = {"a": 3 * np.ones((TRAINED, 128), np.float32), "b": people(TRAINED, 30.0)}
    model = answering(trained, judged)
    student = loaded(model)[1]
    choose_blend(model, shards, "cpu")
    lines, best = told(capsys)
    assert len(lines) == 4 + 11 + 1  # the best of each choice of means, all shares beside the best, and what was taken
    assert best == pytest.approx(tar_of(model, student, judged, shards), abs=0.1)
    after, chosen = loaded(model)
    assert chosen.weights["a"] > chosen.weights["b"]
    assert sum(weight**2 for weight in chosen.weights.values()) == pytest.approx(1)
    assert float(chosen.head("a").mean[0]) == 0.25
    assert "a" not in after.config.training["centred"]


def test_each_part_has_a_zero_of_its_own(answering: Answering, shards: Path) -> None:
    """What is shared is in a alone; b's mean over the training faces is nothing that its other answers have."""
    count = judged_faces(shards)
    model = answering(
        {"a": people(TRAINED, 2.0) + shared(TRAINED), "b": 3 * np.ones((TRAINED, 128), np.float32)},
        {"a": people(count, 2.0) + shared(count), "b": people(count, 2.0, seed=6)},
    )
    choose_blend(model, shards, "cpu")
    after, student = loaded(model)
    assert after.config.training["centred"] == ["a", "before"]
    assert float(student.head("b").mean[0]) == 0.25
    assert min(student.weights.values()) > 0


def test_a_calibration_of_other_scores_does_not_stay(answering: Answering, shards: Path) -> None:
    answers = {"a": people(TRAINED, 0.8)}, {"a": people(judged_faces(shards), 0.8)}
    model = answering(*answers)
    calibration = checkpoint.load(find_model("resnet18")).calibration
    assert calibration is not None
    checkpoint.save_calibration(model, calibration)
    choose_blend(model, shards, "cpu")
    assert checkpoint.load(model).calibration is None


def test_only_a_student_has_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = dataclasses.replace(checkpoint.load(find_model("resnet18")), network=resnet18(2))
    monkeypatch.setattr(blend.checkpoint, "load", lambda model: other)
    with pytest.raises(DataError, match="this is a ResNet"):
        choose_blend(find_model("resnet18"), tmp_path / "no data")


def test_answers_of_one_head_are_the_embedding_before_its_length_is_one(
    recognizer: FaceRecognizer, crops: list[np.ndarray]
) -> None:
    student = recognizer.model.network
    assert isinstance(student, Student)
    faces = np.stack([*crops, *(crop[:, ::-1] for crop in crops)])
    answers = blend._answers(student, recognizer.input, faces, torch.device("cpu"), 3)
    parts = [student.weights[name] * unit(rows) for name, rows in answers.items()]
    np.testing.assert_allclose(unit(np.concatenate(parts, axis=1)), recognizer.encode(list(faces), 4), atol=1e-5)
    assert len(faces) < CENTRE_FACES
