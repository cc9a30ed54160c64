"""A picture of the false match rates within groups, with their intervals.

Nothing global of matplotlib is touched.
"""

import io
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from eval.groups.rates import GroupRate
from facecore.train.curves import BLUE, DPI, FAINT, GROUND, INK, ORANGE

WIDTH = 7.2  # inches
ROW = 0.24  # inches a group
LOWEST = 1e-6
"""Share from which the logarithmic axis begins at the latest."""


def draw(rates: Mapping[str, Sequence[GroupRate]]) -> bytes:
    """A PNG: a panel for each kind of group, a line a group; hollow where the rate rests on few false matches."""
    parts = {by: [rate for rate in part if rate.within] for by, part in rates.items()}
    counts = [max(len(part), 1) for part in parts.values()]
    figure = Figure((WIDTH, ROW * sum(counts) + 0.75 * len(counts) + 0.5), DPI, facecolor=GROUND, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(parts), 1, squeeze=False, sharex=True, gridspec_kw={"height_ratios": counts})
    for axes, (by, part) in zip(panels[:, 0], parts.items(), strict=True):
        _panel(axes, by, part)
    panels[-1, 0].set_xlabel(
        "false match rate of strangers within the group, with its 95 % interval", color=INK, fontsize=9
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _panel(axes: Axes, by: str, rates: Sequence[GroupRate]) -> None:
    axes.set_title(by.replace("+", " and "), fontsize=10, color=INK, loc="left")
    axes.set_facecolor(GROUND)
    axes.set_xscale("log")
    axes.tick_params(colors=INK, labelsize=8.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.grid(axis="x", color=FAINT, linewidth=0.5, alpha=0.6)
    for place, rate in enumerate(rates):
        colour = ORANGE if rate.few else BLUE
        axes.plot([max(rate.low, LOWEST), rate.high], [place, place], color=colour, linewidth=1.5)
        if rate.fmr > 0:
            axes.plot(rate.fmr, place, "o", color=colour, markersize=5, markerfacecolor=GROUND if rate.few else colour)
    axes.set_yticks(range(len(rates)), [f"{rate.left} ({rate.photos:,})" for rate in rates])
    axes.set_ylim(len(rates) - 0.4, -0.6)
