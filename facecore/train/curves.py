"""A picture of how a run went: loss, accuracy, learning rate and speed against epochs.

Colours are those of Okabe and Ito 2008 ("Color Universal Design"), told apart by people who do not see red and green;
line styles and markers say the same once more. Nothing global of matplotlib is touched.
"""

import io
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[np.float64]]

GROUND, INK, FAINT = "#ffffff", "#24282f", "#c5c9d0"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
SIZE = (10.0, 6.6)  # inches
DPI = 110
FEW = 60
"""Up to so many points each gets a marker; more would run into each other."""

ACCURACIES = (
    ("train_accuracy", "training accuracy", BLUE, "-", "o"),
    ("val_accuracy", "validation accuracy", ORANGE, "--", "s"),
    ("verification_auc", "verification AUC", GREEN, "-.", "^"),
)


def curves_png(columns: Columns) -> bytes:
    """The picture as a PNG.

    Args:
        columns: float64 (R,) each, NaN where a value is missing: `epoch`, `size`, `train_loss`, `train_accuracy`,
            `val_accuracy`, `verification_auc` (shares from 0 to 1), `learning_rate` and `images_per_second`, rows in
            the order of training; other columns are not looked at.
    """
    figure = Figure(SIZE, DPI, facecolor=GROUND, layout="constrained")
    FigureCanvasAgg(figure)
    loss, accuracy, rate, speed = (_panel(figure, place) for place in (1, 2, 3, 4))
    _line(loss, columns, "train_loss", "training loss", BLUE)
    _mark_sizes(loss, columns)
    for name, label, colour, style, marker in ACCURACIES:
        _line(accuracy, columns, name, label, colour, style, marker)
    _finish_accuracy(accuracy)
    _line(rate, columns, "learning_rate", "learning rate", BLUE)
    _line(speed, columns, "images_per_second", "images/s", BLUE)
    for axes, name in ((rate, "learning_rate"), (speed, "images_per_second")):
        axes.set_ylim(0, 1.08 * float(np.nanmax(columns[name])) or 1)
    for axes, title in ((loss, "training loss"), (rate, "learning rate"), (speed, "training images/s")):
        axes.set_title(title, fontsize=10, color=INK, loc="left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _panel(figure: Figure, place: int) -> Axes:
    axes = figure.add_subplot(2, 2, place, facecolor=GROUND)
    axes.tick_params(colors=INK, labelsize=8.5, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.grid(color=FAINT, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("epoch", color=INK, fontsize=9)
    return axes


def _line(
    axes: Axes, columns: Columns, name: str, label: str, colour: str, style: str = "-", marker: str = "o"
) -> None:
    """One column against epochs; rows where it was not measured are bridged."""
    known = np.isfinite(columns[name])
    if known.any():
        size = 4 if np.count_nonzero(known) <= FEW else 0
        x, y = columns["epoch"][known], columns[name][known]
        axes.plot(x, y, color=colour, linestyle=style, linewidth=1.6, marker=marker, markersize=size, label=label)


def _mark_sizes(axes: Axes, columns: Columns) -> None:
    """A dotted line where the input size changes, which makes a step in the loss."""
    sizes, epochs = columns["size"], columns["epoch"]
    for row in np.flatnonzero(np.diff(sizes)):
        axes.axvline(epochs[row], color=INK, linewidth=1, linestyle=":")
        axes.annotate(f" {sizes[row + 1]:.0f} px", (epochs[row], 0.98), xycoords=("data", "axes fraction"),
                      color=INK, fontsize=8, va="top")  # fmt: skip


def _finish_accuracy(axes: Axes) -> None:
    axes.set_title("accuracy", fontsize=10, color=INK, loc="left")
    if not axes.lines:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=INK, fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    axes.set_ylim(0, 1.02)
    axes.legend(fontsize=8, labelcolor=INK, facecolor=GROUND, edgecolor=FAINT, framealpha=0.85)
