"""From the outcomes to the limits of quality.json: from where on the page warns of a photo."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eval.robustness.damage import Damage
from eval.robustness.measure import USABLE, Outcome, between, crossing
from facecore.faces.align import TEMPLATE, TEMPLATE_SIZE
from facecore.quality_limits import DEFAULT_LIMITS, QualityLimits

EYE_DISTANCE = float(((TEMPLATE[1] - TEMPLATE[0]) ** 2).sum() ** 0.5)
"""Pixels between the eyes of an aligned face of 112 px."""


def limits(found: Mapping[Damage, Sequence[Outcome]], measured_on: str) -> QualityLimits:
    """The measures of a face at the levels where half of the matches of intact photos are lost.

    What these damages do not bring about (pose, tilt, faces cut off) keeps the limits of `facecore.quality_limits`, and
    so does a damage that never costs so much, or was not measured.

    Args:
        found: outcomes of "resolution", "blur" and "darkness", each in the order of its levels.
        measured_on: on what, in words.
    """
    measured: dict[str, float] = {}
    for damage, outcomes in found.items():
        place = crossing(outcomes)
        if place is None:
            continue
        if damage.name == "resolution":
            width = between([outcome.level for outcome in outcomes], place, damage.log)
            measured["eye_distance"] = round(width * EYE_DISTANCE / TEMPLATE_SIZE, 1)
        elif damage.name == "blur":
            measured["sharpness"] = round(between([outcome.sharpness for outcome in outcomes], place), 3)
        elif damage.name == "darkness":
            measured["dark"] = round(between([outcome.brightness for outcome in outcomes], place), 3)
    words = f"{measured_on}: {', '.join(measured) or 'nothing'} where {100 * USABLE:.0f} % of the matches are lost; "
    return replace(DEFAULT_LIMITS, **measured, measured_on=f"{words}the others: {DEFAULT_LIMITS.measured_on}")
