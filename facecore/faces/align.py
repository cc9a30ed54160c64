"""From five landmarks to an upright crop.

A crop is the photo under the similarity (turn, scale, shift) that takes the face's landmarks closest to a template.
The template is not ArcFace's but the mean of what CenterFace itself gives in ArcFace's frame, because a detector has
its own idea of where, say, the corner of a mouth is; solving against somebody else's template would shift every crop.
"""

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facecore.errors import FacecoreError, FaceError

Pixels = NDArray[np.uint8]
Matrix = NDArray[np.float64]

ALIGNMENT_VERSION = 1

TEMPLATE_SIZE = 112

# Mean landmarks of CenterFace over 8,000 sharp faces (generalised Procrustes), placed on ARCFACE_TEMPLATE.
# Order: image-left eye, image-right eye, nose tip, image-left mouth corner, image-right mouth corner.
TEMPLATE: Matrix = np.array([[37.321, 52.758], [75.133, 51.947], [55.761, 73.288], [40.237, 91.150], [71.680, 90.361]])

# The template of ArcFace (Deng et al. 2019, arXiv 1801.07698, section 3.1; values from the authors' code).
ARCFACE_TEMPLATE: Matrix = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
for _template in (TEMPLATE, ARCFACE_TEMPLATE):
    _template.setflags(write=False)


@cache
def opencv() -> ModuleType:
    """The module cv2, imported when it is first needed.

    Raises:
        FacecoreError: OpenCV cannot be loaded, most often for want of the system library libGL.so.1.
    """
    try:
        import cv2
    except ImportError as error:
        if "libGL" in str(error):
            raise FacecoreError(
                "OpenCV cannot be loaded because the system library libGL.so.1 is missing: install the package that "
                "holds it (Debian and Ubuntu: apt-get install libgl1)"
            ) from error
        raise FacecoreError(f"OpenCV cannot be loaded ({error}): pip install 'opencv-python>=5'") from error
    return cv2


def similarity(source: ArrayLike, target: ArrayLike) -> Matrix:
    """The similarity without mirroring that takes `source` closest to `target` in the sense of least squares.

    Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", equations 40-42.

    Args:
        source: points (N, 2), N >= 2.
        target: points (N, 2).

    Returns:
        float64 (2, 3): `matrix[:, :2] @ point + matrix[:, 2]` is the image of a point.

    Raises:
        FaceError: the source points lie in one place or are not finite, so that no similarity is defined.
        ValueError: the shapes are not (N, 2) or differ.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise ValueError(f"two arrays of points (N, 2) are needed, not {source.shape} and {target.shape}")
    centre, goal = source.mean(0), target.mean(0)
    variance = ((source - centre) ** 2).sum(1).mean()
    if not (np.isfinite(variance) and variance > 0):
        raise FaceError("the landmarks lie in one point or are not numbers: no face can be aligned by them")
    u, strengths, vt = np.linalg.svd((target - goal).T @ (source - centre) / len(source))
    signs = np.array([1.0, np.sign(np.linalg.det(u @ vt))])
    turn = (strengths * signs).sum() / variance * (u * signs) @ vt
    return np.column_stack([turn, goal - turn @ centre])


def transform(matrix: Matrix, points: ArrayLike) -> Matrix:
    """Points (N, 2) under an affine map (2, 3)."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def invert(matrix: Matrix) -> Matrix:
    """The inverse (2, 3) of an affine map (2, 3)."""
    back = np.linalg.inv(matrix[:, :2])
    return np.column_stack([back, -back @ matrix[:, 2]])


def fit_error(landmarks: ArrayLike) -> float:
    """How far five landmarks (5, 2) are from the shape of an upright face, whatever their place, size and turn.

    Returns:
        Root mean square distance to TEMPLATE after the best similarity, in pixels of the 112 px frame.

    Raises:
        FaceError: the landmarks lie in one point or are not finite.
    """
    placed = transform(similarity(landmarks, TEMPLATE), landmarks)
    return float(np.sqrt(((placed - TEMPLATE) ** 2).sum(1).mean()))


def align(rgb: Pixels, landmarks: ArrayLike, size: int = TEMPLATE_SIZE) -> Pixels:
    """The face upright and centred.

    Args:
        rgb: photo, uint8 (H, W, 3).
        landmarks: (5, 2) in the photo's pixels, in TEMPLATE's order.
        size: side of the crop in pixels; the template is scaled with it.

    Returns:
        uint8 (size, size, 3); what lies outside the photo repeats its border.

    Raises:
        FaceError: the landmarks lie in one point or are not finite.
    """
    return warp(rgb, similarity(landmarks, TEMPLATE * (size / TEMPLATE_SIZE)), size)


def warp(rgb: Pixels, matrix: Matrix, size: int) -> Pixels:
    """The photo (H, W, 3) under a similarity (2, 3) from photo to crop, as a crop (size, size, 3).

    Shrinking by more than two first averages over areas, to twice the scale wanted, so that nothing aliases. Only the
    part of the photo that the crop shows is touched.
    """
    cv2 = opencv()
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale >= 0.5:
        left, top, right, bottom = _region(rgb, matrix, size, 1.0)
        return _warp_affine(cv2, rgb[top:bottom, left:right], _shifted(matrix, left, top), size)
    shrink = max(2 * scale, 1 / min(rgb.shape[:2]))
    left, top, right, bottom = _region(rgb, matrix, size, shrink)
    small = cv2.resize(rgb[top:bottom, left:right], None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    # Pixel (0, 0) of `small` is taken to lie at pixel (0, 0) of the region, not at the middle of the area it averages.
    # The crops that the bundled networks were trained on were cut with this convention.
    matrix = _shifted(matrix, left, top)
    return _warp_affine(cv2, small, np.column_stack([matrix[:, :2] / shrink, matrix[:, 2]]), size)


def _warp_affine(cv2: ModuleType, rgb: Pixels, matrix: Matrix, size: int) -> Pixels:
    contiguous = np.ascontiguousarray(rgb)
    crop: Any = cv2.warpAffine(
        contiguous, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, np.uint8)


def _shifted(matrix: Matrix, left: int, top: int) -> Matrix:
    """The same map for coordinates that count from (left, top)."""
    return np.column_stack([matrix[:, :2], transform(matrix, [[left, top]])[0]])


def _region(rgb: Pixels, matrix: Matrix, size: int, shrink: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of the photo that the crop shows, with a margin.

    Left and top lie as near as can be to a whole number of shrunken pixels, so that areas are averaged over the same
    grid as if the whole photo were shrunk.
    """
    corners = transform(invert(matrix), [[0, 0], [size, 0], [0, size], [size, size]]) * shrink
    bounds = []
    for axis, length in ((0, rgb.shape[1]), (1, rgb.shape[0])):
        cells = int(length * shrink)
        first = int(np.clip(np.floor(corners[:, axis].min()) - 3, 0, max(0, cells - 4)))
        last = np.clip(np.ceil(corners[:, axis].max()) + 3, min(first + 4, cells), cells)
        offsets = np.arange(max(0, first - 63), first + 1) / shrink
        best = offsets[np.argmin(np.abs(offsets - offsets.round()))]
        end = length if last >= cells else int(np.ceil(last / shrink))
        bounds.append((min(round(best), length - 1), end))
    (left, right), (top, bottom) = bounds
    return left, top, max(right, left + 1), max(bottom, top + 1)
