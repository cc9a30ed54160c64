"""Curves as PNG, in a light and a dark dress. Computing stands in `curves`; nothing global of matplotlib is touched.

Colours are those of Okabe and Ito 2008 ("Color Universal Design"), told apart by people who do not see red and green;
line styles and hatching say the same once more.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.special import ndtri

from eval.report.curves import ErrorCurves, Histogram
from facecore.verification.discard import DiscardCurve
from facecore.verification.losses import Reliability

SIZE = (4.3, 3.3)  # inches: at the 360 px of a phone the letters are still 10 px high
DPI = 180

TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)  # of the DET curve


@dataclass(frozen=True)
class Dress:
    """Colours of a picture."""

    name: str
    ground: str
    ink: str
    faint: str
    genuine: str
    impostor: str
    third: str


LIGHT = Dress("light", "#ffffff", "#24282f", "#c5c9d0", "#0072b2", "#d55e00", "#009e73")
DARK = Dress("dark", "#171a1f", "#dfe1e5", "#4b515d", "#56b4e9", "#e69f00", "#5fd3b0")
DRESSES = (LIGHT, DARK)

Draw = Callable[[Axes, Dress], None]


def render(draw: Draw, dress: Dress) -> bytes:
    """A PNG of what `draw` puts on the axes."""
    figure = Figure(SIZE, DPI, facecolor=dress.ground, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=dress.ground)
    axes.tick_params(colors=dress.ink, labelsize=8.5, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(dress.faint)
    axes.grid(color=dress.faint, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    draw(axes, dress)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(dress.ink)
        label.set_fontsize(9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def histograms(content: Histogram, threshold: float | None, score_name: str) -> Draw:
    """How the scores of both kinds are spread, each kind's shares adding up to one."""

    def draw(axes: Axes, dress: Dress) -> None:
        kinds = (
            ("genuine", content.genuine, dress.genuine, "-", ""),
            ("impostor", content.impostor, dress.impostor, "--", "////"),
            ("no label", content.unlabelled, dress.third, "-.", ""),
        )
        for name, counts, colour, style, hatch in kinds:
            if total := counts.sum():
                share = 100 * counts / total
                label = f"{name} ({total:,})"
                axes.stairs(share, content.edges, fill=True, facecolor=colour, edgecolor=colour, alpha=0.25,
                            hatch=hatch, linewidth=0)  # fmt: skip
                axes.stairs(share, content.edges, color=colour, linewidth=1.5, linestyle=style, label=label)
        if threshold is not None:
            _threshold_line(axes, dress, threshold)
        axes.set(xlabel=score_name, ylabel="share of the pairs of a kind, %", ylim=(0, None))
        _legend(axes, dress)

    return draw


def roc_curve(curves: ErrorCurves, impostors: int, few_below: float) -> Draw:
    """TAR against FAR; `few_below` is the FAR that ten false accepts make."""

    def draw(axes: Axes, dress: Dress) -> None:
        seen = curves.far > 0
        axes.plot(curves.far[seen], 100 * (1 - curves.frr[seen]), color=dress.genuine, linewidth=1.8)
        low = 0.7 / impostors
        if few_below < 1:
            axes.axvspan(low, few_below, color=dress.faint, alpha=0.35, linewidth=0)
            axes.text(low * 1.15, 2, "fewer than 10\nfalse accepts", fontsize=7.5, color=dress.ink, va="bottom")
        axes.set(xscale="log", xlim=(low, 1), ylim=(0, 101.5))
        axes.set(xlabel="false accept rate (FAR)", ylabel="true accept rate (TAR), %")

    return draw


def det_curve(curves: ErrorCurves, genuine: int, impostors: int, eer: float | None) -> Draw:
    """FRR against FAR on axes of the normal distribution's quantiles (Martin et al. 1997)."""

    def draw(axes: Axes, dress: Dress) -> None:
        inside = (curves.far > 0) & (curves.far < 1) & (curves.frr > 0) & (curves.frr < 1)
        far, frr = curves.far[inside], curves.frr[inside]
        if not far.size:  # both kinds are told apart without an error
            far, frr = np.array([0.5 / impostors]), np.array([0.5 / genuine])
        axes.plot(ndtri(far), ndtri(frr), color=dress.genuine, linewidth=1.8)
        lows = [ndtri(far.min()), ndtri(frr.min())]
        ends = (min(lows), max(ndtri(0.5), *(ndtri(np.median(x)) for x in (far, frr))))
        axes.plot(ends, ends, color=dress.faint, linewidth=1, linestyle=":")
        if eer is not None and 0 < eer < 1:
            axes.plot([ndtri(eer)], [ndtri(eer)], "o", color=dress.impostor, markersize=6)
            axes.annotate(f"EER {100 * eer:.2f} %", (ndtri(eer), ndtri(eer)), (7, 5), textcoords="offset points",
                          color=dress.ink, fontsize=8.5)  # fmt: skip
        for axis, low in ((axes.xaxis, lows[0]), (axes.yaxis, lows[1])):
            shares = [s for s in TICKS if low <= ndtri(s) <= ends[1]]
            axis.set_ticks([float(ndtri(s)) for s in shares], [f"{100 * s:g}" for s in shares])
        margin = 0.03 * (ends[1] - ends[0]) or 0.1
        axes.set(xlim=(lows[0] - margin, ends[1] + margin), ylim=(lows[1] - margin, ends[1] + margin))
        axes.set(xlabel="false accept rate (FAR), %", ylabel="false reject rate (FRR), %")

    return draw


