import hashlib
import os
import stat
from pathlib import Path

import pytest

from facecore.files import atomic_directory, atomic_path, sha256, write_text


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    with atomic_path(target) as path:
        path.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_a_failure_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(IsADirectoryError), atomic_path(target) as path:
        path.write_bytes(b"new" + tmp_path.read_bytes())
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a file that is always full")
def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    with (
        pytest.raises(OSError, match="No space left") as caught,
        atomic_path(target),
        open("/dev/full", "wb", buffering=0) as file,
    ):
        file.write(b"x")
    assert caught.value.filename == str(target)
    assert os.listdir(tmp_path) == []


def test_the_file_has_the_rights_that_open_would_give(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "x")
    (tmp_path / "theirs").write_text("x")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE((tmp_path / "theirs").stat().st_mode)


def test_a_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "model"
    for content in ("first", "second"):
        with atomic_directory(target) as folder:
            (folder / content).write_text(content)
        assert os.listdir(target) == [content]
    with pytest.raises(IsADirectoryError), atomic_directory(target) as folder:
        (folder / "third").write_bytes(tmp_path.read_bytes())
    assert os.listdir(target) == ["second"]
    assert os.listdir(tmp_path) == ["model"]


def test_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"two")
    assert sha256(tmp_path / "a", tmp_path / "b") == hashlib.sha256(b"onetwo").hexdigest()
