"""What the scores of one model mean: probability, verdict, thresholds, and how rare a score is among strangers.

A `Calibration` is the content of a model directory's calibration.json. `facecore.verification.fitting` makes one.
"""

import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from facecore.errors import ModelError
from facecore.verification.intervals import wilson
from facecore.verification.metrics import FEW, Floats

FORMAT_VERSION = 1
SAME_FAR = 1e-3
DIFFERENT_FAR = 1e-2
FARS = (DIFFERENT_FAR, SAME_FAR, 1e-4)
"""False accept rates at which every calibration states a threshold."""

Verdict = Literal["same", "different", "uncertain"]
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Threshold:
    """The threshold at one false accept rate, measured on the pairs that the calibration was fitted on.

    Attributes:
        far: the target.
        threshold: accept where score >= threshold; None where the impostor pairs are too few for this rate.
        interval: 95 % interval of the threshold; it takes pairs as independent.
        false_accepts: impostor pairs at or above the threshold.
        impostors: all impostor pairs.
        true_accepts: genuine pairs at or above the threshold.
        genuine: all genuine pairs.
        reason: why there is no threshold, empty where there is one.
    """

    far: float
    threshold: float | None
    interval: tuple[float, float] | None
    false_accepts: int | None
    impostors: int
    true_accepts: int | None
    genuine: int
    reason: str = ""

    def __post_init__(self) -> None:
        absent = [v is None for v in (self.threshold, self.interval, self.false_accepts, self.true_accepts)]
        if any(absent) != all(absent) or all(absent) != bool(self.reason):
            raise ValueError(f"the threshold at FAR {self.far} must be whole, or absent and with a reason")
        if self.threshold is None or self.interval is None:
            return
        if not self.interval[0] <= self.threshold <= self.interval[1]:
            raise ValueError(f"the threshold at FAR {self.far} lies outside its interval")
        if not FEW <= (self.false_accepts or 0) <= self.impostors or not 0 <= (self.true_accepts or 0) <= self.genuine:
            raise ValueError(f"the counts of the threshold at FAR {self.far} are not possible")

    def to_dict(self) -> dict[str, Any]:
        """All attributes, with the rates that follow from the counts, for people who read the file."""
        rates: dict[str, Any] = {"far_reached": None, "tar": None, "tar_interval": None}
        if self.false_accepts is not None and self.true_accepts is not None:
            rates = {
                "far_reached": self.false_accepts / self.impostors,
                "tar": self.true_accepts / self.genuine,
                "tar_interval": list(wilson(self.true_accepts, self.genuine)),
            }
        return {**asdict(self), "interval": self.interval and list(self.interval), **rates}


@dataclass(frozen=True)
class Histograms:
    """How the scores are spread, for pictures: counts in bins of equal width from `low` to `high`."""

    low: float
    high: float
    genuine: tuple[int, ...]
    impostor: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.low < self.high or len(self.genuine) != len(self.impostor) or not self.genuine:
            raise ValueError("the histograms need bins, the same for both, from a lower to a higher score")
        if min(*self.genuine, *self.impostor) < 0:
            raise ValueError("a histogram holds a negative count")


