"""What a worker process does with a photo. Imports nothing that needs torch, so that workers are light."""

import functools
import multiprocessing
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eval.engines.base import FINAL, Photo
from facecore.faces.align import opencv
from facecore.faces.detector import Policy
from facecore.image import photo_name
from facecore.preparer import Preparer
from facecore.spec import RecognizerSpec


@dataclass(frozen=True)
class Ready:
    """A photo on its way to the network, without the photo itself.

    Attributes:
        status: see `facecore.results.Prepared.status`.
        crop: what the network sees, uint8 (size, size, 3), or None.
        quality: 0..1, or NaN without a face.
        problem: what is wrong, for people; without the name of the photo.
        keep: see `eval.engines.base.Embedded.keep`.
    """

    status: str
    crop: np.ndarray | None = None
    quality: float = float("nan")
    problem: str | None = None
    keep: bool = True


def end_with_parent() -> None:
    """Make this process end when the one that started it does, even killed, and even while a photo hangs."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_end, args=(parent.join,), daemon=True).start()


def _wait_and_end(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)


def prepare(spec: RecognizerSpec, face: Policy, photo: Photo) -> Ready:
    """Read a photo, find its face and cut it out.

    Raises:
        FacecoreError: not for what is in a photo, but where nothing can be detected at all.
    """
    prepared = _preparer(spec).prepare(photo, face=face, accept_crops=True, chosen_only=True)
    quality = float("nan") if prepared.quality is None else prepared.quality.score
    # Without the photo's name: other photos may have the same bytes, and the same problem from the cache.
    problem = str(prepared.error).removeprefix(f"{photo_name(photo)}: ") if prepared.error else None
    return Ready(prepared.status, prepared.crop, quality, problem, prepared.status in FINAL)


@functools.cache
def _preparer(spec: RecognizerSpec) -> Preparer:
    opencv().setNumThreads(1)  # the workers share the cores among themselves
    return spec.make_preparer()
