"""Ways in which a photo can be poor, each at levels from harmless to hopeless, applied to aligned crops."""

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Crop = NDArray[np.uint8]
GREY = 128  # what covers a part


@dataclass(frozen=True)
class Damage:
    """A kind of damage.

    Attributes:
        name: of the kind.
        axis: what its levels are, with their unit.
        levels: from harmless to hopeless.
        harmless: the level that leaves a crop as it is.
        apply: (crop, level, random) -> crop; uint8 (S, S, 3) both.
        log: whether levels are spread evenly on a logarithmic scale.
    """

    name: str
    axis: str
    levels: tuple[float, ...]
    harmless: float
    apply: Callable[[Crop, float, np.random.Generator], Crop]
    log: bool = False

    def __call__(self, crop: Crop, level: float, name: str) -> Crop:
        """The damaged crop; what is random about it depends on the photo's name and the kind alone."""
        if level == self.harmless:
            return crop
        return self.apply(crop, level, np.random.default_rng(zlib.crc32(f"{self.name} {name}".encode())))


def shrink(crop: Crop, width: float, random: np.random.Generator) -> Crop:
    """As a face that is `width` pixels wide in its photo: shrunk, and enlarged again."""
    few = round(width)
    small = cv2.resize(crop, (few, few), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def blur(crop: Crop, sigma: float, random: np.random.Generator) -> Crop:
    """A Gaussian of that standard deviation, in pixels of the crop."""
    return cv2.GaussianBlur(crop, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE).astype(np.uint8)


def compress(crop: Crop, quality: float, random: np.random.Generator) -> Crop:
    """Saved as a JPEG of that quality (libjpeg's, 1..95), colour at half resolution, and read again."""
    memory = io.BytesIO()
    Image.fromarray(crop).save(memory, "JPEG", quality=round(quality), subsampling="4:2:0")
    return np.asarray(Image.open(memory))


def darken(crop: Crop, factor: float, random: np.random.Generator) -> Crop:
    """All values, as stored, times the factor, rounded to whole numbers: detail in the dark is lost."""
    darker: Crop = np.rint(crop * np.float32(factor)).astype(np.uint8)
    return darker


def turn(crop: Crop, degrees: float, random: np.random.Generator) -> Crop:
    """Turned about its middle, to either side, as alignment that went wrong."""
    side = len(crop)
    middle = ((side - 1) / 2, (side - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, degrees if random.random() < 0.5 else -degrees, 1.0)
    return cv2.warpAffine(crop, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)


def cover(crop: Crop, share: float, random: np.random.Generator) -> Crop:
    """A grey rectangle over that share of the crop, anywhere in it."""
    side = len(crop)
    stretch = float(random.uniform(0.67, 1.5))
    height = min(side, round(side * (share * stretch) ** 0.5))
    width = min(side, round(share * side * side / height))
    covered = crop.copy()
    top, left = (int(random.integers(side - length + 1)) for length in (height, width))
    covered[top : top + height, left : left + width] = GREY
    return covered


def cover_below(crop: Crop, share: float, random: np.random.Generator) -> Crop:
    """Grey from below up to that share of the crop, as a mask or scarf."""
    covered = crop.copy()
    covered[len(crop) - round(share * len(crop)) :] = GREY
    return covered


def cover_above(crop: Crop, share: float, random: np.random.Generator) -> Crop:
    """Grey from above down to that share of the crop, as a cap, then dark glasses."""
    covered = crop.copy()
    covered[: round(share * len(crop))] = GREY
    return covered


DAMAGES = (
    Damage(
        "resolution", "width of the face crop, px", (112, 80, 64, 48, 40, 32, 28, 24, 20, 16), 112, shrink, log=True
    ),
    Damage("blur", "standard deviation, px of 112", (0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6), 0, blur),
    Damage("jpeg", "JPEG quality", (100, 75, 50, 30, 20, 15, 10, 5, 2), 100, compress, log=True),
    Damage(
        "darkness", "factor on all values", (1, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05, 0.03), 1, darken, log=True
    ),
    Damage("rotation", "degrees", (0, 5, 10, 15, 20, 25, 30, 45, 60, 90), 0, turn),
    Damage("covered", "share covered anywhere", (0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6), 0, cover),
    Damage("covered below", "share covered from below", (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6), 0, cover_below),
    Damage("covered above", "share covered from above", (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6), 0, cover_above),
)
