"""What a report is to show."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from eval.report.thresholds import Threshold


@dataclass(frozen=True)
class Other:
    """A second model's scores of the same pairs."""

    table: pd.DataFrame
    record: dict[str, Any] | None
    name: str


@dataclass(frozen=True)
class Options:
    """What a report is to show; the defaults suit scores of `eval.score`.

    Attributes:
        name: of the scores, for the heading.
        threshold: that the figures are to judge; None for the record's.
        distance: whether a small score means the same person.
        identity: see `find_identities`.
        by: column, or columns of the left and the right photo, that make groups; empty for none.
        compare: another model's scores of the same pairs.
        images: folder of the photos; None for the record's.
        pictures: whether photos are shown.
        worst: how many mistakes of either kind.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        say: is told what is being done.
    """

    name: str = "scores"
    threshold: Threshold | None = None
    distance: bool = False
    identity: str | tuple[str, str] = "auto"
    by: tuple[str, ...] = ()
    compare: Other | None = None
    images: Path | None = None
    pictures: bool = True
    worst: int = 20
    replicates: int = 1000
    seed: int = 0
    say: Callable[[str], None] = lambda _: None

    @property
    def sign(self) -> int:
        """What turns scores as given into scores of which high ones mean the same person."""
        return -1 if self.distance else 1
