"""The outcomes as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.robustness.damage import Damage
from eval.robustness.hidden import Warned
from eval.robustness.measure import USABLE, Outcome, usable_until


@dataclass(frozen=True)
class Measured:
    """What the outcomes were measured on.

    Attributes:
        model: its name.
        half: of the pairs that the people come from.
        people: number.
        photos: number of all photos.
        damaged: number of those that were damaged.
        threshold: from which score on a pair is accepted.
        what: the threshold in words.
    """

    model: str
    half: str
    people: int
    photos: int
    damaged: int
    threshold: float
    what: str


def to_markdown(measured: Measured, found: Mapping[Damage, Sequence[Outcome]]) -> str:
    """A table for each kind of damage, and where it ends being usable."""
    first = next(iter(found.values()))[0]
    lines = [
        f"{measured.model}: {measured.damaged:,} of {measured.photos:,} photos of {measured.people} people (half "
        f"{measured.half}), damaged and compared with all photos as they were: {first.genuine:,} genuine and "
        f"{first.impostor:,} impostor pairs a level. Threshold {measured.threshold:.4f} ({measured.what}); intervals "
        "are 95 % and know that people stand in many pairs. A kind of damage counts as usable until "
        f"{100 * USABLE:.0f} % of the matches of intact photos are lost.",
        "",
        *_limits(found),
    ]
    for damage, outcomes in found.items():
        lines += ["", f"### {damage.name.capitalize()}", "", *_table(damage, outcomes)]
    return "\n".join(lines) + "\n"


def hidden_words(warned: Warned, half: str, unseen: bool) -> str:
    """How often covered faces are warned of, as a section of the report.

    Args:
        warned: what was counted.
        half: of the pairs that the faces come from.
        unseen: whether the probe was made on other people of the same half, in turn, and is not the model's own.
    """
    source = "made on this half, each tried on people it has not seen" if unseen else "the model's own"
    lines = [
        "### The warning of hidden faces",
        "",
        f"{warned.faces:,} faces of {warned.people:,} people (half {half}; a photo of somebody unknown counts as one "
        f"more), each as it is and covered once; what tells them by the network's features is {source}.",
        "",
        "| faces | warned of |",
        "| --- | --- |",
        f"| not covered (false alarms) | {100 * warned.plain:.1f} % |",
        *(f"| covered {kind} | {100 * share:.1f} % |" for kind, share in warned.covered.items()),
    ]
    return "\n".join(lines) + "\n"


def limit_words(damage: Damage, found: Sequence[Outcome]) -> str:
    """Until which level it is usable."""
    limit = usable_until(damage, found)
    return f"{found[-1].level:g} and beyond" if limit is None else f"{limit:.2g}"


def _limits(found: Mapping[Damage, Sequence[Outcome]]) -> list[str]:
    rows = ["| damage | its measure | usable until |", "| --- | --- | --- |"]
    return rows + [f"| {d.name} | {d.axis} | {limit_words(d, outcomes)} |" for d, outcomes in found.items()]


def _table(damage: Damage, found: Sequence[Outcome]) -> list[str]:
    rows = [
        f"| {damage.axis} | mean score, one person | two people | TAR (95 % interval) | FAR | right |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return rows + [
        f"| {o.level:g} | {o.genuine_score:.3f} | {o.impostor_score:.3f} | {100 * o.tar:.1f} % "
        f"({100 * o.tar_low:.1f} to {100 * o.tar_high:.1f}) | {100 * o.far:.3f} % | {100 * o.accuracy:.1f} % |"
        for o in found
    ]
