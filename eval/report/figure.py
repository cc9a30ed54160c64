"""A figure, and the set of those of one sample of pairs."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: for report.json.
        words: for people.
        value: None where it cannot be had; `note` says why then.
        interval: 95 %, None where it cannot be had.
        method: what the interval comes from.
        note: what the figure rests on.
        share: whether it is a share, shown in percent.
    """

    name: str
    words: str
    value: float | None
    interval: tuple[float, float] | None = None
    method: str = ""
    note: str = ""
    share: bool = True

    def to_dict(self) -> dict[str, Any]:
        """All attributes but the words."""
        content = asdict(self)
        del content["words"]
        return {**content, "interval": list(self.interval) if self.interval else None}


@dataclass(frozen=True)
class TarFigure:
    """TAR at one target FAR.

    Attributes:
        target: of the FAR.
        tar: the figure; without a value where the impostor pairs are not enough.
        far: the FAR reached, at most the target.
        false_accepts: impostor pairs accepted.
        few: whether that is under 10.
        threshold: as the scores are given: of distances, pairs at or below it are accepted.
    """

    target: float
    tar: Figure
    far: float | None = None
    false_accepts: int | None = None
    few: bool = False
    threshold: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """All attributes."""
        return {**vars(self), "tar": self.tar.to_dict()}


@dataclass(frozen=True)
class FigureSet:
    """The figures of one sample.

    Attributes:
        genuine: number of genuine pairs.
        impostors: number of impostor pairs.
        failed: pairs without a score among them.
        figures: in the order of the report.
        tar: one for each of `FAR_TARGETS`.
    """

    genuine: int
    impostors: int
    failed: int
    figures: tuple[Figure, ...]
    tar: tuple[TarFigure, ...]

    def get(self, name: str) -> Figure:
        """The figure called `name`."""
        return next(figure for figure in self.figures if figure.name == name)

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it; figures by name."""
        return {
            "genuine": self.genuine,
            "impostors": self.impostors,
            "failed": self.failed,
            **{figure.name: figure.to_dict() for figure in self.figures},
            "tar_at_far": [at.to_dict() for at in self.tar],
        }
