"""The scale of scores as HTML: where this pair lies, where the answer changes, and where other pairs lie."""

from html import escape

import numpy as np

from demo import text_scale
from demo.strictness import reaching
from facecore.verification.calibration import Calibration, Histograms, Verdict

_HEIGHT = 100  # of the drawing in its own units; the width is 1000
_KINDS: tuple[Verdict, ...] = ("different", "uncertain", "same")
_ROOM = 0.14  # share of the width from which on a part of the scale has room for its name


def render(score: float, low: float | None, threshold: float | None, calibration: Calibration | None) -> str:
    """The scale, described in words for people who do not see it.

    Args:
        score: of the pair.
        low: the score below which the answer is "different people"; None where nothing was judged.
        threshold: the score from which on it is "same person"; None likewise.
        calibration: holds the scores of other pairs; None for a plain scale from 0 to 1.
    """
    if calibration is None:
        ends, humps, genuine, impostor = (0.0, 1.0), "", None, None
    else:
        histograms = calibration.histograms
        ends = min(histograms.low, score) - 0.01, max(histograms.high, score, 0.99) + 0.01
        humps = _humps(histograms, ends)
        genuine, impostor = (
            reaching(histograms, counts, score) for counts in (histograms.genuine, histograms.impostor)
        )
    label = escape(text_scale.scale(score, threshold, genuine, impostor))
    side = " fc-leftward" if _place(score, ends) > 0.5 else ""
    return (
        f'<div class="fc-scale{"" if humps else " fc-plain"}" role="img" aria-label="{label}">{humps}'
        f"{_zones(low, threshold, ends)}"
        f'<i class="fc-mark{side}" style="left:{_percent(score, ends)}"><b>{escape(text_scale.THIS_PAIR)}</b></i></div>'
        f'<p class="fc-score"><b>{escape(text_scale.score(score))}</b>'
        f"<span>{escape(text_scale.same_from(threshold)) if threshold is not None else ''}</span></p>"
    )


def _humps(histograms: Histograms, ends: tuple[float, float]) -> str:
    """Both distributions as areas, each with the same total, and a legend."""
    areas = ""
    tallest = max(max(_shares(counts)) for counts in (histograms.genuine, histograms.impostor)) or 1.0
    for kind, counts in (("strangers", histograms.impostor), ("one", histograms.genuine)):
        middles = np.linspace(histograms.low, histograms.high, 2 * len(counts) + 1)[1::2]
        points = [
            f"{1000 * _place(x, ends):.0f},{_HEIGHT * (1 - 0.95 * y / tallest):.1f}"
            for x, y in zip(middles, _shares(counts), strict=True)
        ]
        first, last = (1000 * _place(x, ends) for x in (histograms.low, histograms.high))
        line = f"M{first:.0f},{_HEIGHT} L{' '.join(points)} L{last:.0f},{_HEIGHT}"
        areas += f'<path class="fc-{kind}" d="{line}"/>'
    keys = "".join(
        f'<span class="fc-key fc-key-{kind}">{escape(words)}</span>'
        for kind, words in (("strangers", text_scale.STRANGERS), ("one", text_scale.ONE_PERSON))
    )
    return (
        f'<div class="fc-keys">{keys}</div>'
        f'<svg viewBox="0 0 1000 {_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{areas}</svg>'
    )


def _shares(counts: tuple[int, ...]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]


def _zones(low: float | None, threshold: float | None, ends: tuple[float, float]) -> str:
    """The parts of the scale by the answer that they lead to, named where there is room, otherwise in a legend."""
    if low is None or threshold is None:
        return '<div class="fc-zones"><i style="width:100%"></i></div>'
    edges = [0.0, _place(low, ends), _place(threshold, ends), 1.0]
    zones, legend = "", ""
    for kind, start, end in zip(_KINDS, edges, edges[1:], strict=False):
        name, within = escape(text_scale.ZONES[kind]), ""
        if end - start >= _ROOM:
            within = f"<b>{name}</b>"
        else:
            legend += f'<span class="fc-key fc-key-{kind}">{name}</span>'
        zones += f'<i class="fc-zone-{kind}" style="width:{100 * (end - start):.2f}%">{within}</i>'
    return f'<div class="fc-zones">{zones}</div>' + (f'<div class="fc-keys fc-narrow">{legend}</div>' if legend else "")


def _place(score: float, ends: tuple[float, float]) -> float:
    return float(np.clip((score - ends[0]) / (ends[1] - ends[0]), 0, 1))


def _percent(score: float, ends: tuple[float, float]) -> str:
    return f"{100 * _place(score, ends):.1f}%"
