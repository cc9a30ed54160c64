import builtins
import io
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from facecore.errors import DataError
from facecore.train import record
from facecore.train.record import COLUMNS, Record, Row, read_rows, to_columns

ROOT = Path(__file__).resolve().parents[3]


def _row(step: int) -> Row:
    measured = step % 4 == 0
    return Row(
        epoch=step / 2,
        step=step,
        samples=64 * step,
        size=112,
        learning_rate=0.15 * 0.85**step,
        train_loss=1 / step,
        train_accuracy=0.5,
        val_accuracy=0.25 if measured else None,
        verification_auc=None,
        images_per_second=120.5,
        gradient_norm=None,
        seconds=3.25 * step,
    )


@pytest.fixture
def table_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither TensorBoard nor the picture, which take a second and are not what most tests here are about."""
    monkeypatch.setattr(record, "_event_writer", lambda folder, start_step: None)
    monkeypatch.setattr(record, "curves_png", lambda columns: b"")


def _steps(run: Path) -> list[int]:
    return list(pd.read_csv(run / "metrics.csv")["step"])


@pytest.mark.usefixtures("table_alone")
def test_rows_are_written_as_they_come(tmp_path: Path) -> None:
    run = tmp_path / "deep" / "run"
    with Record(run) as kept:
        assert (run / "metrics.csv").read_text() == ",".join(COLUMNS) + "\n"
        for step in (2, 4):
            kept.add(_row(step))
            assert _steps(run)[-1] == step  # before the record is closed
    lines = (run / "metrics.csv").read_text().splitlines()
    assert lines[1] == "1,2,128,112,0.108375,0.5,0.5,,,120.5,,6.5"
    table = pd.read_csv(run / "metrics.csv")
    assert list(table["val_accuracy"].isna()) == [True, False]
    assert read_rows(run / "metrics.csv")[0] == replace(_row(2), learning_rate=0.108375)


def test_columns_for_drawing() -> None:
    columns = to_columns([_row(2), _row(4)])
    assert set(columns) == set(COLUMNS)
    np.testing.assert_array_equal(columns["step"], [2, 4])
    np.testing.assert_array_equal(columns["val_accuracy"], [np.nan, 0.25])


@pytest.mark.usefixtures("table_alone")
def test_a_run_that_goes_on_drops_what_it_does_again(tmp_path: Path) -> None:
    with Record(tmp_path) as kept:
        for step in (2, 4, 6, 8):
            kept.add(_row(step))
    with Record(tmp_path, start_step=5) as kept:
        assert [row.step for row in kept.rows] == [2, 4]
        assert _steps(tmp_path) == [2, 4]
        kept.add(_row(6))
    assert _steps(tmp_path) == [2, 4, 6]
    with Record(tmp_path) as kept:  # a new run
        assert kept.rows == []
    assert _steps(tmp_path) == []


@pytest.mark.usefixtures("table_alone")
@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_line_that_was_being_written_is_dropped(tmp_path: Path, cut: int) -> None:
    with Record(tmp_path) as kept:
        for step in (2, 4, 6):
            kept.add(_row(step))
    path = tmp_path / "metrics.csv"
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert whole.decode().splitlines()[-1][:10] == "3,6,384,11"
    with Record(tmp_path, start_step=6) as kept:
        assert [row.step for row in kept.rows] == [2, 4]


@pytest.mark.usefixtures("table_alone")
@pytest.mark.parametrize("content", [b"", b"epoch,ste"])
def test_killed_before_the_first_line_was_whole(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metrics.csv").write_bytes(content)
    with Record(tmp_path, start_step=4) as kept:
        kept.add(_row(6))
    assert _steps(tmp_path) == [6]


def test_killed_while_it_writes(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from facecore.train import record\n"
        "record._event_writer = lambda folder, step: None\n"
        "record.curves_png = lambda columns: b''\n"
        "kept = record.Record(Path(sys.argv[1]))\n"
        "for step in range(1, 10**9):\n"
        "    kept.add(record.Row(0.5, step, step, 64, 0.1, 1.0, None, None, None, 1.0, None, 1.0))\n"
        "    print(step, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    with process:
        for _ in range(20):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        told = len(process.stdout.read().splitlines()) + 20
    steps = [row.step for row in read_rows(tmp_path / "metrics.csv")]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) in (told, told + 1)  # nothing that `add` returned from is lost


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("step,samples,size,learning_rate,loss\n1,64,64,0.1,3\n", "step, samples, size, learning_rate, loss"),
        (",".join(COLUMNS) + "\n1,2,128\n", "line 2"),
        (",".join(COLUMNS) + "\n1,2.5,128,112,0.1,0.5,,,,1,,1\n", "line 2"),
        (",".join(COLUMNS) + "\n1,2,128,112,0.1,,,,,1,,1\n", "line 2"),
    ],
)
def test_another_file_of_this_name_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=words) as caught:
        Record(tmp_path, start_step=10)
    assert str(path) in str(caught.value)
    assert "--out" in str(caught.value)
    assert path.read_text() == content


@pytest.mark.usefixtures("table_alone")
def test_the_picture_is_drawn_now_and_then_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, drawn = [100.0], list[int]()
    monkeypatch.setattr(record.time, "monotonic", lambda: now[0])

    def draw(columns: dict[str, np.ndarray]) -> bytes:
        drawn.append(len(columns["step"]))
        return f"picture {len(drawn)}".encode()

    monkeypatch.setattr(record, "curves_png", draw)
    kept = Record(tmp_path)
    for step, at in ((1, 100), (2, 110), (3, 119), (4, 121), (5, 130)):
        now[0] = at
        kept.add(_row(step))
    assert drawn == [1, 4]
    kept.close()
    kept.close()
    assert drawn == [1, 4, 5]
    assert (tmp_path / "curves.png").read_bytes() == b"picture 3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "metrics.csv"]
    with Record(tmp_path, start_step=3):  # rows that were dropped go from the picture too
        pass
    assert drawn == [1, 4, 5, 3]


def test_tensorboard_gets_what_was_measured(tmp_path: Path) -> None:
    with Record(tmp_path) as kept:
        for step in (2, 4, 6):
            kept.add(_row(step))
        # Before the record is closed, as after a kill.
        before = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
        assert [event.step for event in before.Scalars("train/loss")] == [2, 4, 6]
    Image.open(io.BytesIO((tmp_path / "curves.png").read_bytes())).verify()
    with Record(tmp_path, start_step=4) as kept:
        kept.add(replace(_row(6), train_loss=9.0))
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    scalars = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert set(scalars) == {"train/loss", "train/accuracy", "val/accuracy", "learning_rate", "images_per_second"}
    assert scalars["train/loss"] == [(2, 0.5), (4, 0.25), (6, 9.0)]  # the first step 6 is hidden
    assert scalars["val/accuracy"] == [(4, 0.25)]


def test_goes_on_without_tensorboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "torch.utils.tensorboard":
            raise ModuleNotFoundError("No module named 'tensorboard'")
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(record, "curves_png", lambda columns: b"")
    with Record(tmp_path) as kept:
        kept.add(_row(2))
        kept.add(_row(4))
    assert _steps(tmp_path) == [2, 4]
    assert capsys.readouterr().err.count("pip install tensorboard") == 1
    assert not (tmp_path / "tensorboard").exists()
