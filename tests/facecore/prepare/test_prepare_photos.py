import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from facecore import image
from facecore.data.folder import find_photos, scan_folder
from facecore.data.parquet import read_shards
from facecore.faces.align import TEMPLATE
from facecore.prepare import __main__ as main_module
from facecore.prepare import photos as photos_module
from facecore.prepare import pieces as pieces_module
from facecore.prepare.__main__ import main
from facecore.prepare.verdicts import Limits, judge
from facecore.prepare.worker import Cut, Job, cut
from facecore.preparer import Preparer
from facecore.transforms import preset

NO_NETWORK = ["--outlier", "2", "--workers", "0"]


def save(picture: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray, hopper_path: Path, coffee: np.ndarray,
           ) -> Path:  # fmt: skip
    """A folder of photos in which everything is wrong that can be."""
    root = tmp_path_factory.mktemp("prepare") / "photos"
    eileen = np.asarray(Image.fromarray(astronaut[:256, 96:352]).resize((144, 144)))
    grace = np.asarray(Image.fromarray(image.load(hopper_path)[20:340, 100:420]).resize((144, 144)))
    for number in range(4):
        save((eileen * (1 - 0.1 * number)).astype(np.uint8), root / f"eileen/{number}.png")
        save((grace * (1 - 0.1 * number)).astype(np.uint8), root / f"grace/at work/{number}.png")
    shutil.copy(root / "eileen/0.png", root / "eileen/copy.png")
    save((grace * 0.95).astype(np.uint8), root / "eileen/wrong.png")
    (root / "eileen/broken.jpg").write_bytes(b"\xff\xd8\xff")
    save(coffee[:100, :100], root / "grace/coffee.png")
    save(np.hstack([eileen, grace]), root / "grace/two.png")
    save(np.asarray(Image.fromarray(eileen).resize((48, 48))), root / "grace/far.png")
    save(eileen[2:], root / "loose.png")
    for name in ("mae", "sally"):
        save(eileen[4:], root / f"{name}/same.png")
    return root


REASONS = {
    "eileen/broken.jpg": "unreadable",
    "eileen/copy.png": "duplicate",
    "eileen/wrong.png": "outlier",
    "grace/coffee.png": "no_face",
    "grace/far.png": "too_small",
    "grace/two.png": "several_faces",
    "loose.png": "no_person",
    "mae/same.png": "two_people",
    "sally/same.png": "two_people",
}
GOOD = [f"eileen/{i}.webp" for i in range(4)] + [f"grace/at work/{i}.webp" for i in range(4)]


def images(folder: Path) -> list[str]:
    found = find_photos(folder)
    return [found.name(row) for row in range(len(found))]


@pytest.fixture(scope="module")
def prepared(people: Path) -> Path:
    """The folder with everything looked for."""
    out = people.parent / "prepared"
    assert main([str(people), str(out), "--face", "only", "--workers", "0"]) == 0
    return out


def test_every_reason_is_in_the_report(prepared: Path) -> None:
    report = pd.read_csv(prepared / "report.csv", keep_default_na=False).set_index("path")
    assert report["reason"].to_dict() == {
        **{name.replace(".webp", ".png"): "" for name in GOOD},
        **REASONS,
    }
    assert (report["status"] == "kept").tolist() == (report["reason"] == "").tolist()
    details = report["details"]
    assert details["eileen/copy.png"] == "as eileen/0.png"
    assert details["sally/same.png"] == "as mae/same.png"
    assert details["eileen/wrong.png"].endswith("from the median of 5 faces")
    assert "damaged" in details["eileen/broken.jpg"]
    assert "eileen/broken.jpg" not in details["eileen/broken.jpg"]
    assert float(report.loc["eileen/wrong.png", "distance"]) > float(report.loc["eileen/0.png", "distance"])


def test_the_tree_has_what_is_kept_and_nothing_else(prepared: Path) -> None:
    assert images(prepared) == GOOD
    assert scan_folder(prepared).classes == ("eileen", "grace")
    assert sorted(path.name for path in prepared.iterdir()) == ["eileen", "grace", "report.csv"]


def test_faces_are_those_of_the_preparer(prepared: Path, people: Path) -> None:
    expected = Preparer(preset("aligned", 112)).prepare(people / "grace/at work/1.png").crop
    assert expected is not None
    found = image.load(prepared / "grace/at work/1.webp")
    assert found.shape == (112, 112, 3)
    assert np.abs(found.astype(int) - expected).mean() < 3


