"""What may cover a face, drawn on aligned crops: shapes where masks, caps and hands lie, of many textures.

The shapes of `eval.robustness.damage` are grey, to say how much of a face is needed. These are as varied as can be, so
that what learns from them learns that the face is missing, and not what covers it.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from eval.robustness.damage import Crop

Area = tuple[slice, slice]


def _below(side: int, random: np.random.Generator) -> Area:
    """As a mask or scarf: from the bridge of the nose at most, from the upper lip at least."""
    return slice(round(side * random.uniform(0.52, 0.73)), side), slice(0, side)


def _above(side: int, random: np.random.Generator) -> Area:
    """As a cap or hair: down to the brows at least, over the eyes at most."""
    return slice(0, round(side * random.uniform(0.27, 0.55))), slice(0, side)


def _eyes(side: int, random: np.random.Generator) -> Area:
    """A bar over both eyes: more than dark glasses hide, whose lenses leave the bridge of the nose."""
    top = side * random.uniform(0.32, 0.43)
    return slice(round(top), round(top + side * random.uniform(0.12, 0.23))), slice(
        round(side * 0.1), round(side * 0.9)
    )


def _patch(side: int, random: np.random.Generator) -> Area:
    """As a hand or a thing held up: a rectangle of 20 to 45 % of the crop, anywhere."""
    area = side * side * random.uniform(0.2, 0.45)
    height = min(side, round((area * random.uniform(0.6, 1.6)) ** 0.5))
    width = min(side, round(area / height))
    top, left = (int(random.integers(side - length + 1)) for length in (height, width))
    return slice(top, top + height), slice(left, left + width)


SHAPES: dict[str, Callable[[int, np.random.Generator], Area]] = {
    "from below (mask)": _below,
    "from above (cap)": _above,
    "over the eyes (bar)": _eyes,
    "anywhere, 20 to 45 %": _patch,
}
"""Kinds of cover: the side of a square crop in pixels -> the part that is covered."""


def cover(crop: Crop, other: Crop, kind: str, random: np.random.Generator) -> Crop:
    """A crop with a cover of random place and texture.

    Args:
        crop: uint8 (S, S, 3).
        other: another crop, which may be the texture: its corner (hair, clothes, background) or its skin.
        kind: one of `SHAPES`.
        random: draws place and texture.
    """
    side = len(crop)
    area = SHAPES[kind](side, random)
    covered = crop.copy()
    covered[area] = _texture(side, other, random)[area]
    return covered


def _texture(side: int, other: Crop, random: np.random.Generator) -> Crop:
    """A square of one colour, of colours that run into each other, of another photo's corner, or of another's skin."""
    kind = random.integers(4)
    if kind == 0:
        return np.broadcast_to(random.integers(0, 256, 3, dtype=np.uint8), (side, side, 3))
    if kind == 1:
        few = random.integers(0, 256, (*random.integers(2, 8, 2), 3), dtype=np.uint8)
        return _enlarged(few, side)
    if kind == 2:
        return _enlarged(other[: side // 4, : side // 4], side)[::-1]
    lips_and_chin = other[round(0.71 * side) : round(0.89 * side), round(0.45 * side) : round(0.55 * side)]
    noisy: NDArray[np.float64] = lips_and_chin.mean(axis=(0, 1)) + random.integers(-6, 7, (side, side, 3))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _enlarged(picture: Crop, side: int) -> Crop:
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
