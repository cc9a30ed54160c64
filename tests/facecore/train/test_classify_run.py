"""The recipes on a folder of people, from the command to the models."""

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import get_worker_info

from eval.score import main as score
from facecore import checkpoint
from facecore.data.pictures import FilePictures
from facecore.recognizer import FaceRecognizer
from facecore.train.__main__ import main
from tests.facecore.train.people import write_people

ROOT = Path(__file__).resolve().parents[3]


def _command(data: Path, out: Path, *more: str, recipe: str = "reference") -> list[str]:
    small = ["--size", "64", "--epochs", "3", "--batch-size", "6", "--precision", "fp32", "--device", "cpu"]
    return [str(data), "--recipe", recipe, "--out", str(out), *small, "--workers", "0", *more]


def _weights(run: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(run / "last").network.state_dict()


def _same(first: Path, second: Path) -> bool:
    one, other = _weights(first), _weights(second)
    return all(torch.equal(one[name], other[name]) for name in one)


@dataclass(frozen=True)
class Finished:
    """A run that several tests look at."""

    run: Path
    people: Path
    out: str
    err: str


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, crops: list[np.ndarray]) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    data, run = write_people(folder / "people", crops), folder / "run"
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        assert main(_command(data, run, "--lr", "0.02")) == 0
    return Finished(run, data, out.getvalue(), err.getvalue())


def test_what_a_run_writes(finished: Finished) -> None:
    run = finished.run
    metrics = pd.read_csv(run / "metrics.csv")
    assert list(metrics["epoch"]) == [1, 2, 3]
    assert list(metrics["learning_rate"]) == pytest.approx([0.02, 0.02 * 0.85, 0.02 * 0.85**2])
    assert list(metrics["val_accuracy"].notna()) == [False, True, True]  # every second epoch, and after the last
    assert metrics["train_loss"].iloc[-1] < metrics["train_loss"].iloc[0]
    assert (metrics["images_per_second"] > 0).all()
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list((run / "tensorboard").glob("events.*"))
    record = json.loads((run / "arguments.json").read_text())
    assert record["arguments"]["lr"] == 0.02
    results = json.loads((run / "results.json").read_text())
    assert set(results) == {"val_accuracy", "verification_auc", "test_accuracy"}
    assert all(0 <= value <= 1 for value in results.values())
    assert "no calibration" in finished.err  # 28 pairs carry none, and that is said
    assert "python -m eval.calibrate" in finished.err
    assert f"to score {finished.people / 'verification_pairs_test.txt'}" in finished.out


def test_its_models_work(finished: Finished, astronaut: np.ndarray) -> None:
    for name in ("last", "best"):
        recognizer = FaceRecognizer.from_pretrained(finished.run / name, device="cpu")
        assert recognizer.compare(astronaut, astronaut).score == pytest.approx(1, abs=1e-5)
        model = recognizer.model
        assert model.classes == ("ann", "ben", "cai")
        assert model.network(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
        assert model.config.arguments["shortcut"] == "every"


def test_the_command_that_it_prints_scores_the_list(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = next(line for line in finished.out.splitlines() if "python -m eval.score" in line)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)
    assert words[:3] == ["python", "-m", "eval.score"]
    assert score([*words[3:], "--no-cache", "--workers", "1", "--device", "cpu"]) == 0
    assert len(pd.read_csv(tmp_path / "scores.csv")) == 28


@pytest.mark.slow
def test_from_the_disk_by_workers_or_from_memory_gives_the_same_weights(finished: Finished, tmp_path: Path) -> None:
    command = _command(
        finished.people, tmp_path / "disk", "--lr", "0.02", "--hold", "disk", "--workers", "2", "--no-calibration"
    )
    assert main(command) == 0
    assert _same(finished.run, tmp_path / "disk")


@pytest.mark.slow
def test_killed_and_resumed_gives_the_same_weights(finished: Finished, tmp_path: Path) -> None:
    run = tmp_path / "killed"
    command = _command(finished.people, run, "--lr", "0.02", "--save-minutes", "0")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "facecore.train", *command]
    process = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None and _samples(run) < 24:  # in the middle of the second epoch
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 24 <= _samples(run) < 54, "the run was over before it could be killed"
    assert main([*command, "--resume"]) == 0
    assert _same(finished.run, run)
    columns = ["epoch", "step", "learning_rate", "train_loss", "train_accuracy", "val_accuracy", "gradient_norm"]
    whole, resumed = (pd.read_csv(one / "metrics.csv")[columns] for one in (finished.run, run))
    pd.testing.assert_frame_equal(whole, resumed)


