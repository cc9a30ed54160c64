"""The folder of a run: what may stand in it when a run begins, and one run at a time in it."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facecore.errors import DataError
from facecore.train.origin import ORIGIN
from facecore.train.state import CHECKPOINT

try:
    import fcntl
except ImportError:  # Windows
    LOCKS = False
else:
    LOCKS = True

LAST, BEST, PROGRESS = "last", "best", "progress.json"
LOCK = ".lock"
HALF_WRITTEN = (".*.part", ".*.old")  # as facecore.files calls them


def check_folder(run: Path, resume: bool, arguments: Mapping[str, Any]) -> None:
    """Refuse a folder that holds another run, or none to go on with.

    A run that was killed before its first checkpoint may be started again.

    Args:
        run: the folder; it need not exist.
        resume: whether a run goes on.
        arguments: those that decide which weights come out, as arguments.json has them.

    Raises:
        DataError: see above.
    """
    checkpoint = run / CHECKPOINT
    if resume:
        if not checkpoint.exists():
            raise DataError(f"{checkpoint}: there is no checkpoint to go on from: start the run without --resume")
        return
    if checkpoint.exists():
        raise DataError(f"{run} holds a run already: go on with --resume, or give another --out")
    models = [run / name for name in (LAST, BEST) if (run / name).exists()]
    if models and _arguments(run) != arguments:
        raise DataError(f"{models[0]}: this model of another run would be replaced: give another --out")


def found_batch_size(run: Path) -> int:
    """The batch size that a run with `--batch-size auto` began with.

    Raises:
        DataError: the run does not say.
    """
    path = run / PROGRESS
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["batch_size"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: does not say which batch size the run began with: {error}") from error


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Keep others from writing to the folder of a run, which is made where it is missing.

    What a killed run left half written is removed. The system lets go of the lock when the process ends, however it
    ends. On Windows, and on file systems that know no locks, there is none.

    Raises:
        DataError: another process has the folder.
        OSError: the folder cannot be written to.
    """
    run.mkdir(parents=True, exist_ok=True)
    with (run / LOCK).open("w") as file:
        if _lock(file.fileno(), run):
            _clean(run)
        yield


def _lock(file: int, run: Path) -> bool:
    """Whether the folder is ours alone; False where nobody can tell."""
    if not LOCKS:
        return False
    try:
        # Of the process, not of the open file: workers that outlive a killed run do not keep it.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise DataError(f"{run}: another run is writing there: wait for its end, or give another --out") from None
    except OSError:
        return False
    return True


def _arguments(run: Path) -> object:
    """The arguments of the run that the folder holds; None where it does not say."""
    try:
        return json.loads((run / ORIGIN).read_text(encoding="utf-8"))["arguments"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _clean(run: Path) -> None:
    for pattern in HALF_WRITTEN:
        for path in run.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
