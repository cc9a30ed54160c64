"""Distillation on a tiny set, from the command to the model: what it writes, and that stopping it changes nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from facecore import checkpoint
from facecore.config import ModelConfig
from facecore.models import Student
from facecore.pretrained import find_model
from facecore.recognizer import FaceRecognizer
from facecore.train.__main__ import main
from tests.tiny_shards import write_tiny_shards

ROOT = Path(__file__).resolve().parents[3]
SMALL = ["--batch-size", "8", "--bank-size", "16", "--warmup-steps", "2", "--lr", "0.02", "--device", "cpu"]
PHASES = ["--phases", "64:64", "112:16"]


def _command(data: Path, out: Path, *more: str) -> list[str]:
    return [str(data), "--recipe", "distill", "--out", str(out), *SMALL, *PHASES, "--precision", "fp32", *more]


def _weights(run: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(run / "last").network.state_dict()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, crops: list[np.ndarray]) -> Path:
    """A run that several tests look at."""
    folder = tmp_path_factory.mktemp("finished")
    data, run = write_tiny_shards(folder / "shards", crops), folder / "run"
    assert main(_command(data, run, "--log-every", "2")) == 0
    return run


def test_the_run_writes_a_calibrated_model_and_its_record(finished: Path, astronaut: object) -> None:
    model = checkpoint.load(finished / "last")
    assert model.calibration is not None
    assert set(model.calibration.evidence) == {"people", "fairface", "all"}
    assert model.config.training["steps"] == 10
    assert sum(weight**2 for weight in model.config.arguments["weights"].values()) == pytest.approx(1)
    assert json.loads((finished / "progress.json").read_text())["samples_done"] == 80
    assert json.loads((finished / "arguments.json").read_text())["arguments"]["batch_size"] == 8
    metrics = pd.read_csv(finished / "metrics.csv")
    assert list(metrics["step"]) == [2, 4, 6, 8, 10]
    assert list(metrics["size"]) == [64, 64, 64, 64, 112]
    assert metrics["train_loss"].iloc[3] < metrics["train_loss"].iloc[0]  # the last row is of another size
    comparison = FaceRecognizer(model, device="cpu").compare(astronaut, astronaut)
    assert comparison.score == pytest.approx(1, abs=1e-6)


@pytest.mark.slow
def test_killed_and_resumed_gives_the_same_weights(
    finished: Path, tiny_shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "killed"
    command = _command(tiny_shards, run, "--save-minutes", "0", "--log-every", "2")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "facecore.train", *command], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        while process.poll() is None and _samples(run) < 24:
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 24 <= _samples(run) < 80, "the run was over before it could be killed"
    assert checkpoint.load(run / "last").config.training["steps"] >= 2  # what there was is not lost
    assert main(command) == 2  # without --resume nothing is overwritten
    assert "--resume" in capsys.readouterr().err
    assert main([*command, "--lr", "0.03", "--resume"]) == 2
    assert "lr was 0.02 and is now 0.03" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    whole, resumed = _weights(finished), _weights(run)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert list(pd.read_csv(run / "metrics.csv")["step"]) == [2, 4, 6, 8, 10]


def _samples(run: Path) -> int:
    path = run / "progress.json"
    return int(json.loads(path.read_text())["samples_done"]) if path.exists() else 0


@pytest.mark.slow
def test_goes_on_from_a_model(finished: Path, tiny_shards: Path, tmp_path: Path) -> None:
    later = tmp_path / "later"
    command = _command(tiny_shards, later, "--init", str(finished / "last"), "--samples-done", "64")
    assert main(command) == 0
    assert json.loads((later / "progress.json").read_text())["samples_done"] == 80
    before, after = _weights(finished), _weights(later)
    # Two steps of a small rate: moved, but not far.
    moved = (after["backbone.conv1.weight"] - before["backbone.conv1.weight"]).abs().max()
    assert 0 < float(moved) < 0.05


@pytest.mark.slow
def test_goes_on_with_one_of_two_teachers(finished: Path, tiny_shards: Path, tmp_path: Path) -> None:
    later = tmp_path / "later"
    change = ["--init", str(finished / "last"), "--samples-done", "64", "--teachers", "teacher2"]
    assert main(_command(tiny_shards, later, *change, "--optimizer", "adamw")) == 0
    network = checkpoint.load(later / "last").network
    assert isinstance(network, Student)
    assert list(network.heads) == ["teacher2"]
    # AdamW with a new optimiser: each weight moved by a few times the rate at most, and so stays what it was.
    before, after = _weights(finished), _weights(later)
    moved = (after["heads.teacher2.linear.weight"] - before["heads.teacher2.linear.weight"]).abs().max()
    assert 0 < float(moved) < 0.05


def test_a_teacher_can_be_added_without_training(
    tiny_shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model of the second teacher gets a head for the first; all else stays."""
    student = Student({"teacher2": 128}, {"teacher2": 1.0}).eval()
    checkpoint.save(tmp_path / "m", student, ModelConfig("student", student.arguments, "aligned", 64))
    change = ["--init", str(tmp_path / "m"), "--phases", "64:0"]
    assert main(_command(tiny_shards, tmp_path / "run", *change)) == 0
    assert "m was taught by teacher2: a fresh head for teacher" in capsys.readouterr().err
    before, after = checkpoint.load(tmp_path / "m").network, checkpoint.load(tmp_path / "run/last").network
    assert isinstance(after, Student)
    assert list(after.heads) == ["teacher2", "teacher"]
    own = after.state_dict()
    for key, value in before.state_dict().items():
        assert key == "heads.teacher2.mean" or torch.equal(value, own[key]), key
    assert checkpoint.load(tmp_path / "run/last").calibration is not None
    assert json.loads((tmp_path / "run/progress.json").read_text())["samples_done"] == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--batch-size", "500"], "larger than the data"),
        (["--phases", "64"], "SIZE:SAMPLES"),
        (["--phases", "64:0"], "nothing is left"),
        (["--init", "nowhere"], "nowhere"),
        (["--resume"], "no checkpoint"),
        (["--lr", "1e30"], "loss is"),
        (["--teacher", "resnet18"], "leave out --teacher"),
        (["--label-weight", "1"], "fewer than two people"),
        (["--sampler", "balanced"], "needs images with labels"),
        (["--teachers", "other"], "other"),
        (["--licences", "research"], "licence"),
    ],
)
def test_a_mistake_is_one_line(
    tiny_shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: list[str], words: str
) -> None:
    assert main(_command(tiny_shards, tmp_path / "run", *change)) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_command(tmp_path, tmp_path / "run")) == 2
    assert "faces-" in capsys.readouterr().err


