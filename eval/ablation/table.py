"""The table as CSV and Markdown, and what follows from it in words."""

import csv
import dataclasses
import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean

from eval.ablation.outcomes import Outcome

COLUMNS = tuple(field.name for field in dataclasses.fields(Outcome))
MISSING = "–"

HEAD: dict[str, Callable[[Outcome], str]] = {
    "architecture": lambda o: o.arch,
    "batch": lambda o: str(o.batch_size),
    "seed": lambda o: str(o.seed),
    "rate": lambda o: f"{o.lr:g}",
    "epochs": lambda o: _number(o.epochs, "{:.4g}"),
    "minutes": lambda o: _number(o.minutes, "{:.2f}"),
    "val. accuracy": lambda o: _number(o.val_accuracy, "{:.1%}"),
    "best": lambda o: _number(o.best_val_accuracy, "{:.1%}"),
    "AUC": lambda o: _number(o.verification_auc, "{:.4f}"),
    "best AUC": lambda o: _number(o.best_verification_auc, "{:.4f}"),
    "images/s": lambda o: _number(o.images_per_second, "{:.0f}"),
    "s/epoch": lambda o: _number(o.seconds_per_epoch, "{:.1f}"),
    "peak MB": lambda o: _number(o.peak_megabytes, "{:.0f}"),
    "accuracy/min": lambda o: _number(o.accuracy_per_minute, "{:.1%}"),
    "note": lambda o: "" if o.status == "done" else f"{o.status}: {o.reason}".replace("|", "\\|"),
}
MEANING = """\
Minutes are those of training: steps and checkpoints, without start-up, validation and test. Accuracy is that of naming
the validation photos after the last step (best: at any validation), AUC the area under the ROC of the validation pairs.
Images/s is the median over the epochs. Peak MB is the largest resident memory of the training process in 10^6 bytes,
without a GPU's. Accuracy/min is the validation accuracy at the end divided by the minutes."""


@dataclass(frozen=True)
class Group:
    """The seeds of one combination.

    Attributes:
        name: of the combination.
        accuracies: validation accuracy at the end, one a seed.
        rates: accuracy per minute, one a seed.
        minutes: of training, one a seed.
    """

    name: str
    accuracies: tuple[float, ...]
    rates: tuple[float, ...]
    minutes: tuple[float, ...]


def to_csv(outcomes: Sequence[Outcome]) -> str:
    """All figures, a line a run."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for outcome in outcomes:
        values = (getattr(outcome, name) for name in COLUMNS)
        writer.writerow(["" if v is None else f"{v:.6g}" if isinstance(v, float) else v for v in values])
    return buffer.getvalue()


def to_markdown(outcomes: Sequence[Outcome], budget: str) -> str:
    """A table, what its columns mean, and what follows from it.

    Args:
        outcomes: a row each.
        budget: of each run, in words.
    """
    lines = [HEAD, ["---"] * len(HEAD), *([cell(outcome) for cell in HEAD.values()] for outcome in outcomes)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return "\n\n".join([f"Each run: {budget}.", table, MEANING, " ".join(statements(outcomes, budget))]) + "\n"


def statements(outcomes: Sequence[Outcome], budget: str) -> list[str]:
    """Which combination is best, by the table alone, and how much that is worth."""
    groups = group(outcomes)
    left_out = sum(outcome.status != "done" for outcome in outcomes)
    said = [f"{left_out} of {len(outcomes)} runs did not reach their end and are not compared."] if left_out else []
    if not groups:
        return [*said, "No run has a validation accuracy, so that none can be called the best."]
    by_rate = max(groups, key=lambda g: mean(g.rates))
    by_accuracy = max(groups, key=lambda g: mean(g.accuracies))
    times = [minutes for g in groups for minutes in g.minutes]
    said += [
        f"{by_rate.name} has the highest accuracy per minute: {mean(by_rate.rates):.1%} a minute.",
        f"{by_accuracy.name} has the highest accuracy at the end ({budget}): {mean(by_accuracy.accuracies):.1%} "
        f"after {mean(by_accuracy.minutes):.2f} minutes; the runs took {min(times):.2f} to {max(times):.2f}.",
    ]
    return [*said, _caution(groups, by_accuracy)]


def group(outcomes: Sequence[Outcome]) -> list[Group]:
    """The combinations all of whose seeds came to an end with an accuracy."""
    together: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        together[f"{outcome.arch} with batch {outcome.batch_size}"].append(outcome)
    groups = []
    for name, runs in together.items():
        figures = [(o.val_accuracy, o.accuracy_per_minute, o.minutes) for o in runs]
        whole = [(a, r, m) for a, r, m in figures if a is not None and r is not None and m is not None]
        if len(whole) == len(runs):
            groups.append(Group(name, *(tuple(column) for column in zip(*whole, strict=True))))
    return groups


def _caution(groups: Sequence[Group], best: Group) -> str:
    """How far chance reaches."""
    seeds = len(best.accuracies)
    if seeds == 1:
        return "Each was run with one seed: another may change the order of those that lie close; --seeds 0 1 2 shows."
    near = [g.name for g in groups if g is not best and max(g.accuracies) >= min(best.accuracies)]
    spread = f"Its {seeds} seeds reached from {min(best.accuracies):.1%} to {max(best.accuracies):.1%}"
    if near:
        return (
            f"{spread}; a seed of {', '.join(near)} came as far as the worst of these, so that they are not told apart."
        )
    return f"{spread}, and no seed of another combination came so far."


def _number(value: float | None, form: str) -> str:
    return MISSING if value is None else form.format(value)
