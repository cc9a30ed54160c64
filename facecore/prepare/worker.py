"""One photo to one face. Imports nothing that needs PyTorch, so that worker processes are light."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facecore.faces.align import TEMPLATE, TEMPLATE_SIZE, align, similarity, transform
from facecore.faces.detector import Policy
from facecore.image import Pixels, photo_name
from facecore.prepare.encode import Format, encode
from facecore.preparer import Preparer, one_thread_per_photo
from facecore.transforms import Preset, preset


@dataclass(frozen=True)
class Job:
    """What is done with every photo.

    Attributes:
        size: side of the face in pixels.
        face: which one, where there are several.
        format: of the image file.
        quality: of WebP and JPEG.
        detector_backend: what runs the detector.
        model: what the network takes that embeds the face; None where none does.
    """

    size: int
    face: Policy
    format: Format
    quality: int
    detector_backend: str
    model: Preset | None


@dataclass(frozen=True)
class Cut:
    """What became of a photo.

    Attributes:
        status: "ok", or "unreadable", "no_face" or "several_faces"; what follows is empty then.
        details: what is wrong, for people, without the photo's name.
        image: the face as an image file.
        pixels: SHA-256 of the face's pixels before they were encoded, in hexadecimal digits.
        landmarks: (5, 2) float32, in the face's pixels.
        eye_distance: pixels between the eyes in the photo.
        crop: what the network takes, uint8 (S, S, 3).
    """

    status: str
    details: str = ""
    image: bytes = b""
    pixels: str = ""
    landmarks: NDArray[np.float32] | None = None
    eye_distance: float = float("nan")
    crop: Pixels | None = None


def cut(job: Job, photo: Path) -> Cut:
    """Read a photo, find its face and cut it out.

    Raises:
        FacecoreError: not for what is in a photo, but where nothing can be detected at all.
    """
    prepared = _preparer(job).prepare(photo, face=job.face, chosen_only=job.face != "only")
    if prepared.crop is None or prepared.face is None or prepared.photo is None:
        return Cut(prepared.status, str(prepared.error).removeprefix(f"{photo_name(photo)}: "))
    crop, landmarks = prepared.crop, prepared.face.landmarks
    turn = similarity(landmarks, TEMPLATE * (job.size / TEMPLATE_SIZE))
    return Cut(
        "ok",
        image=encode(crop, job.format, job.quality),
        pixels=hashlib.sha256(crop.tobytes()).hexdigest(),
        landmarks=transform(turn, landmarks).astype(np.float32),
        eye_distance=prepared.face.eye_distance,
        crop=None if job.model is None else _for_model(job.model, prepared.photo, crop, landmarks),
    )


def _for_model(model: Preset, rgb: Pixels, crop: Pixels, landmarks: NDArray[np.float32]) -> Pixels:
    if model.needs_alignment and model.size != len(crop):
        return align(rgb, landmarks, model.size)
    return model.fit(crop)


@functools.cache
def _preparer(job: Job) -> Preparer:
    return Preparer(preset("aligned", job.size), detector_backend=job.detector_backend)


def begin() -> None:
    """Set a worker process up: the workers share the cores among themselves."""
    one_thread_per_photo()