def test_the_summary(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main([str(people), str(out), *NO_NETWORK, "--min-eyes", "0", "--size", "64", "--format", "png"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "17 photos of 4 people: 11 kept"
    assert printed[1:-1] == [
        "left out, not a readable photo: 1",
        "left out, no face found: 1",
        "left out, lies in no person's folder: 1",
        "left out, the same photo under two people: 2",
        "left out, the same photo of this person: 1",
        "people of whom no face is left: 2",
    ]
    assert image.load(out / "eileen/wrong.png").shape == (64, 64, 3)  # nobody looked


@pytest.fixture
def few(tmp_path: Path, people: Path) -> Path:
    """Two good photos of each of two people, flat names."""
    for person, names in (("eileen", "eileen/{}.png"), ("grace", "grace/at work/{}.png")):
        for number in range(2):
            target = tmp_path / f"few/{person}/{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(people / names.format(number), target)
    return tmp_path / "few"


def test_flags_become_settings(few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def record(*arguments: object) -> photos_module.Prepared:
        seen.extend(arguments)
        columns = ["path", "person", "status", "details", "pixels", "eye_distance"]
        return photos_module.Prepared(judge(pd.DataFrame(columns=columns), False, None, Limits()))

    monkeypatch.setattr(main_module, "prepare_photos", record)
    flags = ["--keep-outliers", "--outlier", "0.4", "--duplicate", "0.98", "--face", "centre", "--quality", "80"]
    assert main([str(few), str(tmp_path / "out"), *flags, "--format", "jpg", "--model", "m", "--workers", "3"]) == 0
    limits = Limits(outlier=0.4, keep_outliers=True, duplicate=0.98)
    expected = photos_module.Settings(face="centre", format="jpg", quality=80, limits=limits, model="m")
    assert seen == [few, tmp_path / "out", expected, 3, 120]
    seen.clear()
    assert main([str(few), str(tmp_path / "out")]) == 0
    assert seen[2] == photos_module.Settings()


def test_photos_without_folders_are_unlabelled(few: Path, tmp_path: Path) -> None:
    assert main([str(few / "grace"), str(tmp_path / "out"), "--workers", "0"]) == 0
    assert images(tmp_path / "out") == ["0.webp", "1.webp"]


def test_shards(few: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main([str(few), str(out), "--to", "parquet", *NO_NETWORK]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["faces-00-of-01.parquet", "report.csv"]
    table = pq.read_table(out / "faces-00-of-01.parquet")
    assert table.column_names == ["id", "image", "person", "split", "photo", "eye_distance", "landmarks"]
    assert table["person"].to_pylist() == ["eileen", "eileen", "grace", "grace"]
    assert table["photo"].to_pylist() == ["eileen/0.png", "eileen/1.png", "grace/0.png", "grace/1.png"]
    landmarks = np.array(table["landmarks"].to_pylist(), float).reshape(-1, 5, 2)
    assert np.abs(landmarks - TEMPLATE).max() < 12  # of an upright face
    assert all(20 < value < 100 for value in table["eye_distance"].to_pylist())
    assert read_shards(out, ["train"]).images.shape == (4, 112, 112, 3)


def test_shards_are_unpacked_again(few: Path, tmp_path: Path) -> None:
    assert main([str(few), str(tmp_path / "shards"), "--to", "parquet", *NO_NETWORK]) == 0
    flags = ["--unpack", "--people", "2", "--min-photos", "2", "--val-share", "0.5", "--test-share", "0"]
    assert main([str(tmp_path / "shards"), str(tmp_path / "out"), *flags]) == 0
    assert len(scan_folder(tmp_path / "out/train_data")) == 2


class Interrupted:
    """`cut`, interrupted at its n-th call."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.last: int | None = None
        patch.setattr(photos_module, "cut", self)

    def __call__(self, job: Job, photo: Path) -> Cut:
        self.calls += 1
        if self.calls == self.last:
            raise KeyboardInterrupt
        return cut(job, photo)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Interrupted:
    monkeypatch.setattr(pieces_module, "PIECE", 2)
    return Interrupted(monkeypatch)


def test_goes_on_where_it_was_stopped(few: Path, tmp_path: Path, interrupted: Interrupted) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert main([str(few), str(whole), *NO_NETWORK]) == 0
    assert interrupted.calls == 4
    interrupted.calls, interrupted.last = 0, 4
    assert main([str(few), str(out), *NO_NETWORK]) == 130
    assert os.listdir(out) == [".prepare"]
    interrupted.calls, interrupted.last = 0, None
    assert main([str(few), str(out), *NO_NETWORK]) == 0
    assert interrupted.calls == 2  # the first piece was there
    assert images(out) == images(whole)
    for name in [*images(whole), "report.csv"]:
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_goes_on_after_a_stop_while_writing(
    few: Path, tmp_path: Path, interrupted: Interrupted, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(photos_module, "write_report", stop)
        assert main([str(few), str(out), *NO_NETWORK]) == 130
    assert (out / "eileen/0.webp").is_file()
    interrupted.calls = 0
    assert main([str(few), str(out), *NO_NETWORK]) == 0
    assert interrupted.calls == 0
    assert len(images(out)) == 4


def test_other_settings_are_refused(
    few: Path, tmp_path: Path, interrupted: Interrupted, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    interrupted.last = 3
    assert main([str(few), str(out), *NO_NETWORK]) == 130
    interrupted.last = None
    assert main([str(few), str(out), *NO_NETWORK, "--size", "64", "--min-eyes", "20"]) == 2
    assert "begun here with something else: min_eyes was 14.0 and is 20.0, size was 112 and is 64" in (
        capsys.readouterr().err
    )
    shutil.copy(few / "grace/0.png", few / "grace/9.png")
    assert main([str(few), str(out), *NO_NETWORK]) == 2
    assert "photos was 4 (" in capsys.readouterr().err
    (few / "grace/9.png").unlink()
    assert main([str(few), str(out), *NO_NETWORK, "--timeout", "60"]) == 0  # says nothing of what comes out


def test_a_piece_that_cannot_be_read_is_named(
    few: Path, tmp_path: Path, interrupted: Interrupted, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    interrupted.last = 3
    assert main([str(few), str(out), *NO_NETWORK]) == 130
    piece = out / ".prepare/piece-000000.parquet"
    piece.write_bytes(b"PAR1")
    interrupted.last = None
    assert main([str(few), str(out), *NO_NETWORK]) == 2
    assert f"{piece}: what was done before cannot be read" in capsys.readouterr().err
    piece.unlink()
    assert main([str(few), str(out), *NO_NETWORK]) == 0
    assert len(images(out)) == 4


def test_no_face_is_left(tmp_path: Path, coffee: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    save(coffee[:160, :160], tmp_path / "photos/ann/1.png")
    assert main([str(tmp_path / "photos"), str(tmp_path / "out"), *NO_NETWORK]) == 2
    assert "no face is left to train with" in capsys.readouterr().err
    assert "no_face" in (tmp_path / "out/report.csv").read_text()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--size", "32"], "--size 32 is too small: give 64 or more"),
        (["--min-eyes", "nan"], "--min-eyes nan is too small"),
        (["--duplicate", "98"], "--duplicate 98 is out of range"),
        (["--model", "some/model"], "--outlier is needed with --model some/model"),
        (["--people", "3"], "--people is for --unpack"),
        (["--quality", "101"], "--quality 101 is out of range"),
    ],
)
def test_flags_that_cannot_be(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    assert main([str(few), str(tmp_path / "out"), *flags]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_folders_that_cannot_be(few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(few), str(few / "out")]) == 2
    assert "one lies in the other" in capsys.readouterr().err
    assert main([str(tmp_path / "gone"), str(tmp_path / "out")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").touch()
    assert main([str(few), str(tmp_path / "full"), *NO_NETWORK]) == 2
    assert "is there already, and no run that was stopped" in capsys.readouterr().err
    shutil.copytree(few / "grace", few / "Grace")
    assert main([str(few), str(tmp_path / "out")]) == 2
    assert "'Grace' and 'grace' look like two spellings" in capsys.readouterr().err


def test_what_the_model_sees(people: Path) -> None:
    photo = people / "eileen/0.png"
    job = Job(112, "largest", "png", 95, "auto", None)
    assert cut(job, photo).crop is None
    for size in (96, 112):
        seen = cut(Job(112, "largest", "png", 95, "auto", preset("aligned", size)), photo).crop
        np.testing.assert_array_equal(seen, Preparer(preset("aligned", size)).prepare(photo).crop)
    whole = cut(Job(112, "largest", "png", 95, "auto", preset("reference", 224)), photo)
    np.testing.assert_array_equal(whole.crop, preset("reference", 224).fit(image.load(whole.image)))


@pytest.mark.slow
def test_goes_on_after_it_was_killed(people: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "photos", tmp_path / "out"
    for number in range(300):
        target = source / f"p{number % 2}/{number}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(people / f"eileen/{number % 4}.png")
    command = [sys.executable, "-m", "facecore.prepare", str(source), str(out), "--outlier", "2", "--workers", "2"]
    root = Path(__file__).resolve().parents[3]
    running = subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL)
    while not (out / ".prepare/piece-000000.parquet").exists():
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (out / "report.csv").exists()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(images(out)) == 4  # two of each, the others are the same again
    assert len(pd.read_csv(out / "report.csv")) == 300
