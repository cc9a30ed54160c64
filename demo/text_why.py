"""What the page says about what made a score."""

from collections.abc import Sequence

WHY = "Why? Show what made the score"
HEADING = "What made the score"
LEGEND_LOWER = "hiding it lowers the score"
LEGEND_NONE = "no change"
LEGEND_RAISE = "hiding it raises the score"
METHOD = (
    "A grey square hid one part of one face after the other, and the faces were compared again each time. Orange parts "
    "make the two faces alike to this model, purple ones tell them apart. A person might look elsewhere, and the map "
    "does not say whether the answer is right."
)
NOT_COMPARED = "There is nothing to explain: these photos were not compared."

LEAST = 0.005
"""A change of the score that is worth a word."""

_NAMES = {
    "forehead": "the forehead",
    "eyes": "the eyes",
    "nose": "the nose",
    "cheeks": "the cheeks",
    "mouth": "the mouth",
    "chin": "the chin",
}


def summary(carried: Sequence[str], lowers: float, opposed: Sequence[str], raises: float, score: float) -> str:
    """Which parts of the faces made the score.

    Args:
        carried: regions that carried it, the most important first.
        lowers: by how much hiding a patch lowers the score at most.
        opposed: regions the hiding of which raises it.
        raises: by how much hiding a patch raises the score at most, 0 or more.
        score: of the whole faces.
    """
    if lowers < LEAST or not carried:
        told = f"No single part carries the score of {score:z.3f}: hiding one hardly lowers it."
    else:
        told = f"The score of {score:z.3f} rests on {listed(carried)}: hiding a part lowers it by up to {lowers:.2f}."
    if raises < LEAST or not opposed:
        return told
    return f"{told} What tells the faces apart is {listed(opposed)}: hiding a part raises it by up to {raises:.2f}."


def whole_photos(lowers: float, score: float) -> str:
    """The same where whole photos were compared, in which nobody knows where the eyes are."""
    return f"Hiding a part of one photo lowers the score of {score:z.3f} by up to {lowers:.2f}."


def listed(names: Sequence[str]) -> str:
    """Regions in words: "the eyes", "the eyes and the nose", "the eyes, the nose and the mouth"."""
    words = [_NAMES[name] for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def alternative(side: str, places: Sequence[str]) -> str:
    """A heat map for people who do not see it.

    Args:
        side: first or second.
        places: regions that carried the score.
    """
    where = f", strongest at {listed(places)}" if places else ""
    return f"Map over the face from the {side} photo of what made the score{where}"