def accuracy_curve(curves: ErrorCurves, threshold: float | None, score_name: str, sign: int) -> Draw:
    """Accuracy, FAR and FRR against the threshold."""

    def draw(axes: Axes, dress: Dress) -> None:
        seen = np.isfinite(curves.thresholds)
        at = sign * curves.thresholds[seen]
        axes.plot(at, 100 * curves.accuracy[seen], color=dress.third, linewidth=2, label="accuracy")
        axes.plot(at, 100 * curves.frr[seen], color=dress.genuine, linewidth=1.3, linestyle="-.", label="FRR")
        axes.plot(at, 100 * curves.far[seen], color=dress.impostor, linewidth=1.3, linestyle="--", label="FAR")
        if threshold is not None:
            _threshold_line(axes, dress, threshold)
        axes.set(xlabel=f"threshold ({score_name})", ylabel="%", ylim=(0, 101.5))
        _legend(axes, dress)

    return draw


def reliability_curve(content: Reliability) -> Draw:
    """The share of genuine pairs against the probability that was given, both kinds with equal weight."""

    def draw(axes: Axes, dress: Dress) -> None:
        held = content.counts > 0
        x, y = 100 * content.mean_probability[held], 100 * content.share_same[held]
        low, high = 100 * content.low[held], 100 * content.high[held]
        axes.plot([0, 100], [0, 100], color=dress.ink, linewidth=1, linestyle=":", label="perfect")
        spread = np.vstack([(y - low).clip(0), (high - y).clip(0)])
        axes.errorbar(x, y, spread, fmt="o-", color=dress.genuine, markersize=4.5, linewidth=1.4, capsize=2.5,
                      label="measured")  # fmt: skip
        axes.set(xlim=(-2, 102), ylim=(-2, 102))
        axes.set(xlabel="probability given, %", ylabel="share that is the same person, %")
        _legend(axes, dress)

    return draw


def discard_curves(genuine: DiscardCurve | None, impostor: DiscardCurve | None) -> Draw:
    """Error rates against the share left out of the pairs of a kind; None where there are no such pairs."""

    def draw(axes: Axes, dress: Dress) -> None:
        top = 0.0
        kinds = (
            ("FRR", genuine, dress.genuine, "-", "fnmr"),
            ("FAR", impostor, dress.impostor, "--", "fmr"),
        )
        for name, content, colour, style, kind in kinds:
            points: list[tuple[float, float, tuple[float, float]]] = [
                (100 * p.share, 100 * getattr(p, kind), getattr(p, f"{kind}_interval"))
                for p in (content.points if content else ())
                if getattr(p, kind) is not None
            ]
            if not points:
                continue
            x, y, bounds = (list(column) for column in zip(*points, strict=True))
            ends = 100 * np.array(bounds)
            axes.fill_between(x, ends[:, 0], ends[:, 1], color=colour, alpha=0.18, linewidth=0)
            axes.plot(x, y, color=colour, linestyle=style, linewidth=1.8, label=name)
            top = max(top, float(np.max(y)))
        axes.set(xlabel="share of the kind's pairs left out, worst first, %", ylabel="error rate, %")
        axes.set(xlim=(0, None), ylim=(0, 1.3 * top or 1))
        _legend(axes, dress)

    return draw


def _threshold_line(axes: Axes, dress: Dress, threshold: float) -> None:
    axes.axvline(threshold, color=dress.ink, linewidth=1, linestyle=(0, (4, 2)), label=f"threshold {threshold:.3g}")


def _legend(axes: Axes, dress: Dress) -> None:
    handles: list[Any] = axes.get_legend_handles_labels()[0]
    if handles:
        axes.legend(fontsize=7.5, labelcolor=dress.ink, facecolor=dress.ground, edgecolor=dress.faint, framealpha=0.85)
