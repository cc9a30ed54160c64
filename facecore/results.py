"""What the recognizer answers."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facecore.errors import FacecoreError
from facecore.faces.detector import Face
from facecore.faces.quality import Quality
from facecore.verification.calibration import Verdict

Status = Literal["ok", "ok:whole", "unreadable", "no_face", "several_faces"]


@dataclass(frozen=True)
class Prepared:
    """A photo on its way to the network.

    Attributes:
        status: "ok"; "ok:whole" where the whole photo was taken as a crop; else why there is no crop.
        photo: (H, W, 3) uint8 RGB, None where it could not be read.
        faces: all that were found, largest first.
        face: the one that was chosen, None for whole photos and failures.
        crop: what the network sees, (size, size, 3) uint8 RGB, None for failures.
        error: None where there is a crop.
        quality: how far a score with this face can be trusted; None where there is no crop.
    """

    status: Status
    photo: np.ndarray | None = None
    faces: tuple[Face, ...] = ()
    face: Face | None = None
    crop: np.ndarray | None = None
    error: FacecoreError | None = None
    quality: Quality | None = None

    def to_dict(self) -> dict[str, Any]:
        """What can be said of the photo without showing it."""
        return {
            "status": self.status,
            "faces_found": len(self.faces),
            "face": self.face.to_dict() if self.face else None,
            "quality": self.quality.to_dict() if self.quality else None,
            "error": str(self.error) if self.error else None,
        }


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of some photos, in their order.

    Attributes:
        matrix: (N, D) float32, rows of length one; a row of NaN where there is no embedding.
        status: of each photo, see `Prepared.status`.
        errors: of each photo, None where there is an embedding.
        quality: (N,) float32, 0..1, see `facecore.faces.quality`; NaN where there is no embedding.
    """

    matrix: np.ndarray
    status: tuple[str, ...]
    errors: tuple[FacecoreError | None, ...]
    quality: np.ndarray

    def __len__(self) -> int:
        return len(self.status)


@dataclass(frozen=True)
class Comparison:
    """What two photos have in common.

    Attributes:
        score: cosine of the two embeddings, -1..1; None where they could not be compared.
        probability: that both show the same person, 0..1; None without a score or a calibration.
        verdict: "same", "different" or "uncertain"; None without a score, or without anything to judge it by.
        threshold: the score from which on the verdict is "same"; None without a calibration.
        strangers: N of "about 1 in N pairs of strangers score this high"; None without a score or a calibration.
        left: the first photo, with its faces and the crop that was compared.
        right: the second photo.
        model: name of the model.
        embeddings: of the two crops, (D,) float32 of length one each; None without a score. They describe a face, so
            that `to_dict` and the printed form leave them out.
    """

    score: float | None
    probability: float | None
    verdict: Verdict | None
    threshold: float | None
    strangers: float | None
    left: Prepared
    right: Prepared
    model: str
    embeddings: tuple[NDArray[np.float32], NDArray[np.float32]] | None = field(default=None, repr=False, compare=False)

    @property
    def why_not(self) -> str | None:
        """Why there is no score, in one line a photo; None where there is one."""
        return "\n".join(str(side.error) for side in (self.left, self.right) if side.error) or None

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures and embeddings, ready for JSON."""
        return {
            "verdict": self.verdict,
            "score": self.score,
            "probability": self.probability,
            "threshold": self.threshold,
            "strangers": self.strangers,
            "model": self.model,
            "why_not": self.why_not,
            "left": self.left.to_dict(),
            "right": self.right.to_dict(),
        }
