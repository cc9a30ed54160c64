import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from eval.ablation.__main__ import main
from eval.ablation.child import Ended
from facecore.train.state import CHECKPOINT
from tests.eval.ablation.synthetic import row, write_run
from tests.facecore.train.people import write_people

FINISHED = Ended(0, 60.0, 10**9, "}")
LOST = Ended(2, 5.0, 10**9, "python -m facecore.train: step 3 (epoch 1): the loss is nan: training stopped. L")


class Training:
    """In place of the training program: keeps the commands, and ends as it is told to."""

    def __init__(self, *ends: Ended | type[KeyboardInterrupt]) -> None:
        self.ends = list(ends)
        self.commands: list[list[str]] = []

    def __call__(self, words: Sequence[str], log: Path) -> Ended:
        self.commands.append(list(words))
        run = Path(self.flag("--out"))
        end = self.ends.pop(0) if self.ends else FINISHED
        if isinstance(end, type):
            (run / CHECKPOINT).touch()
            raise end
        if end.code == 0 and run.name == "speed":
            write_run(run, [row(1, 4.0, None), row(2, 4.0, None)])
        elif end.code == 0:
            write_run(run, [row(1, 30.0, None), row(2, 30.0, 0.5, 0.9)], 0.4)
        return end

    def flag(self, name: str, command: int = -1) -> str:
        words = self.commands[command]
        return words[words.index(name) + 1]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data" / "train_data").mkdir(parents=True)
    return tmp_path / "data"


def _start(monkeypatch: pytest.MonkeyPatch, *ends: Ended | type[KeyboardInterrupt]) -> Training:
    training = Training(*ends)
    monkeypatch.setattr("eval.ablation.runs.run_program", training)
    return training


def _command(data: Path, *more: str) -> list[str]:
    return [
        str(data),
        "--out",
        str(data.parent / "out"),
        "--archs",
        "resnet18",
        "alexnet",
        "--batch-sizes",
        "32",
        *more,
    ]


