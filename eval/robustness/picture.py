"""A picture with a panel for each kind of damage. Nothing global of matplotlib is touched."""

import io
import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from eval.robustness.damage import Damage
from eval.robustness.measure import Outcome, usable_until
from facecore.train.curves import BLUE, DPI, FAINT, GREEN, GROUND, INK, ORANGE

COLUMNS = 2
PANEL = (4.6, 2.9)  # inches


def draw(found: Mapping[Damage, Sequence[Outcome]]) -> bytes:
    """A PNG: share of matches found with its interval, share of right decisions and mean score, by level."""
    rows = math.ceil(len(found) / COLUMNS)
    figure = Figure((PANEL[0] * COLUMNS, PANEL[1] * rows + 0.4), DPI, facecolor=GROUND, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    for axes, (damage, outcomes) in zip(panels, found.items(), strict=False):
        _panel(axes, damage, outcomes)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=8.5, labelcolor=INK, edgecolor=FAINT)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _panel(axes: Axes, damage: Damage, found: Sequence[Outcome]) -> None:
    levels = [outcome.level for outcome in found]
    axes.set_title(damage.name, fontsize=10, color=INK, loc="left")
    axes.set_xlabel(damage.axis, fontsize=9, color=INK)
    axes.set_facecolor(GROUND)
    axes.tick_params(colors=INK, labelsize=8.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.grid(color=FAINT, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    low, high = [outcome.tar_low for outcome in found], [outcome.tar_high for outcome in found]
    axes.fill_between(levels, low, high, color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(levels, [outcome.tar for outcome in found], "-o", color=BLUE, markersize=4, label="matches found (TAR)")
    right = [outcome.accuracy for outcome in found]
    axes.plot(levels, right, "--s", color=ORANGE, markersize=3.5, label="right decisions")
    scores = [outcome.genuine_score for outcome in found]
    axes.plot(levels, scores, ":", color=GREEN, linewidth=1.8, label="mean score of one person")
    limit = usable_until(damage, found)
    if limit is not None:
        axes.axvline(limit, color=INK, linewidth=1, label="half of the matches are lost")
    axes.set_ylim(0, 1.02)
    if damage.log:
        axes.set_xscale("log")
        axes.set_xticks(levels, [f"{level:g}" for level in levels])
        axes.xaxis.set_minor_formatter(NullFormatter())
    if levels[0] > levels[-1]:
        axes.invert_xaxis()
