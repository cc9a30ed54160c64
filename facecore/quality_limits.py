"""From which measure of a face on a score is doubtful: the limits of quality.json, and which of them a face passes.

A model directory may hold a file quality.json with limits that were measured with its weights:

    {
      "format_version": 1,
      "limits": {"eye_distance": 21.0, "sharpness": 0.09, "yaw": 0.31, "roll": 25.0},
      "measured_on": "half fit of the validation pairs, 12 degraded copies a photo",
      "hidden": {"direction": [0.81, -2.3, ...], "offset": 4.1}
    }

Limits bear the names of the measures in `facecore.faces.quality.Quality` and are in their units, with "dark" and
"bright" for the two of brightness. "hidden" tells covered faces by the network's features of them, see
`facecore.faces.hidden`. What the file does not name is not warned of: it was not measured, or did not matter. Without a
file the limits of `facecore.faces.quality` hold, which were measured with the bundled weights, and nothing else is
warned of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecore.config import read_json
from facecore.errors import ModelError
from facecore.faces import quality
from facecore.faces.hidden import HiddenProbe
from facecore.faces.quality import Quality

FORMAT_VERSION = 1
FILE = "quality.json"
LARGEST = 10_000  # that a limit may be; every measure is far smaller

REASONS = (*quality.REASONS, "hidden")
"""Codes of what a face may suffer from: those of `facecore.faces.quality`, and "hidden"."""


@dataclass(frozen=True)
class QualityLimits:
    """The last values that are still good; None where a measure is not warned of.

    Attributes:
        eye_distance: fewest pixels between the eyes.
        sharpness: lowest sharpness.
        dark: lowest brightness, 0..1.
        bright: highest brightness, 0..1.
        contrast: highest contrast, 0..0.5.
        yaw: largest |yaw|, in eye distances.
        pitch: largest |pitch|.
        roll: largest |roll| in degrees.
        outside: largest share of the face beyond the photo's border, 0..1.
        measured_on: what the limits were measured on, in words.
        hidden: tells covered faces by their embeddings.
    """

    eye_distance: float | None = None
    sharpness: float | None = None
    dark: float | None = None
    bright: float | None = None
    contrast: float | None = None
    yaw: float | None = None
    pitch: float | None = None
    roll: float | None = None
    outside: float | None = None
    measured_on: str = ""
    hidden: HiddenProbe | None = None

    def to_dict(self) -> dict[str, Any]:
        """The content of quality.json."""
        limits = {name: getattr(self, name) for name in MEASURES}
        content = {
            "format_version": FORMAT_VERSION,
            "limits": {name: limit for name, limit in limits.items() if limit is not None},
            "measured_on": self.measured_on,
        }
        return content if self.hidden is None else content | {"hidden": self.hidden.to_dict()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "QualityLimits":
        """Read what `to_dict` wrote.

        Raises:
            ModelError: the content is not that of a quality.json; says what is wrong.
        """
        version, limits, source = (content.get(key) for key in ("format_version", "limits", "measured_on"))
        if isinstance(version, bool) or version != FORMAT_VERSION:
            raise ModelError(f"{FILE}: format version {str(version)[:40]!r} is not known, only {FORMAT_VERSION} is")
        if not isinstance(limits, dict) or not isinstance(source, str):
            raise ModelError(f'{FILE}: "limits" must be an object and "measured_on" a text')
        if unknown := sorted(limits.keys() - set(MEASURES)):
            raise ModelError(f"{FILE}: there is no measure {unknown[0]!r}; known are {', '.join(MEASURES)}")
        for name, limit in limits.items():
            if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= LARGEST:
                raise ModelError(f"{FILE}: the limit {name!r} must be a number from 0 to {LARGEST}")
        try:
            hidden = HiddenProbe.from_dict(content["hidden"]) if "hidden" in content else None
        except ModelError as error:
            raise ModelError(f"{FILE}: {error}") from error
        return cls(**{name: float(limit) for name, limit in limits.items()}, measured_on=source, hidden=hidden)


MEASURES = tuple(field.name for field in fields(QualityLimits) if field.name not in ("measured_on", "hidden"))
"""Names that "limits" may hold."""

DEFAULT_LIMITS = QualityLimits(
    eye_distance=quality.SMALLEST_EYE_DISTANCE,
    sharpness=quality.LOWEST_SHARPNESS,
    dark=quality.LOWEST_BRIGHTNESS,
    bright=quality.HIGHEST_BRIGHTNESS,
    contrast=quality.HIGHEST_CONTRAST,
    yaw=quality.LARGEST_YAW,
    pitch=quality.LARGEST_PITCH,
    roll=quality.LARGEST_ROLL,
    outside=quality.LARGEST_OUTSIDE,
    measured_on="half fit of the validation pairs, see facecore.faces.quality",
)
"""The limits where a model has no quality.json."""


@dataclass(frozen=True)
class Concern:
    """Why a score with a face is doubtful.

    Attributes:
        reason: one of `REASONS`.
        value: what was measured, in the units of `Quality`; of "hidden" the probe's value.
        limit: the last value that is still good.
    """

    reason: str
    value: float
    limit: float


def read_limits(model: Path, width: int | None = None) -> QualityLimits:
    """The limits of a model: those of quality.json in its directory, else `DEFAULT_LIMITS`.

    Args:
        model: the model directory, or an ONNX file, which has no such file.
        width: of the network's features, which the probe of "hidden" must fit; None: not checked before it is used.

    Raises:
        ModelError: there is a file and it cannot be used; names the file and the reason.
    """
    path = model / FILE
    if not path.is_file():
        return DEFAULT_LIMITS
    try:
        limits = QualityLimits.from_dict(read_json(path))
        if width is not None and limits.hidden is not None:
            limits.hidden.check(width)
    except ModelError as error:
        raise ModelError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
    return limits


def concerns(
    measured: Quality, limits: QualityLimits, features: NDArray[np.floating] | None = None
) -> tuple[Concern, ...]:
    """Which limits a face passes, in the order of `REASONS` and each reason once. What is not known is no concern.

    Args:
        measured: of the face.
        limits: of the model.
        features: (F,), the network's of the face, aligned, see `FaceRecognizer.features`; None where they are not
            known, and "hidden" is not told then.

    Raises:
        ModelError: the probe of "hidden" was made for features of another width.
    """
    q = measured
    low = {
        "small": (q.eye_distance, limits.eye_distance),
        "blurred": (q.sharpness, limits.sharpness),
        "dark": (q.brightness, limits.dark),
    }
    high = {
        "bright": (q.brightness, limits.bright),
        "harsh": (q.contrast, limits.contrast),
        "tilted": (_size(q.roll), limits.roll),
        "cut": (q.outside, limits.outside),
    }
    found = {
        reason: Concern(reason, value, limit)
        for reason, (value, limit) in {**low, **high}.items()
        if value is not None and limit is not None and (value < limit if reason in low else value > limit)
    }
    for value, limit in ((_size(q.pitch), limits.pitch), (_size(q.yaw), limits.yaw)):
        if value is not None and limit is not None and value > limit:
            found["turned"] = Concern("turned", value, limit)
    if features is not None and limits.hidden is not None and (beyond := limits.hidden.value(features)) > 0:
        found["hidden"] = Concern("hidden", beyond, 0.0)
    return tuple(found[reason] for reason in REASONS if reason in found)


def _size(value: float | None) -> float | None:
    return None if value is None else abs(value)