def _samples(run: Path) -> int:
    path = run / "progress.json"
    return int(json.loads(path.read_text())["samples_done"]) if path.exists() else 0


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked, and take over what was replaced, on Linux")
def test_a_worker_that_the_system_ends(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(self: FilePictures, rows: np.ndarray) -> None:
        assert get_worker_info() is not None
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(FilePictures, "take", ended)
    command = _command(people, tmp_path / "run", "--hold", "disk", "--workers", "1", "--worker-start", "fork")
    assert main(command) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "ended by the system" in line
    assert "lower --workers" in line


@pytest.mark.slow
def test_a_run_whose_data_changed_does_not_go_on(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = _command(people, tmp_path / "run", "--epochs", "1", "--no-calibration")
    assert main(command) == 0
    assert main(command) == 2
    assert "holds a run already" in capsys.readouterr().err.splitlines()[-1]
    (people / "train_data" / "ann" / "0.png").unlink()
    assert main([*command, "--resume"]) == 2
    assert "started with 18 images, 6 in a step, and now there are 17" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("head", ["arcface", "adaface"])
def test_best_starts_from_the_bundled_weights(people: Path, tmp_path: Path, head: str) -> None:
    run = tmp_path / "run"
    more = ["--init", "resnet18", "--head", head, "--lr", "0.001", "--no-calibration", "--sampler", "balanced"]
    assert main(_command(people, run, *more, recipe="best")) == 0
    model = checkpoint.load(run / "last")
    assert model.config.architecture == "student"
    assert model.classes == ("ann", "ben", "cai")
    assert json.loads((run / "results.json").read_text())["test_accuracy"] > 0.5


@pytest.mark.slow
def test_best_saves_a_layer_that_names_people(people: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    more = ["--embedding-dim", "32", "--no-calibration", "--sampler", "pk", "--people", "3", "--per-person", "2"]
    assert main(_command(people, run, *more, recipe="best")) == 0
    network = checkpoint.load(run / "last").network
    x = torch.randn(4, 3, 64, 64)
    assert network.embed(x).shape == (4, 32)
    assert network(x).shape == (4, 3)


@pytest.mark.slow
def test_a_damaged_image_is_left_out_and_named(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (people / "train_data" / "ben" / "2.png").write_bytes(b"no image")
    assert main(_command(people, tmp_path / "strict", "--no-calibration")) == 2
    assert "--max-skipped 0.01" in capsys.readouterr().err
    for how in ("memory", "disk"):
        command = _command(people, tmp_path / how, "--max-skipped", "0.1", "--hold", how, "--no-calibration")
        assert main(command) == 0
        err = capsys.readouterr().err
        assert "1 images could not be read" in err
        assert "ben/2.png" in err
    assert _same(tmp_path / "memory", tmp_path / "disk")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--batch-size", "500"], "larger than the data"),
        (["--accumulate", "4"], "equal parts"),
        (["--lr", "1e30"], "loss is"),
        (["--lr", "-1"], "--lr must be"),
        (["--size", "32"], "--size must be 64"),
        (["--init", "nowhere"], "nowhere"),
        (["--resume"], "no checkpoint"),
        (["--licences", "cc-by-4.0"], "--licences chooses faces of shards"),
        (["--sampler", "pk"], "--people 16 times --per-person 4"),
        (["--arch", "alexnet", "--embedding-dim", "64"], "alexnet"),
    ],
)
def test_a_mistake_is_one_line(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: list[str], words: str
) -> None:
    assert main(_command(people, tmp_path / "run", *change)) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_the_default_batch_is_lowered_for_a_small_folder(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = _command(people, tmp_path / "run", "--no-calibration")
    del command[command.index("--batch-size") : command.index("--batch-size") + 2]
    assert main(command) == 0
    assert "18 images are few: 4 of them in a step" in capsys.readouterr().err


def test_a_person_that_only_validation_knows(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (people / "val_data" / "ann").rename(people / "val_data" / "zoe")
    assert main(_command(people, tmp_path / "run")) == 2
    assert "'zoe'" in capsys.readouterr().err.splitlines()[-1]


def test_one_person_is_not_enough(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_command(people / "train_data" / "ann", tmp_path / "run")) == 2
    assert capsys.readouterr().err


@pytest.mark.slow
def test_a_small_image_notice(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = _command(people, tmp_path / "run", "--size", "224", "--epochs", "1", "--no-calibration", "--workers", "0")
    assert main(command) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "images are small" in line]
    assert len(lines) == 1
    assert "--size 64" in lines[0]
    assert "12.2 times" in lines[0]