@dataclass(frozen=True)
class Calibration:
    """What the scores of one model mean.

    Attributes:
        scale, offset: log-odds of "same person" = scale * score + offset, both kinds of pair equally likely before;
            scale > 0.
        thresholds: one for each rate of `FARS`; those at 1e-2 and 1e-3 are always there.
        one_in, one_in_scores: "1 in `one_in[i]` pairs of strangers scores at least `one_in_scores[i]`"; both strictly
            rising from 1 in 1 to as far as 10 pairs carry.
        histograms: of the scores it was fitted on.
        source: the data it was fitted on, with "data" (a name) and "digest" among its keys.
        evidence: figures on other pairs, as `fitting.evidence` gives them; empty where there are none.
    """

    scale: float
    offset: float
    thresholds: tuple[Threshold, ...]
    one_in: tuple[float, ...]
    one_in_scores: tuple[float, ...]
    histograms: Histograms
    source: dict[str, Any]
    evidence: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.scale > 0 or not math.isfinite(self.scale) or not math.isfinite(self.offset / self.scale):
            raise ValueError(f"scale {self.scale} and offset {self.offset} do not map scores to probabilities")
        if tuple(threshold.far for threshold in self.thresholds) != FARS:
            raise ValueError(f"thresholds are needed at the rates {FARS}, in this order")
        known = [threshold.threshold for threshold in self.thresholds if threshold.threshold is not None]
        if any(threshold.threshold is None for threshold in self.thresholds[:2]):
            raise ValueError("there is no threshold at FAR 1e-2 or 1e-3, and verdicts need both")
        if known != sorted(known):
            raise ValueError("the thresholds do not rise as the rate falls")
        if len(self.one_in) != len(self.one_in_scores) or len(self.one_in) < 2:
            raise ValueError("the table of strangers needs two columns of equal length and at least two rows")
        if self.one_in[0] < 1 or not _rises(self.one_in) or not _rises(self.one_in_scores):
            raise ValueError("the table of strangers does not rise")
        if not all(isinstance(self.source.get(key), str) for key in ("data", "digest")):
            raise ValueError('the source must name its "data" and their "digest"')
        for name in ("source", "evidence"):
            try:
                json.dumps(getattr(self, name), allow_nan=False)
            except (TypeError, ValueError, RecursionError) as error:
                raise ValueError(f"{name} cannot be written as JSON: {error}") from error

    @property
    def midpoint(self) -> float:
        """The score at which the probability is 0.5 when both kinds of pair are equally likely."""
        return -self.offset / self.scale

    @property
    def threshold(self) -> float:
        """The shipped threshold: the higher of the one at FAR 1e-3 and the score at probability 0.5."""
        return max(self._measured(SAME_FAR), self.midpoint)

    @property
    def rarest(self) -> float:
        """The largest N of "1 in N pairs of strangers" that the data can carry."""
        return self.one_in[-1]

    def probability(self, score: float, prior: float = 0.5) -> float:
        """The probability that both photos show one person.

        Args:
            score: cosine of the two embeddings.
            prior: probability before looking at the photos, between 0 and 1, both excluded.

        Raises:
            ValueError: the score is not finite or the prior not between 0 and 1.
        """
        return float(self.probabilities(np.array([score]), prior)[0])

    def probabilities(self, scores: Floats, prior: float = 0.5) -> npt.NDArray[np.float64]:
        """`probability` for an array (N,) of scores."""
        if not 0 < prior < 1:
            raise ValueError(f"a prior probability lies between 0 and 1, both excluded, and not at {prior}")
        # The difference comes first: its sign, and so the side of 0.5, then survives rounding.
        with np.errstate(over="ignore"):
            logit = self.scale * (_finite(scores) - self.midpoint)
        logit = logit + math.log(prior) - math.log1p(-prior)
        small = np.exp(-np.abs(logit))  # never overflows
        below = np.minimum(small / (1 + small), math.nextafter(0.5, 0))  # 0.5 itself is reached at logit 0 only
        probabilities: npt.NDArray[np.float64] = np.where(logit >= 0, 1 / (1 + small), below)
        return probabilities

    def verdict(self, score: float, far: float | None = None, threshold: float | None = None) -> Verdict:
        """Same person, different people, or too close to call.

        "same" at or above `self.threshold`; "different" below both the threshold at FAR 1e-2 and the midpoint;
        "uncertain" between, so that at equal priors "same" always has a probability of at least 0.5 and "different"
        one below. With `far` or `threshold` that one threshold decides and nothing is uncertain. A prior plays no
        part: it moves the probability, while a verdict promises a rate of false accepts, which no prior changes.

        Args:
            score: cosine of the two embeddings.
            far: decide by the threshold at this false accept rate.
            threshold: decide by this threshold.

        Raises:
            ValueError: the score is not finite, both `far` and `threshold` are given, or the rate is out of reach.
        """
        return self.verdicts(np.array([score]), far, threshold)[0]

    def verdicts(self, scores: Floats, far: float | None = None, threshold: float | None = None) -> list[Verdict]:
        """`verdict` for an array (N,) of scores."""
        low, high = self.limits(far, threshold)
        return ["same" if s >= high else "different" if s < low else "uncertain" for s in _finite(scores).tolist()]

    def limits(self, far: float | None = None, threshold: float | None = None) -> tuple[float, float]:
        """The scores below which the verdict is "different" and from which on it is "same".

        Raises:
            ValueError: as `verdict`.
        """
        if far is not None and threshold is not None:
            raise ValueError("give a false accept rate or a threshold, not both: each decides alone")
        if far is not None:
            threshold = self.threshold_for(far)
        if threshold is None:
            return min(self._measured(DIFFERENT_FAR), self.midpoint), self.threshold
        if not math.isfinite(threshold):
            raise ValueError(f"a threshold must be a finite number, not {threshold}")
        return threshold, threshold

    def threshold_for(self, far: float) -> float:
        """The threshold at a false accept rate: measured at the rates of `FARS`, else interpolated in log(rate).

        Raises:
            ValueError: the rate is outside the range that the data can carry, which the message names.
        """
        for measured in self.thresholds:
            if measured.threshold is not None and math.isclose(far, measured.far, rel_tol=1e-9):
                return measured.threshold
        lowest, highest = 1 / self.one_in[-1], 1 / self.one_in[0]
        if not lowest * (1 - 1e-9) <= far <= highest:
            raise ValueError(
                f"there is no threshold at FAR {far}: the impostor pairs behind this model's calibration carry "
                f"rates from {lowest:.3g} to {highest:.3g}"
            )
        return float(np.interp(-math.log(far), np.log(self.one_in), self.one_in_scores))

    def strangers(self, score: float) -> float:
        """N of "about 1 in N pairs of strangers scores this high", interpolated in log N.

        Capped: `rarest` means "fewer than 1 in `rarest`", all that the data can say.

        Raises:
            ValueError: the score is not finite.
        """
        value = float(_finite(np.array([score]))[0])
        if value >= self.one_in_scores[-1]:
            return self.rarest
        return float(np.exp(np.interp(value, self.one_in_scores, np.log(self.one_in))))

    def to_dict(self) -> dict[str, Any]:
        """The content of calibration.json: no NaN, no NumPy types."""
        return {
            "format_version": FORMAT_VERSION,
            "scale": self.scale,
            "offset": self.offset,
            "thresholds": [threshold.to_dict() for threshold in self.thresholds],
            "strangers": {"one_in": list(self.one_in), "score": list(self.one_in_scores)},
            "histograms": {name: _listed(value) for name, value in asdict(self.histograms).items()},
            "source": json.loads(json.dumps(self.source)),
            "evidence": json.loads(json.dumps(self.evidence)),
        }

    @classmethod
    def from_dict(cls, content: object) -> "Calibration":
        """Read what `to_dict` wrote.

        Raises:
            ModelError: the content is not that of a calibration; says what is wrong.
        """
        try:
            return _parse(content)
        except ValueError as error:
            raise ModelError(f"calibration.json: {error}. Make a new one with python -m eval.calibrate") from error

    def _measured(self, far: float) -> float:
        (value,) = (threshold.threshold for threshold in self.thresholds if threshold.far == far)
        assert value is not None  # __post_init__ sees to it
        return value


