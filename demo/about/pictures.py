"""The pictures of a calibration: how the scores are spread, and both error rates against each other."""

from base64 import b64encode

import numpy as np

from eval.report import plots
from eval.report.curves import ErrorCurves, Histogram
from facecore.verification.calibration import Calibration, Histograms


def spread(calibration: Calibration) -> plots.Draw:
    """The scores of both kinds of pair."""
    content = calibration.histograms
    genuine, impostor = np.array(content.genuine), np.array(content.impostor)
    held = Histogram(edges(content), genuine, impostor, np.zeros_like(genuine))
    return plots.histograms(held, calibration.threshold, "score")


def errors(calibration: Calibration) -> plots.Draw | None:
    """The DET curve at the edges of the bins, None where one kind of pair is absent."""
    content = calibration.histograms
    genuine, impostors = sum(content.genuine), sum(content.impostor)
    if not genuine or not impostors:
        return None
    curves = rates(content)
    return plots.det_curve(curves, genuine, impostors, None)


def edges(content: Histograms) -> np.ndarray:
    """(bins + 1,) scores."""
    return np.linspace(content.low, content.high, len(content.genuine) + 1)


def rates(content: Histograms) -> ErrorCurves:
    """Error rates at the edges of the bins, highest first, where they are exact."""
    genuine, impostor = (np.array(kind, np.float64) for kind in (content.genuine, content.impostor))
    accepted = [np.concatenate([[0.0], np.cumsum(kind[::-1])]) for kind in (genuine, impostor)]
    right = accepted[0] + impostor.sum() - accepted[1]
    return ErrorCurves(
        edges(content)[::-1],
        accepted[1] / max(impostor.sum(), 1),
        1 - accepted[0] / max(genuine.sum(), 1),
        right / max(genuine.sum() + impostor.sum(), 1),
    )


def address(draw: plots.Draw, dress: plots.Dress) -> str:
    """The picture itself as an address, so that no file has to be kept for it."""
    return f"data:image/png;base64,{b64encode(plots.render(draw, dress)).decode()}"
