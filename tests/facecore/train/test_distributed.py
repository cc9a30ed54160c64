import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.amp import GradScaler

from facecore import checkpoint
from facecore.data.folder import scan_folder
from facecore.data.pictures import FilePictures
from facecore.data.samplers import Shuffled
from facecore.errors import DataError
from facecore.train.__main__ import main
from facecore.train.batches import Batches, Loading, walk
from facecore.train.distributed import Ranks, joined
from facecore.train.optimizers import make_sgd
from facecore.train.step import Stepper
from facecore.train.validation import accuracy
from facecore.transforms import preset

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[3]
PRESET = preset("aligned", 64)


def test_one_process_has_nobody_to_ask() -> None:
    ranks = Ranks()
    values = torch.tensor([1.0, 2.0])
    assert ranks.main
    assert ranks.total(values) is values
    assert ranks.any([True, False], CPU) == [True, False]
    assert ranks.gather("x") == ["x"]
    norm = nn.BatchNorm2d(2)
    ranks.average_buffers(norm)
    ranks.wait()
    assert norm.running_mean.tolist() == [0, 0]


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with joined("cpu") as ranks:
        assert ranks == Ranks(0, 1, 0)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"RANK": "0", "WORLD_SIZE": "2"}, "LOCAL_RANK"),
        ({"RANK": "zero", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "zero"),
        ({"WORLD_SIZE": "2"}, "RANK"),
    ],
)
def test_an_environment_that_torchrun_does_not_make(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: str
) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DataError, match=rf"{words}.*start several processes with torchrun"), joined("cpu"):
        pass


