"""What the page says of photos whose scores are to be doubted, and of people who look alike."""

from collections.abc import Callable

from demo.text import PHOTO_LABELS, Side
from facecore.quality_limits import Concern
from facecore.verification.calibration import Verdict

HEADING = "Can I trust it?"

_WORDS: dict[str, Callable[[Concern], str]] = {
    "small": lambda c: (
        f"The face is small: {c.value:.0f} pixels between the eyes, where {c.limit:.0f} or more are wanted."
    ),
    "blurred": lambda c: "The face is blurred.",
    "dark": lambda c: "The face is dark.",
    "bright": lambda c: "The face is too bright: its detail is lost.",
    "harsh": lambda c: "The light is hard: one part of the face is much brighter than another.",
    "turned": lambda c: "The face is turned away, up or down.",
    "tilted": lambda c: f"The head is not upright: it is tilted by {abs(c.value):.0f} degrees.",
    "cut": lambda c: f"Part of the face is missing: {100 * c.value:.0f}% of it lies outside the photo.",
    "hidden": lambda c: "The face seems to be partly hidden.",
}


def warning(side: Side, concern: Concern) -> tuple[str, str]:
    """A warning about one photo.

    Returns:
        Which photo, and what is wrong with it.
    """
    return PHOTO_LABELS[side], _WORDS[concern.reason](concern)


def consequence(verdict: Verdict | None) -> str:
    """What poor photos mean for the answer; stands after the warnings."""
    if verdict == "same":
        return "Such photos make a score less sure. With better ones you can trust the answer more."
    return "Such photos lower the score even of the same person. Try better ones before you rely on the answer."


def nothing_found(whole: bool) -> str:
    """There is no warning.

    Args:
        whole: whether whole photos were compared, in which no face was looked for.
    """
    if whole:
        return "No warning applies. Size and pose are not known, since no face was looked for."
    return "No warning applies: as far as this page can measure, both faces are good enough to compare."


def look_alikes(verdict: Verdict | None) -> str:
    """Who scores high without being the same person; empty where the answer is not about that."""
    if verdict == "different":
        return ""
    return "Young children, and close relatives such as siblings, often score high without being the same person."
