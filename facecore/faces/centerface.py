"""Faces and their five landmarks by CenterFace (Xu et al. 2019, arXiv 1911.03599).

One pass of the network over a photo is called a look; a close look is one over a square around a face that is brought
to 128 px; a glance is a look at a copy of 160 px, which costs a tenth of one at 640.

A face that a glance shows for certain costs that and one close look, and where the caller needs no other face, nothing
more. Where a glance does not decide, the photo is looked at in full. Upright faces found with confidence there cost
one close look each. Where the network is in doubt, or its points do not have the shape of a face, the face is looked
at again in other turns. A photo in which nothing is found is looked at in other ways, and what is found so must be all
the more sure.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facecore.errors import FaceError
from facecore.faces import views
from facecore.faces.align import ALIGNMENT_VERSION, Matrix, fit_error, invert, transform, warp
from facecore.faces.detector import Face, Policy, choose, distance_to_middle
from facecore.faces.network import CLOSE_SIZE, SCORE_THRESHOLD, TIGHT_SIZE, blob_of, decode, make_network, suppressed

Pixels = NDArray[np.uint8]

LONGEST_SIDE, SMALL_SIDE, SMALL_TARGET = 640, 180, 256
TILE_OVERLAP, MOST_TILES = 96, 24
CLOSE_FACE = 128  # longer side of a face in a close look

# A glance sees this many pixels of the longer side. It is believed for faces that fill at least GLANCE_FACE of them,
# and heeds doubtful ones down to GLANCE_DOUBT. On training crops pasted into 240 photos of other things, 125 to 1,200
# px, the face that it settled on was the one of the full look in all but one; there it was the larger, which the full
# look had not believed.
GLANCE_SIDE, GLANCE_FACE, GLANCE_DOUBT = 160, 32, 0.2
# The largest face of a glance is the largest if no other has more than this share of its area, which a glance measures
# to within 30 %; the most central one is, if its middle is nearer to that of the photo than this share of its side
# (whatever were nearer still would lie inside it), and all others are farther off by as much.
RIVAL_AREA, NEAR_MIDDLE = 0.6, 0.25
# Weights of the first look's landmarks in their mean with the close look's. A glance's are less exact. On training
# crops pasted into photos of 250 px the crop moves by 1.3 px (median; 2.9 px at most in 99 %) against a full first
# look at half weight; it moves by 0.9 (2.1) px when the photo is shifted by 3 px and nothing else is changed.
FULL_WEIGHT, GLANCE_WEIGHT = 0.5, 0.25

# Measured on 250 training crops in eight turns. Looked at upright, 95 % of the faces have a fit error (align.fit_error)
# under 3.4 px. Of those lying or upside down that were found at all, none had one under 3.3, and none with confidence
# over 0.6 one under 5.7: the network puts an upright face's points on them.
# So a close look that is sure and fits to within TURNED_FIT shows an upright face, a profile for example, and other
# turns need not be tried: on 210 canvases of pasted crops, a third of them lying, nothing came out otherwise.
SURE_CONFIDENCE, SURE_FIT, TURNED_FIT = 0.8, 4.0, 5.5
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


class Settled(NamedTuple):
    """A face that is believed.

    Attributes:
        face: where it was found.
        weight: of its landmarks in the mean with those of a close look that is still to come.
        close: side of the square of that look; 0 where there is none to come.
    """

    face: Face
    weight: float = 1.0
    close: int = 0


class CenterFace:
    """The detector. One object serves any number of threads.

    OpenCV spreads one look over all cores. A program that detects in several threads at once should call
    `cv2.setNumThreads(1)` when it starts them; this class does not, since the setting is one for the whole process.
    OpenVINO takes as many threads as OpenCV is set to when this object is made.

    Args:
        fast: take the landmarks of the full look alone, instead of the mean of a first and a close look.
        backend: what runs the network: "opencv" (the same as "auto"), or "openvino" or "openvino-bf16", which need
            the package openvino.

    Raises:
        ValueError: there is no such backend.
        FacecoreError: OpenVINO is asked for and is not installed.
    """

    def __init__(self, *, fast: bool = False, backend: str = "auto") -> None:
        self.fast = fast
        self.backend = "opencv" if backend == "auto" else backend
        self._network = make_network(backend)

    @property
    def version(self) -> str:
        """Changes whenever faces or landmarks may come out otherwise."""
        backend = "" if self.backend == "opencv" else f"-{self.backend}"
        return f"centerface-2-alignment-{ALIGNMENT_VERSION}{'-fast' if self.fast else ''}{backend}"

    def detect(self, rgb: Pixels, *, policy: Policy | None = None, chosen_only: bool = False) -> list[Face]:
        """The faces in a photo, largest first.

        Args:
            rgb: uint8 (H, W, 3).
            policy: where only one face matters, the policy by which `choose` will take it. Saves the close look at
                those others that were found with confidence; their landmarks are then the first look's. The list,
                the boxes and the chosen face are the same with and without it.
            chosen_only: the caller needs no face but the one that `policy` means. Saves the full look where a glance
                shows that face for certain; others may then be missing from the list. The chosen face is the same
                with and without it.

        Returns:
            Faces in pixels of `rgb`, an empty list where there is none.

        Raises:
            FacecoreError: OpenCV or the network file cannot be loaded.
        """
        rgb = np.ascontiguousarray(rgb)
        enough = policy if chosen_only else None
        settled = self._settled(rgb, enough)
        if settled and (count := _quarter(_largest(settled))):
            # The photo lies. Turn it and start over, so that it gets exactly what its upright copy gets.
            upright, back = views.turned(rgb, count)
            again = self._settled(upright, enough)
            if again and abs(_largest(again).roll) <= UPRIGHT_ROLL:
                return [_moved(face, back) for face in self._finished(upright, again, policy)]
        return self._finished(rgb, settled, policy)

    def _settled(self, rgb: Pixels, enough: Policy | None) -> list[Settled]:
        """The faces of a glance and of the first way of looking that shows any.

        Args:
            rgb: the photo.
            enough: the policy that says which face is needed; None for all of them.
        """
        seen, certain = self._glance(rgb)
        glanced = [Settled(face, GLANCE_WEIGHT, TIGHT_SIZE) for face in certain]
        if enough is not None and _decides(enough, seen, certain, rgb.shape):
            return glanced
        for faces, doubt in self._stages(rgb):
            settled = [one for face in faces if (one := self._settle(rgb, face, doubt)) is not None]
            # The glance's come first, so that a face has the same landmarks whether others are looked for or not.
            if together := glanced + settled:
                ranks = [one.face.confidence + (i < len(glanced)) for i, one in enumerate(together)]
                return [together[i] for i in suppressed(np.array([one.face.box for one in together]), np.array(ranks))]
        return []

    def _glance(self, rgb: Pixels) -> tuple[list[Face], list[Face]]:
        """What a small copy of the photo shows, with however little confidence, and the part that is certain."""
        if self.fast:
            return [], []
        scale = min(1.0, GLANCE_SIDE / max(rgb.shape[:2]))
        seen = self._seen(views.scaled(rgb, scale), GLANCE_DOUBT)
        return seen, [face for face in seen if _is_sure(face) and min(face.width, face.height) * scale >= GLANCE_FACE]

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

    def _seen(self, view: views.View, threshold: float = SCORE_THRESHOLD) -> list[Face]:
        """What one look at a view finds, in pixels of the photo."""
        return [_moved(face, view[1]) for face in self._look(view[0], threshold)]

    def _settle(self, rgb: Pixels, first: Face, doubt: float) -> Settled | None:
        """The face that a look came upon; None where it is not believed."""
        if doubt == 0 and _is_sure(first):
            return Settled(first, FULL_WEIGHT, CLOSE_SIZE)
        found = self._search(rgb, first)
        if found is None:
            return None
        face, angle = found
        needed = SCORE_THRESHOLD + doubt + CONFIDENCE_PER_PIXEL * max(0.0, fit_error(face.landmarks) - SURE_FIT)
        if face.confidence < needed:
            return None
        if self.fast:
            return Settled(face)
        other = first if angle == 0 and _is_shapely(first) else self._close_look(rgb, face, face.roll)
        return Settled(_mean(face, other, FULL_WEIGHT))

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

    def _finished(self, rgb: Pixels, settled: list[Settled], policy: Policy | None) -> list[Face]:
        """Faces largest first, with the landmarks of a close look where they are not final and matter."""
        settled = sorted(settled, key=lambda one: -one.face.area)
        faces = [one.face for one in settled]
        if self.fast:
            return faces
        wanted = faces
        if policy is not None:
            try:
                wanted = [choose(faces, policy, rgb.shape)]
            except FaceError:  # raised once more where the caller chooses
                wanted = []
        return [
            _mean(face, self._close_look(rgb, face, _off_level(face.roll), close), weight)
            if close and face in wanted
            else face
            for face, weight, close in settled
        ]

    def _close_look(self, rgb: Pixels, face: Face, angle: float, size: int = CLOSE_SIZE) -> Face | None:
        """The same face in a square around it that is turned upright by `angle` degrees; None where it is not seen."""
        radians = np.radians(angle)
        along = np.array([np.cos(radians), np.sin(radians)]) * (CLOSE_FACE / max(face.width, face.height))
        turn = np.array([[along[0], along[1]], [-along[1], along[0]]])
        matrix = np.column_stack([turn, size / 2 - turn @ face.centre])
        found = self._look(warp(rgb, matrix, size))
        # A neighbour's middle lies farther off, and a picture within the face is smaller.
        reach = CLOSE_FACE / 2
        near = [
            face
            for face in found
            if np.hypot(*(np.array(face.centre) - size / 2)) <= reach and max(face.width, face.height) > reach
        ]
        return _moved(near[0], invert(matrix)) if near else None

    def _look(self, rgb: Pixels, threshold: float = SCORE_THRESHOLD) -> list[Face]:
        """What the network finds in one image, surest first."""
        heatmap, scale, offset, landmarks = self._network(blob_of(rgb))
        return decode(heatmap, scale, offset, landmarks, threshold)


def _decides(policy: Policy, seen: Sequence[Face], certain: Sequence[Face], shape: tuple[int, ...]) -> bool:
    """Whether a full look could not change which face `policy` means.

    Args:
        policy: which face is needed.
        seen: what a glance shows, doubtful faces too.
        certain: those of `seen` that are believed.
        shape: of the photo.
    """
    if not certain or policy not in ("largest", "centre", 0):
        return False
    if policy == "centre":
        chosen = choose(certain, "centre", shape)
        near = NEAR_MIDDLE * min(chosen.width, chosen.height)
        away = distance_to_middle(chosen, shape)
        return away <= near and all(
            distance_to_middle(face, shape) > away + near for face in seen if face is not chosen
        )
    chosen = choose(certain, "largest", shape)
    return all(face.area < RIVAL_AREA * chosen.area for face in seen if face is not chosen)


def _largest(settled: list[Settled]) -> Face:
    return max((one.face for one in settled), key=lambda face: face.area)


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
        (face.confidence >= SURE_CONFIDENCE and fit <= TURNED_FIT)
        or (face.confidence >= SHAPELY_CONFIDENCE and fit <= SHAPELY_FIT)
    )


def _off_level(roll: float) -> float:
    """The turn for a close look at an upright face: none for the few degrees at which everybody holds the head."""
    return roll if abs(roll) > LEVEL_ROLL else 0.0


def _turn_between(a: float, b: float) -> float:
    """Degrees from b to a, -180 to 180."""
    return (a - b + 180) % 360 - 180


def _mean(face: Face, other: Face | None, weight: float) -> Face:
    """The face with the mean of both looks' landmarks, its own at `weight`; as it was where the other saw nothing."""
    if other is None:
        return face
    share = np.float32(weight)
    return Face(face.box, face.landmarks * share + other.landmarks * (1 - share), face.confidence)


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