@pytest.mark.slow
def test_a_folder_of_people_learns_from_a_model_and_from_labels(people: Path, tmp_path: Path) -> None:
    """A teacher that is a model directory, together with labels, and then the table that it left as a file."""
    small = [
        "--epochs",
        "2",
        "--size",
        "64",
        "--batch-size",
        "6",
        "--bank-size",
        "16",
        "--lr",
        "0.02",
        "--workers",
        "0",
    ]
    run = tmp_path / "run"
    command = [str(people), "--recipe", "distill", "--out", str(run), *small, "--device", "cpu", "--precision", "fp32"]
    assert main([*command, "--teacher", "resnet18", "--label-weight", "0.5"]) == 0
    model = checkpoint.load(run / "last")
    assert model.classes == ("ann", "ben", "cai")
    assert model.config.arguments["dims"] == {"teacher": checkpoint.load(find_model("resnet18")).network.embedding_dim}
    metrics = pd.read_csv(run / "metrics.csv")
    assert metrics["verification_auc"].notna().any()
    assert metrics["train_accuracy"].notna().all()

    table = next(run.glob("targets-*.npy"))
    names = tmp_path / "names.txt"
    train = people / "train_data"
    names.write_text("".join(f"{path.relative_to(train).as_posix()}\n" for path in sorted(train.rglob("*.png"))))
    command[command.index(str(run))] = str(tmp_path / "again")
    assert main([*command, "--targets", str(table), "--index", str(names), "--label-weight", "0.5"]) == 0
    first, again = _weights(run), _weights(tmp_path / "again")
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.slow
def test_photos_without_labels_are_welcome(people: Path, tmp_path: Path) -> None:
    photos = people / "verification_data"
    small = ["--epochs", "1", "--size", "64", "--batch-size", "4", "--bank-size", "8", "--workers", "0"]
    run = tmp_path / "run"
    command = [str(photos), "--recipe", "distill", "--out", str(run), *small, "--teacher", "resnet18"]
    assert main([*command, "--device", "cpu", "--no-calibration"]) == 0
    assert checkpoint.load(run / "last").classes == ()