def _table(data: Path) -> list[dict[str, str]]:
    with (data.parent / "out" / "ablation.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_command_of_each_run(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    training = _start(monkeypatch)
    assert main(_command(data, "--epochs", "2", "--size", "64", "--", "--workers", "0")) == 0
    run = data.parent / "out" / "alexnet-32"
    assert training.commands[1] == [
        sys.executable, "-m", "facecore.train", str(data), "--recipe", "reference", "--size", "64", "--no-calibration",
        "--arch", "alexnet", "--batch-size", "32", "--seed", "0", "--lr", "0.01", "--workers", "0", "--epochs", "2",
        "--out", str(run),
    ]  # fmt: skip
    out, err = capsys.readouterr()
    assert out == (data.parent / "out" / "ablation.md").read_text()
    assert "[2/2] alexnet, batch 32, seed 0, rate 0.01" in err
    assert [line["val_accuracy"] for line in _table(data)] == ["0.5", "0.5"]
    assert (data.parent / "out" / "ablation.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_finished_is_not_run_again_but_by_force(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _start(monkeypatch, FINISHED, LOST)
    assert main(_command(data, "--epochs", "2")) == 0
    again = _start(monkeypatch)
    assert main(_command(data, "--epochs", "2")) == 0
    assert again.commands == []
    assert [line["status"] for line in _table(data)] == ["done", "diverged"]
    assert main(_command(data, "--epochs", "2", "--force")) == 0
    assert len(again.commands) == 2
    assert [line["status"] for line in _table(data)] == ["done", "done"]


def test_what_was_interrupted_goes_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _start(monkeypatch, FINISHED, KeyboardInterrupt)
    assert main(_command(data, "--epochs", "2")) == 130
    assert len(_table(data)) == 1  # of what was finished until then
    (data.parent / "out" / "alexnet-32" / CHECKPOINT).rename(data / CHECKPOINT)  # as if it came before the first one
    training = _start(monkeypatch, KeyboardInterrupt)
    assert main(_command(data, "--epochs", "2")) == 130
    assert "--resume" not in training.commands[0]
    training = _start(monkeypatch, Ended(-9, 1.0, 1, "training: 10%"))
    assert main(_command(data, "--epochs", "2")) == 0
    assert training.commands[0][-3] == "--resume"
    assert "killed by SIGKILL" in _table(data)[1]["reason"]


def test_a_failure_is_a_row_and_is_tried_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = Ended(2, 1.0, 10**9, "python -m facecore.train: --batch-size 32 is larger than the data")
    _start(monkeypatch, failure, LOST)
    assert main(_command(data, "--epochs", "2")) == 0
    assert [line["reason"] for line in _table(data)] == [
        "--batch-size 32 is larger than the data", "step 3 (epoch 1): the loss is nan"
    ]  # fmt: skip
    training = _start(monkeypatch)
    assert main(_command(data, "--epochs", "2")) == 0
    assert training.flag("--arch") == "resnet18"
    assert len(training.commands) == 1
    assert _table(data)[0]["reason"] == ""


def test_nothing_but_failures(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _start(monkeypatch, Ended(3, 1.0, 0, "disk full"), Ended(3, 1.0, 0, ""))
    assert main(_command(data, "--epochs", "2")) == 2
    assert [line["reason"] for line in _table(data)] == ["disk full", "exit code 3"]
    assert "failed: disk full" in capsys.readouterr().out


def test_minutes_are_measured_first(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = _start(monkeypatch)
    more = ["--minutes", "2", "--size", "64", "--speed-steps", "10"]
    assert main(_command(data, *more)) == 0
    assert training.flag("--phases", 0) == "64:640"
    assert float(training.flag("--lr", 0)) < 1e-4
    assert training.flag("--phases", 1) == f"64:{300 * 32}"  # 120 seconds at 0.4 seconds a step
    assert training.flag("--log-every", 1) == "10"
    assert training.flag("--out", 1).endswith("resnet18-32")
    assert _table(data)[0]["speed_seconds"] == "60"
    assert not (data.parent / "out" / "resnet18-32" / "speed").exists()


def test_a_run_keeps_the_length_that_was_planned(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _start(monkeypatch, FINISHED, KeyboardInterrupt)
    assert main(_command(data, "--minutes", "2")) == 130
    after = _start(monkeypatch)
    assert main(_command(data, "--minutes", "2")) == 0
    assert after.commands[0] == [*before.commands[1][:-2], "--resume", *before.commands[1][-2:]]


def test_a_failure_while_the_speed_is_measured(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _start(monkeypatch, Ended(2, 1.0, 0, "python -m facecore.train: no images"))
    assert main(_command(data, "--minutes", "2")) == 0
    assert [line["reason"] for line in _table(data)] == ["no images", ""]


def test_another_request_does_not_take_the_folder(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    training = _start(monkeypatch)
    assert main(_command(data, "--epochs", "2")) == 0
    assert main(_command(data, "--epochs", "3")) == 2
    assert "epochs was 2 and is now 3" in capsys.readouterr().err
    assert len(training.commands) == 2
    state = data.parent / "out" / "resnet18-32" / "ablation.json"
    state.write_text(json.dumps({"status": "done"}))
    assert main(_command(data, "--epochs", "2")) == 2
    assert "is damaged" in capsys.readouterr().err
    state.unlink()
    assert main(_command(data, "--epochs", "2", "--force")) == 2
    assert "is no run of this program" in capsys.readouterr().err
    assert (state.parent / "metrics.csv").exists()


def test_the_shortest_command(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    training = _start(monkeypatch)
    assert main([str(data), "--epochs", "2"]) == 0
    found = [training.flag("--out", number) for number in range(len(training.commands))]
    names = [f"{arch}-{batch}" for arch in ("resnet18", "resnet34", "alexnet") for batch in (32, 64, 124)]
    assert [Path(run) for run in found] == [Path("runs/ablation", name) for name in names]
    assert (data / "runs" / "ablation" / "ablation.md").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "--epochs"),
        (["--epochs", "2", "--minutes", "2"], "not allowed"),
        (["--epochs", "0"], "--epochs 0"),
        (["--minutes", "0"], "--minutes 0"),
        (["--minutes", "nan"], "--minutes nan"),
        (["--epochs", "2", "--size", "32"], "--size 32"),
        (["--epochs", "2", "--seeds", "-1"], "--seeds -1"),
        (["--epochs", "2", "--lr", "0.1"], "ARCHITECTURE=RATE"),
        (["--epochs", "2", "--archs", "vgg"], "vgg"),
        (["--epochs", "2", "--", "--lr", "0.1"], "give --lr before it"),
        (["--epochs", "2", "--", "--batch", "16"], "give --batch-sizes before it"),
        (["--epochs", "2", "--", "--seed", "1"], "leave them out"),
        (["--epochs", "2", "--", "--out", "x"], "leave them out"),
        (["--epochs", "2", "--", "--nonsense"], "cannot read what stands after --: --nonsense"),
    ],
)
def test_mistakes(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: list[str], words: str
) -> None:
    training = _start(monkeypatch)
    assert main(_command(data, *more)) == 2
    assert words in capsys.readouterr().err
    assert training.commands == []


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere"), "--out", str(tmp_path / "out"), "--epochs", "1"]) == 2
    assert "nowhere" in capsys.readouterr().err


TINY = ("--", "--workers", "0", "--device", "cpu", "--precision", "fp32", "--threads", "1")


def _real(tmp_path: Path, crops: list[np.ndarray], *more: str) -> tuple[Path, list[str]]:
    people = write_people(tmp_path / "data", crops)
    return people, [str(people), "--out", str(tmp_path / "out"), "--size", "64", "--batch-sizes", "6", *more, *TINY]


@pytest.mark.slow
def test_real_runs_one_of_which_diverges(
    tmp_path: Path, crops: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--archs", "resnet18", "alexnet", "--epochs", "2", "--lr", "resnet18=0.02", "alexnet=1e30"]
    people, command = _real(tmp_path, crops, *more)
    assert main(command) == 0
    done, lost = _table(people)
    assert (done["status"], lost["status"]) == ("done", "diverged")
    assert "the loss is" in lost["reason"]
    assert 0 <= float(done["val_accuracy"]) <= 1
    assert 0 <= float(done["verification_auc"]) <= 1
    assert float(done["minutes"]) > 0
    assert float(done["peak_megabytes"]) > 100
    table = (tmp_path / "out" / "ablation.csv").read_bytes()
    assert main(command) == 0
    assert (tmp_path / "out" / "ablation.csv").read_bytes() == table
    assert "resnet18 with batch 6 has the highest accuracy per minute" in capsys.readouterr().out


@pytest.mark.slow
def test_real_minutes(tmp_path: Path, crops: list[np.ndarray]) -> None:
    more = ["--archs", "resnet18", "--minutes", "0.05", "--speed-steps", "2", "--lr", "resnet18=0.02"]
    people, command = _real(tmp_path, crops, *more)
    assert main(command) == 0
    (done,) = _table(people)
    assert done["status"] == "done"
    assert float(done["speed_seconds"]) > 0
    record = json.loads((tmp_path / "out" / "resnet18-6" / "arguments.json").read_text())["arguments"]
    steps = int(record["phases"][0].removeprefix("64:")) // 6
    assert float(done["epochs"]) == pytest.approx(steps / 3, rel=1e-4)
    assert record["log_every"] == 3
    assert record["decay"] == pytest.approx(0.85 ** (15 * 3 / steps), rel=1e-3)
