"""The same photos through dlib and through this package, each on one core.

dlib as it is most often used: its HOG detector, five landmarks, one pass of its ResNet over a chip of 150 px (King
2009, JMLR 10; the models of the package face-recognition-models).
"""

import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eval.engines.base import Work
from eval.engines.local import LocalEngine
from eval.speed.timing import median_seconds, one_core
from facecore import image
from facecore.errors import FacecoreError, ImageError
from facecore.spec import RecognizerSpec

ADVICE = "pip install dlib-bin face-recognition-models"


def compare(spec: RecognizerSpec, photos: list[Path], repeat: int) -> None:
    """Print the images/s of both, from files to embeddings, and their ratio.

    Raises:
        FacecoreError: dlib or its models are not installed.
    """
    embed = dlib_pipeline()
    spec = replace(spec, device="cpu")
    with one_core():
        engine = LocalEngine(spec.make(), workers=0)
        work = Work(spec, "largest", min(64, len(photos)))
        found = [sum(embed(photo) for photo in photos), sum(_faces(engine, work, photos))]
        seconds = [
            median_seconds(lambda: [embed(photo) for photo in photos], repeat, time.process_time),
            median_seconds(lambda: list(engine.run(work, photos)), repeat, time.process_time),
        ]
    print(f"{len(photos)} photos, from files to embeddings, median of {repeat}, for one core")
    for name, faces, taken in zip(("dlib", "facecore"), found, seconds, strict=True):
        each = taken / len(photos)
        print(f"{name:10s} {faces:6d} faces {1000 * each:8.1f} ms {1 / each:8.1f} images/s")
    print(f"facecore is {seconds[0] / seconds[1]:.2f} times as fast as dlib")


def _faces(engine: LocalEngine, work: Work, photos: list[Path]) -> list[int]:
    return [sum(status == "ok" for status in piece.status) for piece in engine.run(work, photos)]


def dlib_pipeline() -> Callable[[Path], bool]:
    """A function that embeds the largest face of a photo with dlib, and says whether there was one.

    Raises:
        FacecoreError: dlib or its models are not installed.
    """
    try:
        dlib: Any = import_module("dlib")
    except ImportError as error:
        raise FacecoreError(f"dlib is not installed ({error}): {ADVICE}") from error
    detector = dlib.get_frontal_face_detector()
    landmarks = dlib.shape_predictor(_model("shape_predictor_5_face_landmarks.dat"))
    network = dlib.face_recognition_model_v1(_model("dlib_face_recognition_resnet_model_v1.dat"))

    def embed(photo: Path) -> bool:
        try:
            rgb = image.load(photo)
        except ImageError:
            return False
        boxes = detector(rgb, 0)
        if not boxes:
            return False
        network.compute_face_descriptor(rgb, landmarks(rgb, max(boxes, key=lambda box: box.area())))
        return True

    return embed


def _model(name: str) -> str:
    """A file of face-recognition-models, which is not imported: it needs pkg_resources, which setuptools dropped."""
    spec = find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / name
        if path.is_file():
            return str(path)
    raise FacecoreError(f"dlib's model {name} is missing: {ADVICE}")
