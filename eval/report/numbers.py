"""Numbers as people read them."""

import math

from eval.report.figure import Figure


def percent(value: float) -> str:
    """A share in percent: two decimals, more where they are needed to see anything."""
    value = 100 * value
    if value == 0:
        return "0"
    decimals = 2 if abs(value) >= 0.1 else min(8, 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def plain(value: float) -> str:
    """A number that is no share: four decimals."""
    return f"{value:.4f}"


def value_of(figure: Figure) -> str:
    """The value, with its unit; a dash where there is none."""
    if figure.value is None:
        return "–"
    return f"{percent(figure.value)} %" if figure.share else plain(figure.value)


def interval_of(figure: Figure) -> str:
    """The interval, a dash where there is none."""
    if figure.interval is None:
        return "–"
    show = percent if figure.share else plain
    low, high = figure.interval
    return f"{show(low)} to {show(high)}" + (" %" if figure.share else "")


def counted(number: int, noun: str) -> str:
    """A number and what there are so many of: 1 pair, 2,000 pairs."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def far_words(target: float) -> str:
    """1e-3 for 0.001."""
    return f"1e-{-round(math.log10(target))}"


def threshold_words(threshold: float | None) -> str:
    """A threshold, or what an extreme one means."""
    if threshold is None:
        return "–"
    return "any score" if abs(threshold) > 1e300 else f"{threshold:.4f}"
