"""The tables by group, and what they mean in sentences, as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.groups.rates import GroupRate, differential
from facecore.verification.metrics import FEW


@dataclass(frozen=True)
class Measured:
    """What the rates were measured on.

    Attributes:
        model: its name.
        photos: number, one a person.
        half: of the pairs that the photos come from: "test", "fit" or "all".
        threshold: from which score on a pair is accepted.
        what: the threshold in words.
    """

    model: str
    photos: int
    half: str
    threshold: float
    what: str


def to_markdown(measured: Measured, rates: Mapping[str, Sequence[GroupRate]]) -> str:
    """Tables of the rates within groups, a line for those across, and what follows from them."""
    chosen = "" if measured.half == "all" else f" (half {measured.half})"
    lines = [
        f"False matches of {measured.model} among {measured.photos:,} strangers{chosen}, one photo each, at the "
        f"threshold {measured.threshold:.4f} ({measured.what}). Every two photos are a pair; intervals (95 %) know "
        f"that a photo stands in many pairs. A rate with fewer than {FEW} false matches is marked *few*.",
    ]
    for by, part in rates.items():
        lines += ["", f"### By {by.replace('+', ' and ')}", "", *_table(part), "", across(part), "", meaning(part)]
    return "\n".join(lines) + "\n"


def _table(rates: Sequence[GroupRate]) -> list[str]:
    rows = [
        "| both photos of | photos | pairs | false matches | FMR (95 % interval) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for rate in rates:
        if rate.within:
            few = ", *few*" if rate.few else ""
            rows.append(
                f"| {rate.left} | {rate.photos:,} | {rate.pairs:,} | {rate.false_matches:,} | {_rate(rate)}{few} |"
            )
    return rows


def _rate(rate: GroupRate) -> str:
    return f"{100 * rate.fmr:.3f} % ({100 * rate.low:.3f} to {100 * rate.high:.3f})"


def across(rates: Sequence[GroupRate]) -> str:
    """The rate of pairs of two groups, all together."""
    across = [rate for rate in rates if not rate.within]
    pairs = sum(rate.pairs for rate in across)
    if not pairs:
        return "There is one group alone."
    false_matches = sum(rate.false_matches for rate in across)
    worst = max(across, key=lambda rate: rate.fmr)
    line = f"Across groups: {false_matches:,} of {pairs:,} pairs ({100 * false_matches / pairs:.3f} %)"
    if not worst.few:
        line += f"; most between {worst.left} and {worst.right}, {100 * worst.fmr:.3f} %"
    return line + "."


def meaning(rates: Sequence[GroupRate]) -> str:
    """How far the rates within groups lie apart, in sentences."""
    found = differential(rates)
    if found.ratio is None:
        return f"No comparison of the groups: fewer than two of them have {FEW} false matches or more."
    within = [rate for rate in rates if rate.within and not rate.few]
    most, least = max(within, key=lambda rate: rate.fmr), min(within, key=lambda rate: rate.fmr)
    sentence = (
        f"Two strangers who are both {most.left} are taken for one person {most.fmr / least.fmr:.1f} times as often as "
        f"two who are both {least.left}. The largest rate is {found.ratio:.1f} times the geometric mean of the groups "
        "(1.0 would mean that all are alike)."
    )
    if found.left_out:
        sentence += f" Left out of this, with fewer than {FEW} false matches: {', '.join(found.left_out)}."
    return sentence
