"""Tables and cards of the report as HTML. Everything that comes from outside goes through `esc`."""

import html
from collections.abc import Iterable, Sequence

from eval.report.comparison import SHARES, WORDS, Comparison
from eval.report.figure import FigureSet
from eval.report.groups import Group
from eval.report.numbers import far_words, interval_of, percent, plain, threshold_words, value_of
from facecore.image import photo_name
from facecore.verification.metrics import FEW

FEW_MARK = ", <b>few</b>"


STACKED = "stacked"
"""Class of a table too wide for a phone: there each row is a block, and each cell has the name of its column."""


def esc(text: object) -> str:
    """Text as HTML that shows it; characters that cannot be seen, or turn the line around, are spelled out."""
    shown = photo_name(str(text)).replace(" %", "\u00a0%") if str(text) else ""
    return html.escape(shown, quote=True)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numeric: int = 1, css: str = "") -> str:
    """A table of cells that are HTML already; columns from `numeric` on hold numbers."""

    def cells(row: Sequence[str], tag: str) -> str:
        kinds = [' class="n"' if place >= numeric else "" for place in range(len(row))]
        if css == STACKED and tag == "td":
            kinds = [f'{kind} data-label="{name}"' for kind, name in zip(kinds, head, strict=True)]
        return "".join(f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in zip(kinds, row, strict=True))

    top = f"<thead><tr>{cells(head, 'th')}</tr></thead>" if head else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f'<div class="scroll"><table class="{css}">{top}<tbody>{body}</tbody></table></div>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values, both text."""
    return table((), [(esc(name), f'<span class="break">{esc(value)}</span>') for name, value in rows], 2, "facts")


def figures_table(figures: FigureSet) -> str:
    """Each figure with its interval and what it rests on."""
    rows = [
        (f"{esc(f.words)}<small>{esc(f.note)}</small>", value_of(f), interval_of(f)) for f in figures.figures
    ]  # fmt: skip
    return table(("Figure", "Value", "95 % interval"), rows)


def tar_table(figures: FigureSet) -> str:
    """TAR at each target."""
    rows = []
    for at in figures.tar:
        note = esc(at.tar.note)
        if at.tar.value is not None:
            few = FEW_MARK if at.few else ""
            note = f"threshold {threshold_words(at.threshold)}; FAR reached {at.far:.2g}: {at.false_accepts:,} of "
            note += f"{figures.impostors:,} impostor pairs{few}"
        rows.append((f"{far_words(at.target)}<small>{note}</small>", value_of(at.tar), interval_of(at.tar)))
    return table(("Target FAR", "TAR", "95 % interval"), rows)


def cards(figures: FigureSet) -> str:
    """The four figures that people look for first."""
    best = next((at for at in figures.tar if at.target == 1e-3 and at.tar.value is not None), None)
    best = best or next((at for at in reversed(figures.tar) if at.tar.value is not None), None)
    shown = [("AUC", figures.get("auc")), ("Equal error rate", figures.get("eer"))]
    if best is not None:
        shown.append((f"TAR at FAR {far_words(best.target)}", best.tar))
    folds, accuracy = figures.get("fold_accuracy"), figures.get("accuracy")
    shown.append((folds.words, folds) if folds.value is not None else (accuracy.words, accuracy))
    blocks = [
        f'<div class="card"><span class="soft">{esc(words)}</span><b>{value_of(f)}</b>'
        f"<small>{interval_of(f)}{FEW_MARK if best and best.few and f is best.tar else ''}</small></div>"
        for words, f in shown
    ]
    return f'<div class="cards">{"".join(blocks)}</div>'


def groups_table(groups: Sequence[Group]) -> str:
    """One line a group; every figure of each stands below, folded."""
    rows = []
    for group in groups:
        f = group.figures
        shown = [f.get(name) for name in ("frr", "far", "auc", "eer")]
        tar = next(at for at in f.tar if at.target == 1e-2)
        few = {"far": group.false_matches < FEW, tar.tar.name: tar.few}
        cells = [
            f"{value_of(x)}<small>{interval_of(x)}{FEW_MARK if x.value is not None and few.get(x.name) else ''}</small>"
            for x in (*shown, tar.tar)
        ]
        rows.append((esc(group.name), f"{f.genuine:,}<small>{f.impostors:,}</small>", *cells))
    head = ("Group", "Genuine, impostor", "FRR", "FAR", "AUC", "EER", "TAR at FAR 1e-2")
    whole = "".join(
        f"<details><summary>{esc(g.name)}: every figure</summary>"
        f"{figures_table(g.figures)}{tar_table(g.figures)}</details>"
        for g in groups
    )
    return table(head, rows, css=STACKED) + whole


def comparison_table(comparison: Comparison) -> str:
    """The difference with its interval, and both models' figures beneath the name."""
    rows = []
    for name, d in comparison.differences.items():
        show, unit = (percent, " %") if name in SHARES else (plain, "")
        both = f"{comparison.a}: {show(d.a)}{unit}; {comparison.b}: {show(d.b)}{unit}"
        few = FEW_MARK if name in comparison.few else ""
        difference = f"{'+' if d.difference > 0 else ''}{show(d.difference)}{unit}"
        if not d.low <= 0 <= d.high:
            difference = f"<b>{difference}</b>"
        words = f'{esc(WORDS[name])}<small class="break">{esc(both)}{few}</small>'
        rows.append((words, difference, f"{show(d.low)} to {show(d.high)}{unit}"))
    return table(("Figure", "Difference", "95 % interval"), rows)
