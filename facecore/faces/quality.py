"""How far the score of a face can be trusted: size, sharpness, light and pose, and one number for all of them.

What is measured is how the photo was taken; no network is asked. `Quality.score` orders faces by how likely a genuine
pair with them is missed, and `weaknesses` says in codes what is wrong.

Where the numbers come from. Half `fit` of the validation pairs (val_pairs.parquet: 5,000 genuine pairs of 125 people),
and 96 of its photos in 12 degraded copies each (shrunk to 6-26 px between the eyes, blurred, darkened, brightened,
flattened), each copy compared with another photo of the same person as it is. The target is the share of intact
genuine pairs that score higher than the pair, after the bundled network and after another one (the degraded copies
after the bundled one alone). Non-negative least squares (Lawson and Hanson 1974) from the penalties of both photos to
this share, and the mean of both networks' weights.

What darkness costs is known from the darkened copies, and its measure starts so low that at most one face in ten of any
group of FairFace lies under it: it has to speak of light, not of skin.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecore.faces.align import TEMPLATE, TEMPLATE_SIZE, Pixels, invert, opencv, similarity, transform
from facecore.faces.detector import Face

# Rows and columns of the aligned crop between brow and chin and between the cheeks: the face without hair and ground.
ROWS, COLUMNS = slice(28, 104), slice(22, 90)

FRONTAL_PITCH = 0.576
"""Median over half `fit` of how far the nose tip lies on the way from the eyes down to the mouth."""

WEIGHTS = {
    "small": 0.053,  # for each halving of the eye distance under 48 px, at most three
    "blurred": 0.117,  # for each factor of e in sharpness under 0.223, at most two
    "turned": 0.294,  # times |yaw|, at most 0.45
    "nodding": 1.68,  # times |pitch|, at most 0.12
    "dark": 0.113,  # for each halving of brightness under 0.188, at most three
    "bright": 0.379,  # times the part of the way from brightness 0.706 to 1
    "harsh": 0.074,  # times the part of the way from contrast 0.157 to 0.314
    "cut": 0.88,  # times the share outside, at most 0.5; from copies without their lowest 30 %, which fell by 0.30
}
"""How far a genuine pair falls in the ranking of genuine pairs, as a share, for one unit of each penalty."""

UNKNOWN = {"small": 0.085, "turned": 0.072, "nodding": 0.019, "cut": 0.0}
"""Penalties of a crop without landmarks, in the same units: the medians over half `fit`."""

REASONS = ("small", "blurred", "dark", "bright", "harsh", "turned", "tilted", "cut")
"""Codes that `weaknesses` gives."""

# Limits of the codes. A genuine pair beyond them fell by 0.11 to 0.25 of the ranking with either network on half `fit`.
# In brackets the share of that half's faces beyond the limit.
SMALLEST_EYE_DISTANCE = 24.0  # px (1.3 %)
LOWEST_SHARPNESS = 0.10  # (1.6 %)
LOWEST_BRIGHTNESS = 0.12  # (0.0 %; degraded copies at 0.07 fell by 0.18, at 0.16 by 0.03)
HIGHEST_BRIGHTNESS = 0.84  # (0.0 %; degraded copies at 0.86 fell by 0.14)
HIGHEST_CONTRAST = 0.255  # (4.9 %)
LARGEST_YAW = 0.30  # (6.8 %)
LARGEST_PITCH = 0.07  # (3.4 %)
LARGEST_ROLL = 25.0  # degrees; not from scores: from here on the detector's landmarks are known to be wrong at times
LARGEST_OUTSIDE = 0.10  # at 0.34 pairs fell by 0.30; a third of that


@dataclass(frozen=True)
class Quality:
    """Measured properties of a face. What needs landmarks is None for a photo that was taken for a crop as it was.

    Attributes:
        eye_distance: pixels between the eyes in the photo that was given.
        sharpness: standard deviation of the Laplacian of the luminance after a Gaussian of 1 px (Marr and Hildreth
            1980), over the standard deviation of the luminance plus 1, both over the face in the 112 px crop: fine
            detail relative to contrast, at a fixed size of the face. About 0.165 for a usual photo, 0.07 after
            shrinking to 9 px between the eyes, 0.05 after a blur of 2.5 px.
        brightness: mean luminance of the face, 0..1 (ITU-R BT.601, gamma as stored).
        contrast: standard deviation of the luminance of the face, 0..0.5; high where light is hard or from one side.
        yaw: how far the nose tip lies off the line from between the eyes to the middle of the mouth, in eye distances;
            0 seen from the front, positive towards image-right once upright. A ratio, no angle.
        pitch: how far down from the eyes to the mouth the nose tip lies, 0 at the eyes and 1 at the mouth, minus
            FRONTAL_PITCH; positive where the chin is lowered. A ratio, no angle.
        roll: degrees by which the face is turned clockwise in the photo.
        confidence: the detector's score, 0..1; not part of `score`, for want of data to weigh it.
        outside: share of the face region that lies beyond the photo's border, 0..1.
    """

    eye_distance: float | None
    sharpness: float
    brightness: float
    contrast: float
    yaw: float | None
    pitch: float | None
    roll: float | None
    confidence: float | None
    outside: float | None

    @property
    def score(self) -> float:
        """0..1, higher is better: 1 minus the sum of `penalties`, about 0.88 for a usual photo. For order alone.

        Of a pair, the lower score of both faces counts.
        """
        return max(0.0, 1 - sum(penalties(self).values()))

    def to_dict(self) -> dict[str, Any]:
        """All measures and the score, as JSON takes them."""
        return {**asdict(self), "score": self.score}


def measure(rgb: Pixels | None, face: Face | None, crop: Pixels) -> Quality:
    """Measure a face, in a fraction of a millisecond.

    Args:
        rgb: the photo, uint8 (H, W, 3), of which only the size is used; None where it is not at hand.
        face: the face in that photo; None for a photo that was taken for a crop as it was.
        crop: the aligned face, uint8 (S, S, 3); scaled to 112 px where it has another size.

    Raises:
        FaceError: the landmarks lie in one point or are not finite.
        ValueError: the crop is no uint8 picture in colour.
    """
    sharpness, brightness, contrast = _surface(crop)
    if face is None:
        return Quality(None, sharpness, brightness, contrast, None, None, None, None, None)
    yaw, pitch = _pose(face.landmarks.astype(np.float64))
    return Quality(
        eye_distance=face.eye_distance,
        sharpness=sharpness,
        brightness=brightness,
        contrast=contrast,
        yaw=yaw,
        pitch=pitch,
        roll=face.roll,
        confidence=float(face.confidence),
        outside=None if rgb is None else _outside(face.landmarks.astype(np.float64), rgb.shape[1], rgb.shape[0]),
    )


def penalties(quality: Quality) -> dict[str, float]:
    """How much each weakness takes from the score, all 0 or more; never less where the measure is worse."""
    q = quality
    units = {
        "small": None if q.eye_distance is None else _clamp(math.log2(48 / max(q.eye_distance, 1.0)), 3),
        "blurred": _clamp(-1.5 - math.log(max(q.sharpness, 1e-3)), 2),
        "turned": None if q.yaw is None else _clamp(abs(q.yaw), 0.45),
        "nodding": None if q.pitch is None else _clamp(abs(q.pitch), 0.12),
        "dark": _clamp(math.log2(0.188 / max(q.brightness, 1e-3)), 3),
        "bright": _clamp((q.brightness - 0.706) / 0.294, 1),
        "harsh": _clamp((q.contrast - 0.157) / 0.157, 1),
        "cut": None if q.outside is None else _clamp(q.outside, 0.5),
    }
    return {name: WEIGHTS[name] * (UNKNOWN[name] if unit is None else unit) for name, unit in units.items()}


def weaknesses(quality: Quality) -> tuple[str, ...]:
    """What makes a score doubtful: those of REASONS whose limit is passed, in that order; often none.

    "small": under 24 px between the eyes. "blurred": sharpness under 0.10. "dark", "bright": brightness under 0.12 or
    over 0.84. "harsh": contrast over 0.255. "turned": |yaw| over 0.30 or |pitch| over 0.07. "tilted": |roll| over 25
    degrees. "cut": over a tenth of the face region outside the photo. What is not known is no weakness.
    """
    q = quality
    found = {
        "small": q.eye_distance is not None and q.eye_distance < SMALLEST_EYE_DISTANCE,
        "blurred": q.sharpness < LOWEST_SHARPNESS,
        "dark": q.brightness < LOWEST_BRIGHTNESS,
        "bright": q.brightness > HIGHEST_BRIGHTNESS,
        "harsh": q.contrast > HIGHEST_CONTRAST,
        "turned": abs(q.yaw or 0) > LARGEST_YAW or abs(q.pitch or 0) > LARGEST_PITCH,
        "tilted": abs(q.roll or 0) > LARGEST_ROLL,
        "cut": (q.outside or 0) > LARGEST_OUTSIDE,
    }
    return tuple(reason for reason in REASONS if found[reason])


def _clamp(value: float, most: float) -> float:
    return min(max(value, 0.0), most)


def _surface(crop: Pixels) -> tuple[float, float, float]:
    """Sharpness, brightness and contrast."""
    if crop.dtype != np.uint8 or crop.ndim != 3 or crop.shape[2] != 3 or not crop.size:
        raise ValueError(f"a crop is uint8 (S, S, 3), not {crop.dtype} {crop.shape}")
    cv2 = opencv()
    if crop.shape[:2] != (TEMPLATE_SIZE, TEMPLATE_SIZE):
        crop = cv2.resize(crop, (TEMPLATE_SIZE, TEMPLATE_SIZE), interpolation=cv2.INTER_AREA)
    luminance: NDArray[np.float32] = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = cv2.Laplacian(cv2.GaussianBlur(luminance, (0, 0), 1.0), cv2.CV_32F)[ROWS, COLUMNS]
    region = luminance[ROWS, COLUMNS]
    contrast = float(region.std())
    return float(detail.std()) / (contrast + 1), float(region.mean()) / 255, contrast / 255


def _pose(landmarks: NDArray[np.float64]) -> tuple[float, float]:
    """Yaw and pitch, as ratios that neither size nor place nor roll changes, each in -1..1."""
    eyes, mouth = landmarks[:2].mean(0), landmarks[3:].mean(0)
    across = landmarks[1] - landmarks[0]
    distance = max(float(np.hypot(*across)), 1e-6)
    across = across / distance
    down = np.array([-across[1], across[0]])
    nose, mouth = landmarks[2] - eyes, mouth - eyes
    height = max(float(mouth @ down), 1e-3 * distance)  # a mouth above the eyes is no face: the ratio then says so
    part = float(nose @ down) / height
    yaw = float(nose @ across - part * (mouth @ across)) / distance
    return float(np.clip(yaw, -1, 1)), float(np.clip(part - FRONTAL_PITCH, -1, 1))


def _outside(landmarks: NDArray[np.float64], width: int, height: int) -> float:
    """The share of a grid of points, 4 px of the crop apart, that lies beyond the photo."""
    y, x = np.mgrid[ROWS.start : ROWS.stop : 4, COLUMNS.start : COLUMNS.stop : 4]
    points = transform(invert(similarity(landmarks, TEMPLATE)), np.stack([x.ravel(), y.ravel()], axis=1))
    inside = (points >= 0) & (points <= np.array([width - 1, height - 1]))
    return 1 - float(inside.all(axis=1).mean())
