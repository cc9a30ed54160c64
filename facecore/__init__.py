"""Tell from two photos whether they show the same person, and say how sure that is.

from facecore import FaceRecognizer

recognizer = FaceRecognizer.from_pretrained()
comparison = recognizer.compare("a.jpg", "b.jpg")
print(comparison.verdict, comparison.score, comparison.probability)
"""

from typing import TYPE_CHECKING

from facecore.errors import (
    CacheError,
    DataError,
    FacecoreError,
    FaceError,
    ImageError,
    ModelError,
    NoFaceError,
    PairListError,
    SeveralFacesError,
)

if TYPE_CHECKING:
    from facecore.recognizer import FaceRecognizer

__all__ = [
    "CacheError",
    "DataError",
    "FaceError",
    "FaceRecognizer",
    "FacecoreError",
    "ImageError",
    "ModelError",
    "NoFaceError",
    "PairListError",
    "SeveralFacesError",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # Only when it is asked for: it brings PyTorch, which modules like facecore.verification do without.
    if name == "FaceRecognizer":
        from facecore.recognizer import FaceRecognizer

        return FaceRecognizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
