"""Error against discard, against a slow obvious version."""

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest

from facecore.verification.discard import SHARES, DiscardPoint, discard_curve
from facecore.verification.intervals import wilson

THRESHOLD = 0.3


def pairs(seed: int, n: int = 300, decimals: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores whose genuine pairs suffer under low quality; failed pairs have none. Few decimals make many ties."""
    random = np.random.default_rng(seed)
    same = random.random(n) < 0.4
    quality = random.random(n)
    scores = random.normal(0.1, 0.15, n) + np.where(same, 0.1 + 0.5 * quality, 0)
    failed = random.random(n) < 0.05
    quality, scores = np.where(failed, np.nan, np.round(quality, decimals)), np.where(failed, -np.inf, scores)
    return scores, same, quality


def slow_point(
    scores: np.ndarray, same: np.ndarray, quality: np.ndarray, threshold: float, percent: int
) -> DiscardPoint:
    """Throw out one level of quality after the other while the budget lasts, and count what is left."""
    rows = [
        (-1.0 if math.isnan(q) else q, bool(g), s)
        for q, g, s in zip(quality.tolist(), same, scores.tolist(), strict=True)
    ]
    kept = rows
    for level in sorted({q for q, _, _ in rows}):
        without = [row for row in kept if row[0] > level]
        if (len(rows) - len(without)) * 100 > percent * len(rows):
            break
        kept = without
    genuine, impostor = [s for _, g, s in kept if g], [s for _, g, s in kept if not g]
    lowest = min(q for q, _, _ in kept)
    return DiscardPoint(
        share=percent / 100,
        discarded=len(rows) - len(kept),
        lowest_quality=None if lowest < 0 else lowest,
        genuine=len(genuine),
        false_non_matches=sum(s < threshold for s in genuine),
        impostors=len(impostor),
        false_matches=sum(s >= threshold for s in impostor),
    )


@pytest.mark.parametrize("decimals", [0, 1, 2, 12])
@pytest.mark.parametrize("seed", range(4))
def test_every_point_equals_a_slow_count(seed: int, decimals: int) -> None:
    data = pairs(seed, decimals=decimals)
    percents = [0, 1, 5, 29, 50, 58, 99]
    curve = discard_curve(*data, THRESHOLD, [percent / 100 for percent in percents])
    assert curve.points == tuple(slow_point(*data, THRESHOLD, percent) for percent in percents)
    assert curve.pairs == 300
    assert curve.without_quality == np.isnan(data[2]).sum() > 0


def test_order_of_the_pairs_does_not_matter() -> None:
    scores, same, quality = pairs(9, decimals=1)
    order = np.argsort(~same, kind="stable")  # all genuine pairs first, as lists often have them
    assert discard_curve(scores, same, quality, THRESHOLD) == discard_curve(
        scores[order], same[order], quality[order], THRESHOLD
    )


def test_a_telling_quality_makes_the_curve_fall_and_a_constant_one_discards_nothing() -> None:
    scores, same, quality = pairs(1, n=20_000)
    rates = [point.fnmr for point in discard_curve(scores, same, quality, THRESHOLD).points]
    assert len(rates) == len(SHARES)
    assert all(b < a for a, b in itertools.pairwise(rates) if a is not None and b is not None)
    level = discard_curve(scores, same, np.full(scores.shape, 0.5), THRESHOLD).points
    assert {point.discarded for point in level} == {0}


def test_rates_intervals_and_json() -> None:
    scores, same, quality = pairs(2)
    curve = discard_curve(scores, same, quality, THRESHOLD, [0.0])
    (point,) = curve.points
    assert point.fnmr == np.mean(scores[same] < THRESHOLD)
    assert point.fmr == np.mean(scores[~same] >= THRESHOLD)
    assert point.fnmr_interval == wilson(point.false_non_matches, point.genuine)
    assert point.fmr_interval == wilson(point.false_matches, point.impostors)
    written = json.loads(json.dumps(curve.to_dict(), allow_nan=False))
    assert written["points"][0]["fnmr"] == point.fnmr
    assert written["points"][0]["lowest_quality"] is None
    assert written["points"][0]["fmr_interval"] == list(point.fmr_interval)


def test_one_kind_alone_has_no_rate_of_the_other() -> None:
    scores, same, quality = pairs(3)
    point = discard_curve(scores[same], same[same], quality[same], THRESHOLD, [0.2]).points[0]
    assert point.impostors == 0
    assert point.fmr is point.fmr_interval is None
    assert point.fnmr is not None
    assert point.to_dict()["fmr"] is None


def test_a_score_at_the_threshold_is_accepted() -> None:
    same = np.array([True, False])
    point = discard_curve(np.array([0.3, 0.3]), same, np.ones(2), 0.3, [0]).points[0]
    assert (point.false_non_matches, point.false_matches) == (0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.array([0.1, np.nan])}, "NaN or"),
        ({"scores": np.array([0.1, np.inf])}, "NaN or"),
        ({"scores": np.array([[0.1, 0.2]])}, "one-dimensional"),
        ({"same": np.array([1, 0])}, "booleans"),
        ({"same": np.array([True])}, "equally long"),
        ({"quality": np.array([0.1])}, "equally long"),
        ({"quality": np.array([0.1, np.inf])}, "finite"),
        ({"threshold": math.nan}, "finite"),
        ({"shares": [0.1, 1.0]}, "not 1.0"),
        ({"shares": [-0.1]}, "not -0.1"),
        ({"shares": [math.nan]}, "not nan"),
        ({"scores": np.empty(0), "same": np.empty(0, bool), "quality": np.empty(0)}, "none"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "scores": np.array([0.1, 0.2]),
        "same": np.array([True, False]),
        "quality": np.array([0.1, 0.2]),
        "threshold": 0.3,
    }
    with pytest.raises(ValueError, match=message):
        discard_curve(**{**arguments, **change})
