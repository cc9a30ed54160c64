"""Other views of a photo for a detector to look at: shrunk, framed, turned, in tiles.

Each comes with the affine map (2, 3) from its pixels back to those of the photo.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from facecore.faces.align import Matrix, opencv, transform

Pixels = NDArray[np.uint8]
View = tuple[Pixels, Matrix]


def scaled(rgb: Pixels, scale: float) -> View:
    """The photo at another size, averaged over areas where it shrinks."""
    back = np.diag([1 / scale, 1 / scale, 1])[:2]
    if scale == 1:
        return rgb, back
    cv2 = opencv()
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    resized = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8), back


def framed(rgb: Pixels, width: int) -> View:
    """The photo with a border on all sides that repeats its outermost pixels."""
    cv2 = opencv()
    image = cv2.copyMakeBorder(rgb, width, width, width, width, cv2.BORDER_REPLICATE)
    return np.asarray(image, np.uint8), np.array([[1.0, 0, -width], [0, 1, -width]])


def turned(rgb: Pixels, count: int) -> View:
    """The photo turned to the left by `count` quarters (0 to 3)."""
    height, width = rgb.shape[:2]
    back = (
        [[1, 0, 0], [0, 1, 0]],
        [[0, -1, width - 1], [1, 0, 0]],
        [[-1, 0, width - 1], [0, -1, height - 1]],
        [[0, 1, 0], [-1, 0, height - 1]],
    )
    return np.ascontiguousarray(np.rot90(rgb, count)), np.array(back[count], np.float64)


def tiles(rgb: Pixels, side: int, overlap: int, most: int) -> Iterator[View]:
    """Overlapping squares that cover the photo, or a smaller copy of it where more than `most` would be needed."""
    scale = 1.0
    while len(starts := _tile_starts(rgb, scale, side, overlap)) > most:
        scale *= 0.98
    image, back = scaled(rgb, scale)
    for top, left in starts:
        yield image[top : top + side, left : left + side], compose(back, np.array([[1.0, 0, left], [0, 1, top]]))


def _tile_starts(rgb: Pixels, scale: float, side: int, overlap: int) -> list[tuple[int, int]]:
    """Top and left of each tile: as few as have at least `overlap` in common with their neighbours, evenly spread."""
    starts = []
    for length in (max(1, round(full * scale)) for full in rgb.shape[:2]):
        count = max(1, -(-(length - overlap) // (side - overlap)))
        starts.append([round(i * (length - side) / (count - 1)) for i in range(count)] if count > 1 else [0])
    return [(top, left) for top in starts[0] for left in starts[1]]


def compose(second: Matrix, first: Matrix) -> Matrix:
    """The map (2, 3) that does `first` and then `second`."""
    return np.column_stack([second[:, :2] @ first[:, :2], transform(second, first[:, 2:].T)[0]])
