"""What a worker does in the tests of engines: some photos kill it, others keep it for ever."""

import os
import time
from pathlib import Path

from eval.engines.base import Photo
from eval.engines.worker import Ready, prepare
from facecore.faces.detector import Policy
from facecore.spec import RecognizerSpec


def prepare_poison(spec: RecognizerSpec, face: Policy, photo: Photo) -> Ready:
    """Crash on files called crash*, hang on files called hang*, crash the first time on files called once*."""
    name = photo.name if isinstance(photo, Path) else ""
    if name.startswith("crash"):
        os._exit(66)
    if name.startswith("hang"):
        time.sleep(1000)
    if name.startswith("once") and isinstance(photo, Path):
        mark = photo.with_suffix(".tried")
        if not mark.exists():
            mark.touch()
            os._exit(66)
    return prepare(spec, face, photo)
