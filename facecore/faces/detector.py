"""A face in a photo, what a detector is, and which of several faces is meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facecore.errors import FaceError, NoFaceError, SeveralFacesError

Policy: TypeAlias = Literal["largest", "centre", "only"] | int
POLICIES = ("largest", "centre", "only")


@dataclass(frozen=True, eq=False)
class Face:
    """A face that was found.

    Attributes:
        box: left, top, right, bottom in pixels of the photo that was given; may reach over the photo's border.
        landmarks: float32 (5, 2), read-only, in pixels of that photo: image-left eye, image-right eye, nose tip,
            image-left and image-right mouth corner, left and right as seen once the face is upright.
        confidence: the detector's score, 0 to 1. It is no probability.
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    confidence: float

    def __post_init__(self) -> None:
        landmarks = np.array(self.landmarks, np.float32)
        if landmarks.shape != (5, 2):
            raise ValueError(f"five landmarks (5, 2) are needed, not {landmarks.shape}")
        landmarks.setflags(write=False)
        object.__setattr__(self, "landmarks", landmarks)

    @property
    def width(self) -> float:
        """Width of the box in pixels."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        """Height of the box in pixels."""
        return self.box[3] - self.box[1]

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box, x and y."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def eye_distance(self) -> float:
        """Pixels between the eyes."""
        return float(np.hypot(*(self.landmarks[1] - self.landmarks[0])))

    @property
    def roll(self) -> float:
        """Degrees by which the line between the eyes is turned clockwise as seen, -180 to 180; 0 is upright."""
        x, y = self.landmarks[1] - self.landmarks[0]
        return float(np.degrees(np.arctan2(y, x)))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON."""
        return {
            "box": [float(value) for value in self.box],
            "landmarks": self.landmarks.tolist(),
            "confidence": float(self.confidence),
        }


class Detector(Protocol):
    """Finds faces; safe to call from several threads."""

    @property
    def version(self) -> str:
        """Names everything that decides what is found, as part of a cache key."""

    def detect(self, rgb: NDArray[np.uint8], *, policy: Policy | None = None, chosen_only: bool = False) -> list[Face]:
        """The faces in a photo (H, W, 3), largest first; an empty list where there is none.

        `policy` says which face will be chosen, where only that one matters: the others may then be located less
        exactly, and with `chosen_only` may be missing.
        """


def choose(faces: Sequence[Face], policy: Policy, shape: tuple[int, ...], *, name: str = "the photo") -> Face:
    """The face that `policy` means.

    Args:
        faces: as a detector gives them, largest first.
        policy: "largest"; "centre", whose box is centred nearest to the middle of the photo; "only", which allows no
            second face; or a number, 0 being the largest face.
        shape: shape of the photo, height first.
        name: what to call the photo in an error.

    Raises:
        NoFaceError: there is no face.
        SeveralFacesError: the policy is "only" and there are several.
        FaceError: there is no face of that number.
        ValueError: the policy is not known.
    """
    numbered = isinstance(policy, int) and not isinstance(policy, bool)
    if not numbered and policy not in POLICIES:
        raise ValueError(f"policy {policy!r} is not known: use {', '.join(POLICIES)} or the number of a face")
    if not faces:
        raise NoFaceError(
            f"{name}: no face was found; use a photo in which the face is sharp, lit, seen from the front and at "
            "least 40 pixels wide"
        )
    if isinstance(policy, int):
        if not 0 <= policy < len(faces):
            found = "one face was found, number 0" if len(faces) == 1 else f"faces 0 to {len(faces) - 1} were found"
            raise FaceError(f"{name}: there is no face number {policy}; {found}, the largest first")
        return faces[policy]
    if policy == "only" and len(faces) > 1:
        raise SeveralFacesError(
            f"{name}: {len(faces)} faces were found where only one is allowed; crop the photo, or choose one of them "
            "(largest, centre or a number)"
        )
    if policy == "centre":
        return min(faces, key=lambda face: distance_to_middle(face, shape))
    return max(faces, key=lambda face: face.area)


def distance_to_middle(face: Face, shape: tuple[int, ...]) -> float:
    """Pixels from the middle of a face's box to that of a photo of this shape, height first."""
    return float(np.hypot(face.centre[0] - shape[1] / 2, face.centre[1] - shape[0] / 2))
