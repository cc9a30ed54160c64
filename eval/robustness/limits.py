"""From the outcomes to the limits of quality.json: from where on the page warns of a photo."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from eval.robustness.damage import Damage
from eval.robustness.measure import Outcome, between, crossing
from facecore.faces.align import TEMPLATE, TEMPLATE_SIZE
from facecore.faces.hidden import HiddenProbe
from facecore.quality_limits import DEFAULT_LIMITS, QualityLimits

WARN = 0.8
"""Share of the matches of intact photos under which a photo is worth a warning: `measure.USABLE` is late."""

EYE_DISTANCE = float(((TEMPLATE[1] - TEMPLATE[0]) ** 2).sum() ** 0.5)
"""Pixels between the eyes of an aligned face of 112 px."""


def limits(
    found: Mapping[Damage, Sequence[Outcome]], measured_on: str, hidden: HiddenProbe | None = None
) -> QualityLimits:
    """The measures of a face at the levels where a fifth of the matches of intact photos are lost.

    Where `facecore.quality_limits` warns earlier, its limit stays: it was measured on photos that went through the
    detector, which finds less in small faces, while damage is done to aligned ones. So do the limits of what these
    damages do not bring about (pose, tilt, faces cut off).

    Args:
        found: outcomes of "resolution", "blur" and "darkness", each in the order of its levels.
        measured_on: on what, in words.
        hidden: what tells covered faces, see `eval.robustness.hidden`; None: they are not warned of.
    """
    measured: dict[str, float] = {}
    for damage, outcomes in found.items():
        place = crossing(outcomes, WARN)
        if place is None:
            continue
        if damage.name == "resolution":
            width = between([outcome.level for outcome in outcomes], place, damage.log)
            measured["eye_distance"] = round(width * EYE_DISTANCE / TEMPLATE_SIZE, 1)
        elif damage.name == "blur":
            measured["sharpness"] = round(between([outcome.sharpness for outcome in outcomes], place), 3)
        elif damage.name == "darkness":
            measured["dark"] = round(between([outcome.brightness for outcome in outcomes], place), 3)
    earlier = {name: value for name, value in measured.items() if value > getattr(DEFAULT_LIMITS, name)}
    words = f"{measured_on}: {', '.join(earlier) or 'nothing'} where {100 * WARN:.0f} % of the matches are left; "
    words += f"the others: {DEFAULT_LIMITS.measured_on}"
    if hidden is not None:
        words += "; hidden: half fit, faces as they are and covered"
    return replace(DEFAULT_LIMITS, **earlier, measured_on=words, hidden=hidden)


def to_json(chosen: QualityLimits) -> str:
    """The text of quality.json, a line for each key: the numbers of a direction are many, and nobody reads them."""
    lines = [f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in chosen.to_dict().items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
