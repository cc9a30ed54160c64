"""The folder of one running page, which holds its uploads: removed at the end, and after a crash by the next page."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

PREFIX = "facecore-page-"
OWNER = "process.txt"


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder that is for its owner alone (mode 0700), gone with all that is in it when the block ends."""
    remove_orphans(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        (folder / OWNER).write_text(_name(psutil.Process()), encoding="ascii")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_orphans(parent: Path) -> None:
    """Remove the folders of pages that were killed: those of this user whose process is gone."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError, UnicodeDecodeError):  # of another user, removed just now, or none of ours
            own = not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()
            if own and not folder.is_symlink() and not _runs((folder / OWNER).read_text(encoding="ascii")):
                shutil.rmtree(folder, ignore_errors=True)


def _name(process: psutil.Process) -> str:
    """A process by its number and the time at which it began, since numbers come again."""
    return f"{process.pid} {process.create_time():.0f}"


def _runs(name: str) -> bool:
    try:
        return _name(psutil.Process(int(name.split()[0]))) == name
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, ValueError, IndexError):
        return True  # not known, so it is left alone
