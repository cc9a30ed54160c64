"""What the page says about the score, the threshold, how strict it is, and what that costs."""

from collections.abc import Iterable

from demo.text import rounded
from facecore.verification.calibration import Verdict

ZONES: dict[Verdict, str] = {"same": "same", "different": "different", "uncertain": "too close"}
THIS_PAIR = "This pair"
STRANGERS = "Pairs of strangers"
ONE_PERSON = "Pairs of one person"
STRICTNESS = "How strict?"
STRICTNESS_LABELS: dict[str, str] = {
    "fewer false matches": "Fewer false matches",
    "balanced": "Balanced",
    "fewer misses": "Fewer misses",
}


def score(value: float) -> str:
    """The score with the digits that a person needs."""
    return f"Score {value:z.3f}"


def same_from(threshold: float) -> str:
    """From where on two photos count as the same person."""
    return f"same person from {threshold:.3f}"


def cost(missed: float | None, strangers: float, rarest: float) -> str:
    """What a setting costs, on the pairs that the calibration was made from.

    Args:
        missed: share of pairs of one person under the threshold, 0 to 1; None where it is not known.
        strangers: N of "1 in N pairs of strangers reaches it".
        rarest: the largest N that the calibration can tell.
    """
    if strangers >= rarest:
        accepted = f"fewer than 1 in {rounded(rarest)} pairs of strangers pass"
    else:
        accepted = f"about 1 in {rounded(max(strangers, 1.0))} pairs of strangers passes"
    if missed is None:
        return f"{accepted[0].upper()}{accepted[1:]} for one person."
    told = share(missed) if missed < 0.005 or missed > 0.995 else f"about {share(missed)}"
    return f"{told[0].upper()}{told[1:]} of the same person are missed, and {accepted} for one."


def share(part: float) -> str:
    """A share of pairs in words: "23 of 100 pairs", and "fewer than 1 of 100 pairs"."""
    if part < 0.005:
        return "fewer than 1 of 100 pairs"
    if part > 0.995:
        return "more than 99 of 100 pairs"
    return f"{round(100 * part)} of 100 pairs"


def measured_on(genuine: int, impostors: int) -> str:
    """Where the figures of the settings come from.

    Args:
        genuine: pairs of one person.
        impostors: pairs of strangers.
    """
    return f"Counted on {genuine:,} pairs of one person and {impostors:,} pairs of strangers."


def scale(value: float, threshold: float | None, genuine: float | None, impostor: float | None) -> str:
    """The scale for people who do not see it.

    Args:
        value: the score.
        threshold: from which on two photos count as the same person, if there is one.
        genuine: share of pairs of one person that score at least as high, 0 to 1, if known.
        impostor: the same of pairs of strangers.
    """
    told = f"A scale of scores. This pair has {value:z.3f}"
    if threshold is None:
        return f"{told}, on a scale from 0 to 1."
    told += f", {'at or above' if value >= threshold else 'below'} {threshold:.3f}, from where it means one person."
    if genuine is None or impostor is None:
        return told
    return (
        f"{told} Of pairs of the same person, {share(genuine)} score at least as high; "
        f"of pairs of strangers, {share(impostor)}."
    )


def unknown_strictness(offered: Iterable[str]) -> str:
    """A setting was asked for that this model does not offer.

    Args:
        offered: the settings that it does offer.
    """
    names = ", ".join(offered)
    return f"This model can be asked for one of: {names}." if names else "This model comes without such settings."
