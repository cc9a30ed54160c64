"""What a kind of damage does: one photo of each pair is damaged, the other is as it was."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from eval.robustness.damage import Crop, Damage
from eval.robustness.people import People
from facecore.faces.quality import measure
from facecore.verification.dependence import dependent_interval

USABLE = 0.5
"""Share of the matches of intact photos that must still be found for a photo to count as usable."""

Encode = Callable[[Sequence[Crop]], NDArray[np.float32]]


@dataclass(frozen=True)
class Outcome:
    """What one level of a damage does.

    Attributes:
        damage: name of its kind.
        level: see `eval.robustness.damage`.
        genuine: pairs of one person.
        impostor: pairs of two.
        genuine_score: mean cosine of the genuine pairs.
        impostor_score: mean cosine of the impostor pairs.
        tar: share of the genuine pairs that reach the threshold.
        tar_low: lower end of its 95 % interval, which knows that people and photos stand in many pairs.
        tar_high: upper end.
        far: share of the impostor pairs that reach the threshold.
        accuracy: mean of `tar` and 1 - `far`: the share of right decisions with as many genuine as impostor pairs.
        sharpness: median of the damaged photos, see `facecore.faces.quality.Quality`.
        brightness: median likewise.
    """

    damage: str
    level: float
    genuine: int
    impostor: int
    genuine_score: float
    impostor_score: float
    tar: float
    tar_low: float
    tar_high: float
    far: float
    accuracy: float
    sharpness: float
    brightness: float

    def to_dict(self) -> dict[str, Any]:
        """All attributes."""
        return asdict(self)


def outcomes(people: People, damages: Sequence[Damage], threshold: float, encode: Encode) -> list[Outcome]:
    """The outcome of each level of each damage.

    Args:
        people: whom to compare.
        damages: kinds of damage.
        threshold: a pair is accepted where its cosine is at least this.
        encode: uint8 crops (112, 112, 3) -> (N, D) float32 of length one.
    """
    intact = encode(list(people.images))
    found = []
    levels = [(damage, level) for damage in damages for level in damage.levels]
    for damage, level in tqdm(levels, desc="levels", unit="level"):
        crops = [damage(people.images[row], level, people.names[row]) for row in people.damaged]
        rows = intact[people.damaged] if level == damage.harmless else encode(crops)
        found.append(_outcome(damage.name, level, people, rows @ intact.T, crops, threshold))
    return found


def _outcome(
    damage: str, level: float, people: People, scores: NDArray[np.float32], crops: list[Crop], threshold: float
) -> Outcome:
    own = people.people[people.damaged]
    same = own[:, None] == people.people[None, :]
    itself = people.damaged[:, None] == np.arange(len(people.people))[None, :]
    genuine, impostor = same & ~itself, ~same
    left, right = np.nonzero(genuine)
    # A person is a point: their photos miss each other's for the same reasons.
    missed = scores[genuine] < threshold
    interval = dependent_interval(missed, own[left], people.people[right])
    far = float((scores[impostor] >= threshold).mean())
    tar = 1 - interval.rate
    qualities = [measure(None, None, crop) for crop in crops]
    return Outcome(
        damage=damage,
        level=level,
        genuine=len(left),
        impostor=int(impostor.sum()),
        genuine_score=float(scores[genuine].mean()),
        impostor_score=float(scores[impostor].mean()),
        tar=tar,
        tar_low=1 - interval.high,
        tar_high=1 - interval.low,
        far=far,
        accuracy=(tar + 1 - far) / 2,
        sharpness=float(np.median([quality.sharpness for quality in qualities])),
        brightness=float(np.median([quality.brightness for quality in qualities])),
    )


def usable_until(damage: Damage, found: Sequence[Outcome], share: float = USABLE) -> float | None:
    """The level at which only `share` of the matches of intact photos are found, between two levels on a straight line.

    On the logarithm of the levels where the damage is told so. None where it does not come to that.

    Args:
        damage: a kind.
        found: its outcomes, in the order of its levels.
        share: 0..1.
    """
    place = crossing(found, share)
    if place is None:
        return None
    return between([outcome.level for outcome in found], place, damage.log)


def crossing(found: Sequence[Outcome], share: float = USABLE) -> float | None:
    """Where the TAR falls to `share` of the first outcome's: 1.5 is half way from the second to the third.

    Levels after the first fall do not matter.
    """
    least = share * found[0].tar
    for place, (before, after) in enumerate(pairwise(found)):
        if after.tar < least:
            return place + (before.tar - least) / (before.tar - after.tar)
    return None


def between(values: Sequence[float], place: float, log: bool = False) -> float:
    """The value at a place among values, those between two on a straight line, or on one of the logarithms."""
    numbers = np.log(values) if log else np.asarray(values, np.float64)
    at = float(np.interp(place, np.arange(len(values)), numbers))
    return float(np.exp(at)) if log else at