def _two(work: Callable[[Ranks], Any]) -> list[Any]:
    """What two processes that are joined return."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    results = context.Queue()

    def run(rank: int) -> None:
        torch.set_num_threads(1)
        names = {"RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ.update({name: str(value) for name, value in names.items()})
        with joined("cpu") as ranks:
            results.put((rank, work(ranks)))

    processes = [context.Process(target=run, args=(rank,)) for rank in range(2)]
    for process in processes:
        process.start()
    found: dict[int, Any] = {}
    while len(found) < 2:
        try:
            rank, value = results.get(timeout=0.2)
            found[rank] = value
        except Empty:
            assert not any(process.exitcode for process in processes), "a process failed"
    for process in processes:
        process.join()
    return [found[0], found[1]]


def test_what_two_processes_tell_each_other() -> None:
    def work(ranks: Ranks) -> tuple[object, ...]:
        total = ranks.total(torch.tensor([1.0 + ranks.rank, 10.0])).tolist()
        flags = ranks.any([ranks.rank == 1, False, True], CPU)
        norm = nn.BatchNorm2d(2)
        norm.running_mean.fill_(4.0 * ranks.rank)
        norm.num_batches_tracked.fill_(7)
        ranks.average_buffers(norm)
        ranks.wait()
        gathered = ranks.gather({f"{ranks.rank}.png": "empty"})
        return total, flags, norm.running_mean.tolist(), int(norm.num_batches_tracked), gathered, ranks.main

    first, second = _two(work)
    assert first[:-1] == second[:-1]
    assert first[:4] == ([3.0, 20.0], [True, False, True], [2.0, 2.0], 7)
    assert first[4] == [{"0.png": "empty"}, {"1.png": "empty"}]
    assert (first[-1], second[-1]) == (True, False)


class Objective(nn.Module):
    """A small convolutional network with BatchNorm and dropout."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(
            nn.Conv2d(3, 4, 5, stride=4), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
            nn.Dropout(0.3), nn.Linear(64, 3),
        )  # fmt: skip

    def forward(
        self, faces: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor, step: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.network(faces)
        return nn.functional.cross_entropy(logits, labels), (logits.argmax(1) == labels).sum().float()


def _steps(files: FilePictures, ranks: Ranks) -> tuple[list[list[int]], list[np.ndarray], np.ndarray]:
    """Rows seen, parameters and totals after some steps of four parts."""
    objective = Objective()
    optimizer = make_sgd(objective, 0.9, 1e-3)
    stepper = Stepper(ranks.distribute(objective), optimizer, GradScaler("cpu", enabled=False), None, 1.0, seed=2)
    batches = Batches(files, Shuffled(len(files), 8, 1), PRESET, None, lambda step: 64, seed=5, parts=4)
    rows, sums = [], torch.zeros(4)
    for step, parts in enumerate(walk(batches, 0, 4, Loading(CPU), ranks)):
        rows += [part.rows.tolist() for part in parts]
        sums += stepper(parts, step, 0.05).sums
    ranks.average_buffers(objective)
    totals = ranks.total(sums) / torch.tensor([ranks.world, 1, 1, ranks.world])
    return rows, [tensor.detach().numpy() for tensor in [*objective.parameters(), *objective.buffers()]], totals.numpy()


def test_two_processes_take_the_steps_of_one_that_accumulates(people: Path) -> None:
    files = FilePictures(scan_folder(people / "train_data"), PRESET)
    rows, tensors, totals = _steps(files, Ranks())
    first, second = _two(lambda ranks: _steps(files, ranks))
    assert len(rows) == 16
    # Steps one after another, parts 0 and 2 by the first process, 1 and 3 by the second.
    assert first[0] == rows[0::2]
    assert second[0] == rows[1::2]
    for one, other in zip(first[1], second[1], strict=True):
        np.testing.assert_array_equal(one, other)
    # Running means are not the same: one process takes them on after each part, two after each step.
    for number, _ in enumerate(Objective().parameters()):
        np.testing.assert_allclose(first[1][number], tensors[number], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(first[2], totals, rtol=1e-4)


def test_two_processes_validate_an_odd_number_of_images_exactly(people: Path) -> None:
    (people / "val_data" / "ann" / "0.png").unlink()
    (people / "val_data" / "ben" / "0.png").unlink()
    files = FilePictures(scan_folder(people / "val_data", ("ann", "ben", "cai")), PRESET)

    def name(faces: torch.Tensor) -> torch.Tensor:
        return ((faces[:, 1, 30, 30] + 1) * 127.5).round().long() % 3

    first, second = _two(lambda ranks: accuracy(name, files, PRESET, 64, Loading(CPU), ranks, batch_size=2))
    assert len(files) == 7
    assert first == second == accuracy(name, files, PRESET, 64, Loading(CPU), Ranks(), batch_size=2)
    assert first.images == 7


# From here on by the command.


def _command(data: Path, out: Path, *more: str) -> list[str]:
    small = ["--size", "64", "--epochs", "3", "--batch-size", "6", "--precision", "fp32", "--device", "cpu"]
    also = ["--lr", "0.02", "--workers", "0", "--no-calibration", "--validate-every", "1", "--threads", "1"]
    return [str(data), "--recipe", "reference", "--out", str(out), *small, *also, *more]


def _torchrun(command: list[str]) -> list[str]:
    run = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m", "facecore.train"]
    return [sys.executable, *run, *command]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _parameters(run: Path) -> dict[str, torch.Tensor]:
    return dict(checkpoint.load(run / "last").network.named_parameters())


def _close(first: Path, second: Path) -> bool:
    one, other = _parameters(first), _parameters(second)
    return all(torch.allclose(one[name], other[name], rtol=1e-2, atol=2e-3) for name in one)


def _samples(run: Path) -> int:
    path = run / "progress.json"
    return int(json.loads(path.read_text())["samples_done"]) if path.exists() else 0


@pytest.mark.slow
def test_torchrun_gives_the_run_of_one_process_that_accumulates(people: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(_command(people, one, "--accumulate", "2")) == 0
    done = subprocess.run(_torchrun(_command(people, two)), env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert _close(one, two)
    columns = ["epoch", "step", "samples", "train_loss", "gradient_norm"]
    whole, shared = (pd.read_csv(run / "metrics.csv") for run in (one, two))
    np.testing.assert_allclose(shared[columns], whole[columns], rtol=1e-2)
    right = shared["val_accuracy"] * 9  # of nine images, none of which counts twice
    np.testing.assert_allclose(right, right.round(), atol=1e-4)
    assert sorted(path.name for path in two.iterdir()) == sorted(path.name for path in one.iterdir())
    assert len(list((two / "tensorboard").iterdir())) == 1  # written by the first process alone
    assert done.stdout.count('"test_accuracy"') == 1


@pytest.mark.slow
def test_an_interrupted_torchrun_goes_on_in_one_process(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    epochs = ("--epochs", "5")
    assert main(_command(people, whole, "--accumulate", "2", *epochs)) == 0
    command = _command(people, run, "--save-minutes", "0", *epochs)
    process = subprocess.Popen(_torchrun(command), env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None and _samples(run) < 24:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    done = _samples(run)
    assert 24 <= done < 5 * 18, "the run was over before it could be interrupted"
    assert main([*command, "--resume"]) == 2
    assert "ranks times --accumulate must stay 2" in capsys.readouterr().err
    assert _samples(run) == done
    assert main([*command, "--resume", "--accumulate", "2"]) == 0
    assert _close(whole, run)
    columns = ["epoch", "step", "train_loss", "train_accuracy"]
    frames = [pd.read_csv(one / "metrics.csv")[columns] for one in (whole, run)]
    np.testing.assert_allclose(frames[1], frames[0], rtol=2e-2)
