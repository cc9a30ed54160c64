"""Every sentence that a person reads on the tab "About"."""

from collections.abc import Sequence

from demo.about.card import GroupRate

TAB = "About"
MODEL_HEAD = "The model behind the answers"
ACCURACY_HEAD = "How often it is right"
AGE_HEAD = "By age"
LIMITS_HEAD = "When not to trust it"
USE_HEAD = "What it is for, and what not"
PHOTOS_HEAD = "What happens to the photos"

LIMITS = (
    "Look-alikes and close relatives, twins above all, score like one person.",
    "Young children score high with each other: “same person” means little for two small children.",
    "Small, blurred, dark, covered and turned faces score low, also with themselves.",
    "Years between two photos, make-up and glasses can lower the score.",
    "There is no liveness check. A photo of a photo, of a screen or of a mask passes like the person in it.",
)
USE = (
    "Compare only photos that you may use, of people who agreed to it. A face is biometric data, which the law "
    "protects in many countries.",
    "It is not made for finding out who a stranger is, nor for watching people.",
    "Let no decision about a person rest on it alone. An answer is a likelihood: somebody has to look at the photos.",
)
PHOTOS = (
    "Photos are kept for the comparison, and their files are deleted within ten minutes of their last use.",
    "Nothing leaves the machine that runs this page: no photo, no result, no statistics.",
    "Nothing is logged: neither photos nor their names nor results.",
    "Cut-out faces, so that you can choose another one, and the embeddings that “A list of pairs” uses again stay in "
    "memory for ten minutes at most.",
)
NO_LICENCE = "The model does not say under which terms it may be used."
NO_TRAINING = "The model does not say how it was trained."
NO_CALIBRATION = (
    "This model comes without a calibration, so nobody has measured what its scores mean. The command python -m "
    "eval.calibrate does that."
)
NO_EVIDENCE = "This model comes with a calibration and without figures on other pairs."
AGES_NOT_MEASURED = (
    "How often strangers of one age pass for one person was not measured for this model. Expect young children to "
    "score high."
)
POOLS = {"all": "All strangers", "people": "Strangers from photos of known people", "fairface": "Strangers of all ages"}
"""Names of the pools of our own calibration data; others are shown as they are."""
TABLE_FRAME = "Accuracy of the model; scrolls sideways"
AGE_FRAME = "False matches by age; scrolls sideways"
SPREAD_HEAD = "Scores of both kinds of pair"
SPREAD_NOTE = (
    "Genuine pairs show one person, impostor pairs two. The less the two overlap, the better; pairs right of the line "
    "are called the same person."
)
SPREAD_ALT = "Histogram of the scores of pairs of one person and of two people, with the threshold between them"
ERRORS_HEAD = "Both kinds of error against each other"
ERRORS_NOTE = (
    "A stricter threshold accepts fewer strangers (to the left) and misses more pairs of one person (upwards). Closer "
    "to the lower left corner is better."
)
ERRORS_ALT = "DET curve: the share of missed pairs of one person at each share of accepted pairs of strangers"
COLUMNS = ("Strangers", "Pairs (genuine, impostor)", "Equal error", "Found at 1 in 100", "1 in 1,000", "1 in 10,000")
TABLE_NOTE = (
    "Measured on pairs that played no part in setting the threshold. “Found at 1 in 1,000” is the share of pairs of "
    "one person that are recognised when the threshold lets one in a thousand pairs of strangers pass; at the equal "
    "error, as large a share of strangers passes as of the others is missed."
)
AGE_COLUMNS = ("Age of both", "Pass for one person", "95 % interval")
FEW = "rests on few pairs"


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return f"{100 * share:.{digits}f} %"


def model(name: str, architecture: str, size: int, width: int) -> str:
    """What it is."""
    return (
        f"{name}: a network of the kind {architecture}. It turns a face of {size}×{size} pixels into {width} numbers."
    )


def training(samples: object, hours: object) -> str:
    """How long it was trained, from what config.json says; nothing where it does not."""
    parts = []
    if isinstance(samples, int) and samples > 0:
        parts.append(f"on {samples:,} faces shown")
    if isinstance(hours, (int, float)) and hours > 0:
        parts.append(f"in {hours:.1f} hours")
    return f"It was trained {' '.join(parts)}." if parts else NO_TRAINING


def licence(name: str) -> str:
    """The terms of the weights; the code has its own."""
    if not name:
        return NO_LICENCE
    return f"Licence of the weights: {name}. The code around them is under the Apache License 2.0."


def at_threshold(threshold: float, far: float, tar: float) -> str:
    """What the shipped threshold does on other pairs."""
    strangers = f"1 in {round(1 / far):,} pairs of strangers" if far else "none of the pairs of strangers"
    return (
        f"The page says “same person” from a score of {threshold:.3f}. On these pairs that accepts {strangers}, and "
        f"recognises {percent(tar, 0)} of the pairs that do show one person. Many others are “too close to call”."
    )


def pairs(genuine: int, impostors: int) -> str:
    """How many pairs a row rests on."""
    return f"{genuine:,} and {impostors:,}"


def ages(rates: Sequence[GroupRate]) -> str:
    """What the figures by age say, in a sentence or two."""
    known = [rate for rate in rates if not rate.few]
    if len(known) < 2:
        return "Too few strangers of one age passed for one person to say more than the table does."
    youngest, highest = rates[0], max(known, key=lambda rate: rate.rate)
    lowest = min(known, key=lambda rate: rate.rate)
    start = (
        f"Of two strangers aged {highest.name}, {percent(highest.rate, 2)} pass for one person; of two aged "
        f"{lowest.name}, {percent(lowest.rate, 2)}."
    )
    if highest is youngest:
        return f"{start} Young children score high: do not rely on “same person” for them."
    return start


def interval(low: float, high: float) -> str:
    """A 95 % interval of a share."""
    return f"{100 * low:.2f} to {100 * high:.2f} %"
