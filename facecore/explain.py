"""What makes the score of two faces: how far it falls when a part of one of them is hidden.

Occlusion sensitivity (Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901,
section 4.2), with the cosine of two embeddings in place of a class probability: a grey square covers one patch of one
face while the other face stays whole, and the score is taken again. Patches overlap by half, so that what lies on the
border of one lies in the middle of another.

It says what this network looks at in these two pictures. It does not say what a person would look at, nor whether the
answer is right.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecore.recognizer import FaceRecognizer

STEPS = 7
"""Patches along each side of a face: 49, each a quarter of the side wide. Both faces together are 98 crops."""

GREY = 128
BATCH = 25  # crops in one pass; larger ones are no faster on a processor

# Rows and columns of an aligned crop as shares of its side. The landmarks of `align.TEMPLATE` lie at 0.47 (eyes), 0.65
# (tip of the nose) and 0.81 (corners of the mouth) of the height, the eyes at 0.33 and 0.67 of the width.
_REGIONS: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "forehead": ((0.08, 0.35, 0.22, 0.78),),
    "eyes": ((0.37, 0.57, 0.18, 0.82),),
    "nose": ((0.57, 0.74, 0.38, 0.62),),
    "cheeks": ((0.58, 0.84, 0.12, 0.34), (0.58, 0.84, 0.66, 0.88)),
    "mouth": ((0.74, 0.92, 0.34, 0.66),),
    "chin": ((0.92, 1.0, 0.34, 0.66),),
}
REGIONS = tuple(_REGIONS)
"""Names of the regions of an aligned face, from the top down."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """How far a score falls when a part of one face is hidden.

    Attributes:
        score: cosine of both whole faces, -1..1.
        drops: for each face, float64 (steps, steps): the score minus the one with that patch hidden. Positive where the
            patch makes the faces more alike, negative where it tells them apart.
        size: side of the crops in pixels.
    """

    score: float
    drops: tuple[NDArray[np.float64], NDArray[np.float64]]
    size: int

    def maps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """For each face, float64 (size, size): for each pixel the mean drop of the patches that hide it."""
        left, right = (_spread(drops, self.size) for drops in self.drops)
        return left, right

    def regions(self) -> dict[str, float]:
        """For each of `REGIONS` the mean drop over its pixels and both faces. Of meaning for aligned crops alone."""
        both = np.mean(self.maps(), axis=0)
        return {name: float(both[_mask(name, self.size)].mean()) for name in REGIONS}


def explain(
    recognizer: FaceRecognizer, left: NDArray[np.uint8], right: NDArray[np.uint8], steps: int = STEPS
) -> Explanation:
    """Hide each patch of either face in turn and compare with the other face whole.

    About 2 * steps * steps passes through the network, the two faces side by side in two threads.

    Args:
        recognizer: does the work.
        left: crop that was compared, uint8 (size, size, 3), as in `Prepared.crop`.
        right: the other one.
        steps: patches along each side, at least 2.

    Raises:
        ValueError: a crop has not the size of the network's input, or `steps` is under 2.
    """
    size = recognizer.input.size
    for crop in (left, right):
        if crop.shape != (size, size, 3) or crop.dtype != np.uint8:
            raise ValueError(f"a crop is uint8 ({size}, {size}, 3) for this model, not {crop.dtype} {crop.shape}")
    places = patches(size, steps)
    first, second = recognizer.encode([left, right], batch_size=2).astype(np.float64)

    def drops(crop: NDArray[np.uint8], other: NDArray[np.float64]) -> NDArray[np.float64]:
        covered = recognizer.encode([hidden(crop, place) for place in places], BATCH).astype(np.float64)
        fallen: NDArray[np.float64] = first @ second - covered @ other
        return fallen.reshape(steps, steps)

    with ThreadPoolExecutor(2, thread_name_prefix="explain") as pool:
        one, other = pool.submit(drops, left, second), pool.submit(drops, right, first)
    return Explanation(float(np.clip(first @ second, -1, 1)), (one.result(), other.result()), size)


def patches(size: int, steps: int) -> list[tuple[slice, slice]]:
    """Rows and columns of the patches, row by row: squares that overlap by half and together cover a crop.

    Raises:
        ValueError: `steps` is under 2.
    """
    if steps < 2:
        raise ValueError(f"{steps} patches along a side do not overlap: at least 2 are needed")
    edges = [round(i * size / (steps + 1)) for i in range(steps + 2)]
    spans = [slice(edges[i], edges[i + 2]) for i in range(steps)]
    return [(rows, columns) for rows in spans for columns in spans]


def hidden(crop: NDArray[np.uint8], place: tuple[slice, slice]) -> NDArray[np.uint8]:
    """A copy of a crop (size, size, 3) with one patch grey."""
    copy = crop.copy()
    copy[place] = GREY
    return copy


def carried(regions: dict[str, float], share: float = 0.6) -> tuple[str, ...]:
    """The regions that carried a score: those whose drop is at least `share` of the largest, largest first.

    Args:
        regions: as `Explanation.regions` gives them.
        share: 0..1.

    Returns:
        At least one name where any drop is positive, otherwise none.
    """
    most = max(regions.values())
    ranked = sorted(regions, key=lambda name: -regions[name])
    return tuple(name for name in ranked if regions[name] > 0 and regions[name] >= share * most)


def _spread(drops: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    total, count = np.zeros((size, size)), np.zeros((size, size))
    for place, drop in zip(patches(size, len(drops)), drops.ravel(), strict=True):
        total[place] += drop
        count[place] += 1
    spread: NDArray[np.float64] = total / count
    return spread


def _mask(name: str, size: int) -> NDArray[np.bool_]:
    mask = np.zeros((size, size), bool)
    for box in _REGIONS[name]:
        top, bottom, left, right = (round(size * edge) for edge in box)
        mask[top:bottom, left:right] = True
    return mask
