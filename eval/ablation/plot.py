"""A picture of the comparison: accuracy and AUC against minutes of training.

Colours tell architectures apart, line styles and markers batch sizes. Nothing global of matplotlib is touched.
"""

import io
from collections.abc import Sequence
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from eval.ablation.outcomes import Course
from facecore.train.curves import BLUE, DPI, FAINT, GREEN, GROUND, INK, ORANGE

SIZE = (10.0, 4.6)  # inches
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
PANELS = (("val_accuracy", "validation accuracy"), ("verification_auc", "verification AUC"))


def draw(courses: Sequence[Course]) -> bytes:
    """The picture as a PNG; runs that diverged or failed are not in it."""
    figure = Figure(SIZE, DPI, facecolor=GROUND, layout="constrained")
    FigureCanvasAgg(figure)
    done = [course for course in courses if course.minutes]
    looks = _looks(done)
    named: dict[str, Line2D] = {}
    for place, (name, title) in enumerate(PANELS, 1):
        axes = figure.add_subplot(1, 2, place, facecolor=GROUND)
        _dress(axes, title)
        for course in done:
            label, look = looks[course.outcome.arch, course.outcome.batch_size]
            points = [
                (at, value)
                for at, value in zip(course.minutes, getattr(course, name), strict=True)
                if value is not None
            ]
            if points:
                named[label] = _line(axes, points, *look)
        if axes.lines:
            axes.set_xlim(left=0)
        else:
            axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=INK, fontsize=9)
            axes.set_xticks([])
            axes.set_yticks([])
    if named:
        figure.legend(list(named.values()), list(named), loc="outside right center", fontsize=8, labelcolor=INK,
                      edgecolor=FAINT, handlelength=3.5)  # fmt: skip
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _looks(courses: Sequence[Course]) -> dict[tuple[str, int], tuple[str, tuple[str, str, str]]]:
    """Name, colour, line style and marker of each combination."""
    pairs = list(dict.fromkeys((c.outcome.arch, c.outcome.batch_size) for c in courses))
    colours = dict(zip(dict.fromkeys(arch for arch, _ in pairs), cycle((BLUE, ORANGE, GREEN)), strict=False))
    styles = dict(zip(dict.fromkeys(batch for _, batch in pairs), zip(cycle(LINES), cycle(MARKERS)), strict=False))
    return {(arch, batch): (f"{arch}, batch {batch}", (colours[arch], *styles[batch])) for arch, batch in pairs}


def _line(axes: Axes, points: list[tuple[float, float]], colour: str, style: str, marker: str) -> Line2D:
    """A run; its end is marked larger than the validations on the way."""
    (line,) = axes.plot(*zip(*points, strict=True), color=colour, linestyle=style, marker=marker, linewidth=1.5,
                        markersize=4)  # fmt: skip
    axes.plot(*points[-1], color=colour, marker=marker, markersize=8, markeredgecolor=GROUND, linestyle="none")
    return line


def _dress(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    axes.tick_params(colors=INK, labelsize=8.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.grid(color=FAINT, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("minutes of training, validation left out", color=INK, fontsize=9)
