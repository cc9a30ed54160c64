import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from gradio_client import Client, handle_file

from demo.own_folder import OWNER, PREFIX, own_folder, remove_orphans
from tests.demo.conftest import Photos
from tests.demo.server import PATIENCE, running


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def left_by(parent: Path, name: str, owner: str | None) -> Path:
    """A folder as a page leaves it that was killed."""
    folder = parent / f"{PREFIX}{name}"
    (folder / "uploads" / "1f").mkdir(parents=True)
    (folder / "uploads" / "1f" / "photo.jpg").write_bytes(b"x")
    if owner is not None:
        (folder / OWNER).write_text(owner)
    return folder


def test_it_is_gone_at_the_end(temporary: Path) -> None:
    def interrupted() -> None:
        with own_folder() as folder:
            assert folder.parent == temporary
            assert folder.stat().st_mode & 0o777 == 0o700
            (folder / "photo.jpg").write_bytes(b"x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(temporary.iterdir()) == []


def test_folders_of_processes_that_are_gone_are_removed(temporary: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(PATIENCE)
    began = psutil.Process().create_time()
    gone = [
        left_by(temporary, "ended", f"{ended.pid} 1"),
        left_by(temporary, "reused", f"{os.getpid()} {began - 9:.0f}"),
    ]
    stay = [
        left_by(temporary, "runs", f"{os.getpid()} {began:.0f}"),
        left_by(temporary, "unnamed", None),
        left_by(temporary, "odd", "no number"),
        left_by(temporary, "empty", ""),
        left_by(temporary.parent, "elsewhere", f"{ended.pid} 1"),
    ]
    (temporary / f"{PREFIX}link").symlink_to(stay[-1], target_is_directory=True)
    (temporary / f"{PREFIX}file").write_text("")
    with own_folder() as own:
        assert own.is_dir()
        assert [folder.exists() for folder in gone] == [False, False]
        assert all((folder / "uploads" / "1f" / "photo.jpg").exists() for folder in stay)
        remove_orphans(temporary)  # another page that starts
        assert own.is_dir()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no signal for a terminal that is closed")
def test_a_closed_terminal_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as page:
        page.process.send_signal(signal.SIGHUP)
        assert page.process.wait(PATIENCE) == 0
        assert list(page.temporary.iterdir()) == []


@pytest.mark.slow
def test_what_a_killed_page_leaves_is_removed_by_the_next(tmp_path: Path, photos: Photos) -> None:
    with running(tmp_path) as page:
        client = Client(page.url, verbose=False, analytics_enabled=False)
        client.predict(handle_file(photos.astronaut), api_name="/faces")
        left = page.uploads
        page.process.kill()
        page.process.wait(PATIENCE)
        assert list(left.rglob("*.jpg"))
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "temporary").symlink_to(page.temporary, target_is_directory=True)
    with running(tmp_path / "next") as page:
        assert not left.exists()
        assert page.uploads.is_dir()
