import io
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from eval.speed import scale
from eval.speed.__main__ import main
from eval.speed.scale import Tree, generate, watched_epoch
from eval.speed.training import Setup
from facecore.data.folder import scan_folder
from facecore.data.pictures import FilePictures

FLAGS = ["--batch-size", "4", "--workers", "0", "--steps", "1", "--repeat", "1", "--precision", "fp32"]


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Few pictures, no wait for the file system's clock, no GPU, temporary folders where they are seen."""
    monkeypatch.setattr(scale, "DISTINCT", 4)
    monkeypatch.setattr(scale, "HELD", 8)
    monkeypatch.setattr(scale, "QUIET", 0.0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))


def test_files_are_pictures_and_all_differ(tmp_path: Path) -> None:
    generate(Tree(3, 10, 64), tmp_path / "temporary")
    folder = scan_folder(tmp_path / "temporary")
    assert np.bincount(folder.labels).tolist() == [3, 3, 4]
    files = [folder.path(row).read_bytes() for row in range(len(folder))]
    assert len(set(files)) == 10
    for file in files:
        with Image.open(io.BytesIO(file)) as picture:
            assert (picture.size, picture.mode, picture.format) == ((64, 64), "RGB", "JPEG")
            assert np.asarray(picture).std() > 10
    # A file differs from the next of the same picture by its comment alone.
    first, fifth = (Image.open(io.BytesIO(file)) for file in (files[0], files[4]))
    assert np.array_equal(np.asarray(first), np.asarray(fifth))
    assert (first.info["comment"], fifth.info["comment"]) == (b"0000000000", b"0000000004")


@pytest.mark.slow
def test_everything_is_measured_and_nothing_left(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["scale", "--classes", "2", "--images", "40", "--size", "64", *FLAGS]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("40 files of ")
    assert "GB of disk" in lines[0]
    assert lines[1].startswith("listing 40 images of 2 classes: ")
    assert [int(line.split()[0].replace(",", "")) for line in lines[5:15]] == list(range(4, 44, 4))
    assert lines[15].startswith("from 12 to 40 images: ")
    assert "64 px, batch 4, float32" in lines[16]
    for line, name in zip(lines[17:19], ("from files", "in memory"), strict=True):
        assert line.startswith(name)
        assert "an epoch of 40 images would take" in line
    assert "on a GPU: not measured" in lines[19]
    assert not any((tmp_path / "temporary").iterdir())


@pytest.mark.slow
def test_a_kept_tree_is_used_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    flags = ["scale", "--classes", "2", "--size", "64", "--keep", str(keep), "--epoch-images", "4", *FLAGS]
    assert main([*flags, "--images", "8"]) == 0
    assert "of disk" in capsys.readouterr().out
    before = sorted((path, path.stat().st_mtime_ns) for path in keep.rglob("*.jpg"))
    assert len(before) == 8
    assert main([*flags, "--images", "8"]) == 0
    assert "of disk" not in capsys.readouterr().out
    assert sorted((path, path.stat().st_mtime_ns) for path in keep.rglob("*.jpg")) == before
    assert main([*flags, "--images", "9"]) == 2
    assert "holds 8 images of 2 classes and not 9 of 2" in capsys.readouterr().err


def test_a_full_disk_is_seen_before(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**10, 10**10 - 10**9, 10**9))
    assert main(["scale", "--classes", "2", "--images", "8", "--keep", str(tmp_path / "kept"), *FLAGS]) == 2
    assert "only 1.00 GB are" in capsys.readouterr().err
    assert not any((tmp_path / "kept").iterdir())


def test_memory_of_workers_is_seen(tmp_path: Path) -> None:
    generate(Tree(2, 16, 64), tmp_path / "temporary")
    setup = Setup(torch.device("cpu"), 64, 4, 1, 1)
    pictures = FilePictures(scan_folder(tmp_path / "temporary"), setup.preset)
    table = list(watched_epoch(pictures, setup, 4))
    assert [at.images for at in table] == [4, 8, 12, 16]
    assert all(at.workers >= at.own > 1_000_000 and at.main > 50_000_000 for at in table)
    assert [at.seconds for at in table] == sorted(at.seconds for at in table)


def test_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scale", "--classes", "9", "--images", "8"]) == 2
    assert "each class needs one" in capsys.readouterr().err
    assert main(["scale", "--classes", "1"]) == 2
    assert main(["scale", "--classes", "2", "--images", "8", "--epoch-images", "0"]) == 2