def _parse(content: object) -> Calibration:
    if not isinstance(content, Mapping):
        raise ValueError(f"must hold a JSON object, not {type(content).__name__}")
    version = content.get("format_version")
    if isinstance(version, bool) or version != FORMAT_VERSION:
        raise ValueError(f"format version {str(version)[:40]!r} is not known, only {FORMAT_VERSION} is")
    table, histograms = _get(content, "strangers", dict), _get(content, "histograms", dict)
    return Calibration(
        scale=_number(content, "scale"),
        offset=_number(content, "offset"),
        thresholds=tuple(_threshold(item) for item in _get(content, "thresholds", list)),
        one_in=_numbers(table, "one_in"),
        one_in_scores=_numbers(table, "score"),
        histograms=Histograms(
            _number(histograms, "low"),
            _number(histograms, "high"),
            _counts(histograms, "genuine"),
            _counts(histograms, "impostor"),
        ),
        source=_get(content, "source", dict),
        evidence=_get(content, "evidence", dict),
    )


def _threshold(item: object) -> Threshold:
    if not isinstance(item, dict):
        raise ValueError("'thresholds' must be a list of objects")
    far, impostors, genuine = _number(item, "far"), _count(item, "impostors"), _count(item, "genuine")
    if item.get("threshold") is None:
        return Threshold(far, None, None, None, impostors, None, genuine, _get(item, "reason", str))
    interval = _numbers(item, "interval")
    if len(interval) != 2:
        raise ValueError("'interval' must be two numbers")
    accepts = _count(item, "false_accepts"), _count(item, "true_accepts")
    return Threshold(far, _number(item, "threshold"), interval, accepts[0], impostors, accepts[1], genuine)


def _get(content: Mapping[str, Any], key: str, kind: type[Kind]) -> Kind:
    if key not in content:
        raise ValueError(f"{key!r} is missing")
    value = content[key]
    if not isinstance(value, kind):
        raise ValueError(f"{key!r} must be of type {kind.__name__}, not {type(value).__name__}")
    return value


def _number(content: Mapping[str, Any], key: str) -> float:
    return _as_number(_get(content, key, object), key)


def _numbers(content: Mapping[str, Any], key: str) -> tuple[float, ...]:
    return tuple(_as_number(value, key) for value in _get(content, key, list))


def _count(content: Mapping[str, Any], key: str) -> int:
    return _as_count(_get(content, key, object), key)


def _counts(content: Mapping[str, Any], key: str) -> tuple[int, ...]:
    return tuple(_as_count(value, key) for value in _get(content, key, list))


def _as_number(value: object, key: str) -> float:
    # The bounds leave NaN, the infinities and integers beyond any float outside.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e300 < value < 1e300:
        raise ValueError(f"{key!r} must hold finite numbers")
    return float(value)


def _as_count(value: object, key: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise ValueError(f"{key!r} must hold whole numbers from 0 on")
    return value


def _finite(scores: Floats) -> npt.NDArray[np.float64]:
    values = np.asarray(scores, np.float64)
    if not np.isfinite(values).all():
        raise ValueError("a score must be a finite number")
    return values


def _rises(values: tuple[float, ...]) -> bool:
    return all(a < b for a, b in itertools.pairwise(values))


def _listed(value: float | tuple[int, ...]) -> float | list[int]:
    return list(value) if isinstance(value, tuple) else value
