"""Numbers as a card has them."""

from collections.abc import Iterable, Sequence
from typing import Any


def percent(value: float, digits: int = 1) -> str:
    """A share in percent."""
    return f"{100 * value:.{digits}f} %"


def with_interval(value: float, interval: Sequence[float], digits: int = 1) -> str:
    """A share in percent, its interval in brackets."""
    low, high = (f"{100 * end:.{digits}f}" for end in interval)
    return f"{percent(value, digits)} ({low} to {high})"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def picture(name: str, what: str) -> str:
    """A picture beside the card, with words for those who do not see it."""
    return f"![{what}]({name})"
