"""Every sentence that a person reads on the tab "A set of photos"."""

from demo.text import VERDICTS
from facecore.verification.calibration import Verdict

TAB = "A set of photos"
INTRODUCTION = (
    "Who is who in these photos? Add a few; every photo is compared with every other, and photos of the same person "
    "are put together."
)
PHOTOS = "Photos"
BUTTON = "Sort the photos"
WORKING = "Looking for faces"
DETAILS = "Details for programs (JSON)"
DOWNLOAD = "Download all pairs as a table (CSV)"
ALONE = "On their own"
UNUSABLE = "Photos without a face to compare"
MATRIX = "Every pair"
MATRIX_FRAME = "Table of all pairs; scrolls sideways"
CORNER = "Photo"
ITSELF = "the same photo"
LEGEND_LOW, LEGEND_HIGH = "score usual for strangers", "identical"
KEY_SAME, KEY_UNCERTAIN = "same person", "too close to call"
KEY_DIFFERENT = "no sign: different people"
NO_GROUPS = "Scores, but no groups"
NO_CALIBRATION = (
    "This model comes without a calibration, so nobody has measured from which score on two photos show one person. "
    "The command python -m eval.calibrate does that."
)
RULE = (
    "Two groups become one where their photos, taken on average over all pairs between them, reach the score from "
    "which on the page says “same person”. So one lucky pair does not join two people, and one poor photo does not "
    "split a person in two."
)
API_DESCRIPTION = (
    "Compare every photo of a set with every other. model is one of those that the page offers. The first output is a "
    "JSON object: photos (name, status and, where there is no face to compare, the error), order (indices of the "
    "usable photos, alike ones side by side), groups (lists of indices into photos: average linkage at the threshold; "
    "null for a model without a calibration), pairs (left and right, indices into photos, score, probability, "
    "decision), threshold, model, and why_not (a sentence where nothing could be compared, else null). The second "
    "output is the page's own view of it, the third a CSV of all pairs as eval.score writes it."
)


def limits(fewest: int, most: int, bytes_each: int) -> str:
    """What may be added."""
    return f"{fewest} to {most} photos, up to {bytes_each / 1e6:.0f} MB each. Several can be chosen or dropped at once."


def too_few(given: int, fewest: int) -> str:
    """Fewer photos than can be compared with each other."""
    have = {0: "There are no photos yet.", 1: "There is only one photo."}.get(given, f"There are only {given} photos.")
    return f"{have} Add at least {fewest}."


def too_many(given: int, most: int) -> str:
    """More photos than the table can show."""
    return f"These are {given} photos, and at most {most} are compared at once. Take some away."


def gone() -> str:
    """A photo was given, but too long ago."""
    return "This photo has been deleted, as all photos are after ten minutes. Add it again."


def too_large(size: int, limit: int) -> str:
    """A file is too large; sizes in bytes."""
    return (
        f"This is a file of {size / 1e6:.1f} MB, and at most {limit / 1e6:.0f} MB are accepted. Save it smaller, or "
        "choose another."
    )


def no_face() -> str:
    """No face was found."""
    return (
        "No face was found. Use a photo in which the face is sharp, well lit, seen from the front and at least 40 "
        "pixels wide."
    )


def unreadable(reason: str) -> str:
    """Not a usable photo; `reason` goes on after "This file ..."."""
    return f"This file {reason}. Choose another."


def none_usable() -> str:
    """No two photos can be compared."""
    return "Fewer than two of these photos show a face that can be compared, so there is nothing to sort."


def headline(groups: int, alone: int) -> str:
    """The answer in one line.

    Args:
        groups: of two photos or more.
        alone: photos that are like no other.
    """
    single = {0: "", 1: "one photo on its own"}.get(alone, f"{alone} photos on their own")
    if not groups:
        return "No two of these photos score as one person" if alone > 1 else single
    people = "One person" if groups == 1 else f"{groups} people"
    return f"{people} in more than one photo" + (f", {single}" if single else "")


def group(number: int, size: int) -> str:
    """The heading of a group."""
    return f"Group {number}, {size} photos"


def rule(threshold: float) -> str:
    """How groups come about."""
    return f"{RULE} Here that is a score of {threshold:.3f}."


def across(same: int, uncertain: int) -> str:
    """Pairs that do not fit the groups, or nothing.

    Args:
        same: pairs of different groups whose score says the same person.
        uncertain: pairs of different groups that are too close to call.
    """
    sentences = []
    if same:
        pairs = "One pair of photos" if same == 1 else f"{same} pairs of photos"
        verb = "was" if same == 1 else "were"
        sentences.append(f"{pairs} that {verb} not put together would pass as one person by themselves.")
    if uncertain:
        pairs = "One pair" if uncertain == 1 else f"{uncertain} pairs"
        what = " that was not put together is" if uncertain == 1 else " that were not put together are"
        sentences.append(f"{pairs}{what} too close to call.")
    return f"{' '.join(sentences)} Look at them yourself: they may be of one person." if sentences else ""


def caption(photos: int) -> str:
    """What the table holds."""
    return (
        f"Scores of all pairs of {photos} photos. Photos that are alike stand side by side; a frame marks each group."
        if photos > 2
        else "The score of the two photos."
    )


def caption_without_groups(photos: int) -> str:
    """What the table holds where nothing can be grouped."""
    return f"Scores of all pairs of {photos} photos. Photos that are alike stand side by side."


def verdict(of: Verdict) -> str:
    """A verdict in the middle of a cell, for people who do not see its sign."""
    return VERDICTS[of].lower()


def face(name: str) -> str:
    """A picture of a face for people who do not see it."""
    return f"Face in {name}"


def again(name: str, number: int) -> str:
    """The name of another photo that has the name of one before it."""
    return f"{name} ({number})"


def unnamed(number: int) -> str:
    """A photo without a name."""
    return f"photo {number}"
