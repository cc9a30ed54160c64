"""What happens to photos in the field, by the names of their files; runs in the worker processes of an engine."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

from eval.engines.base import Photo
from eval.engines.worker import Ready, prepare
from facecore.faces.detector import Policy
from facecore.spec import RecognizerSpec


def poisoned(spec: RecognizerSpec, face: Policy, photo: Photo) -> Ready:
    """As `prepare`, but `poison*` kills its process, `hang*` never ends, and `actor*` kills Ray's actor, once."""
    name = photo.name if isinstance(photo, Path) else ""
    if name.startswith("poison"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("hang"):
        time.sleep(1000)
    if name.startswith("actor") and isinstance(photo, Path):
        kill_parent_once(photo.with_suffix(".killed"))
    return prepare(spec, face, photo)


def kill_parent_once(note: Path) -> None:
    """Kill the process that started this one, unless there is a note that it was done already."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    assert parent.pid is not None
    try:
        note.touch(exist_ok=False)
    except FileExistsError:
        return
    note.write_text(str(parent.pid))
    os.kill(parent.pid, signal.SIGKILL)
    time.sleep(5)  # so that the outcome of this photo cannot be what reaches the run
