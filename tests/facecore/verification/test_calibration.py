"""What a calibration says about scores, and what it accepts as a file."""

import copy
import json
import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from facecore.errors import ModelError
from facecore.verification.calibration import Calibration, Histograms, Threshold

SOURCE = {"data": "made-up pairs", "digest": "0" * 64}


def calibration(scale: float = 20.0, midpoint: float = 0.3, loose: float = 0.25, strict: float = 0.35) -> Calibration:
    """A calibration with these thresholds at FAR 1e-2 and 1e-3, and none at 1e-4."""
    return Calibration(
        scale=scale,
        offset=-scale * midpoint,
        thresholds=(
            Threshold(1e-2, loose, (loose - 0.01, loose + 0.01), 100, 10_000, 950, 1_000),
            Threshold(1e-3, strict, (strict - 0.02, strict + 0.02), 10, 10_000, 900, 1_000),
            Threshold(1e-4, None, None, None, 10_000, None, 1_000, "too few"),
        ),
        one_in=(1.0, 10.0, 100.0, 1000.0),
        one_in_scores=(loose - 0.45, loose - 0.15, loose, strict),
        histograms=Histograms(-1.0, 1.0, (0, 1_000), (10_000, 0)),
        source=SOURCE,
        evidence={"all": {"auc": 0.9, "intervals": [[0.1, 0.2]]}},
    )


def sweep(c: Calibration) -> np.ndarray:
    """Scores from -1 to 1, and each limit with its neighbours in floating point."""
    limits = np.array([*c.limits(), c.midpoint, *(t.threshold for t in c.thresholds if t.threshold is not None)])
    return np.concatenate([np.linspace(-1, 1, 4001), limits, np.nextafter(limits, 2), np.nextafter(limits, -2)])


@pytest.mark.parametrize("seed", range(30))
def test_verdict_never_contradicts_the_probability(seed: int) -> None:
    rng = np.random.default_rng(seed)
    loose, strict = np.sort(rng.uniform(-0.5, 0.9, 2))
    c = calibration(float(rng.uniform(0.5, 300)), float(rng.uniform(-0.6, 0.95)), float(loose), float(strict))
    scores = sweep(c)
    probabilities = c.probabilities(scores)
    seen = set()
    for score, probability, verdict in zip(scores.tolist(), probabilities.tolist(), c.verdicts(scores), strict=True):
        assert verdict == c.verdict(score)
        assert probability == c.probability(score)
        assert probability >= 0.5 if verdict == "same" else True
        assert probability < 0.5 if verdict == "different" else True
        seen.add(verdict)
    assert {"same", "different"} <= seen
    assert np.all(np.diff(probabilities[:4001]) >= 0)


@pytest.mark.parametrize(
    ("midpoint", "different_below", "same_from"), [(0.3, 0.25, 0.35), (0.1, 0.1, 0.35), (0.5, 0.25, 0.5)]
)
def test_verdict_limits_are_those_of_the_design(midpoint: float, different_below: float, same_from: float) -> None:
    c = calibration(midpoint=midpoint)
    assert c.threshold == pytest.approx(same_from)
    low, high = c.limits()
    assert (low, high) == pytest.approx((different_below, same_from))
    assert c.verdict(high) == "same"
    assert c.verdict(math.nextafter(high, -1)) == c.verdict(low) == "uncertain"
    assert c.verdict(math.nextafter(low, -1)) == "different"


def test_one_threshold_decides_without_uncertainty() -> None:
    c = calibration()
    assert c.verdict(0.25, far=1e-2) == "same"
    assert c.verdict(0.2499, far=1e-2) == "different"
    assert c.verdict(0.8, threshold=0.81) == "different"
    assert set(c.verdicts(sweep(c), threshold=0.3)) == {"same", "different"}
    with pytest.raises(ValueError, match="not both"):
        c.verdict(0.1, far=1e-2, threshold=0.2)
    with pytest.raises(ValueError, match="finite"):
        c.verdict(0.1, threshold=math.nan)


def test_probability_is_the_logistic_map_and_safe_at_the_ends() -> None:
    c = calibration(scale=10, midpoint=0.3)
    assert c.probability(c.midpoint) == 0.5
    assert c.probability(0.5) == pytest.approx(1 / (1 + math.exp(-2)))
    steep = calibration(scale=1e200, midpoint=0.3)
    assert steep.probabilities(np.array([-1.0, 1.0])).tolist() == [0.0, 1.0]
    assert c.probabilities(np.array([0.5], np.float32))[0] == c.probability(float(np.float32(0.5)))


def test_prior_moves_the_probability_by_bayes_rule() -> None:
    c = calibration()
    for score in (0.1, 0.3, 0.5):
        even = c.probability(score)
        for prior in (1e-6, 0.1, 0.9):
            expected = prior * even / (prior * even + (1 - prior) * (1 - even))
            assert c.probability(score, prior) == pytest.approx(expected, rel=1e-9)
    for prior in (0, 1, -0.1, math.nan):
        with pytest.raises(ValueError, match="prior"):
            c.probability(0.3, prior)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_scores_that_are_no_numbers_are_refused(score: float) -> None:
    c = calibration()
    for ask in (c.probability, c.verdict, c.strangers):
        with pytest.raises(ValueError, match="finite"):
            ask(score)


def test_strangers_are_interpolated_in_the_logarithm_and_capped() -> None:
    c = calibration()
    assert c.strangers(0.1) == pytest.approx(10)
    assert c.strangers((0.1 + 0.25) / 2) == pytest.approx(10**1.5)
    assert c.strangers(-1) == 1
    assert c.strangers(0.35) == c.strangers(0.99) == c.rarest == 1000
    assert c.strangers(0.3499) < c.rarest
    values = [c.strangers(score) for score in np.linspace(-1, 1, 500)]
    assert values == sorted(values)


def test_threshold_for_any_rate_within_reach() -> None:
    c = calibration()
    assert c.threshold_for(1e-2) == 0.25
    assert c.threshold_for(1e-3) == 0.35
    assert c.threshold_for(10**-2.5) == pytest.approx(0.3)
    assert c.strangers(c.threshold_for(0.03)) == pytest.approx(1 / 0.03)
    for far in (1e-4, 0, -1, 1.5, math.nan):
        with pytest.raises(ValueError, match=r"rates from 0\.001 to 1"):
            c.threshold_for(far)


def test_round_trip_through_json() -> None:
    c = calibration()
    text = json.dumps(c.to_dict(), allow_nan=False)
    assert Calibration.from_dict(json.loads(text)) == c
    assert json.dumps(Calibration.from_dict(json.loads(text)).to_dict()) == text


def test_the_file_states_rates_beside_counts() -> None:
    loose, _, absent = calibration().to_dict()["thresholds"]
    assert (loose["tar"], loose["far_reached"]) == (0.95, 0.01)
    assert loose["tar_interval"][0] < 0.95 < loose["tar_interval"][1]
    assert absent["threshold"] is absent["tar"] is absent["tar_interval"] is None
    assert absent["reason"] == "too few"


def test_what_to_dict_gives_can_be_changed_without_harm() -> None:
    c = calibration()
    content = c.to_dict()
    content["evidence"]["all"]["auc"] = 0
    content["source"].clear()
    assert c == calibration()


def leaves(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every value in nested dictionaries and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in leaves(inner, (*path, key)))]


def changed(content: dict[str, Any], path: tuple[Any, ...], new: object) -> object:
    """A copy with the value at `path` replaced."""
    if not path:
        return new
    content = copy.deepcopy(content)
    inner: Any = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return content


WRONG = [None, True, "1", math.nan, math.inf, -1, 0, 10**400, -(10**400), 1e308, 5e-324, [], {}, [[]], [None], "\ud800"]


def test_any_damage_gives_a_model_error_or_a_calibration_that_works() -> None:
    content = calibration().to_dict()
    refused = 0
    for path in leaves(content):
        for new in WRONG:
            try:
                c = Calibration.from_dict(changed(content, path, new))
            except ModelError:
                refused += 1
            else:
                json.dumps(c.to_dict(), allow_nan=False)
                assert 0 <= c.probability(0.3) <= 1
                assert c.verdict(0.3) in ("same", "different", "uncertain")
                assert c.strangers(0.3) >= 1
    assert refused > len(leaves(content)) * len(WRONG) / 2


def test_any_missing_key_or_item_is_an_error() -> None:
    content = calibration().to_dict()
    derived = ("far_reached", "tar", "tar_interval")
    for path in leaves(content):
        if not path or (path[0] == "evidence" and len(path) > 1) or path[-1] in derived or derived[2] in path:
            continue
        damaged: Any = copy.deepcopy(content)
        inner = damaged
        for key in path[:-1]:
            inner = inner[key]
        optional = path[-1] == "reason" and inner["threshold"] is not None
        unread = path[-1] in ("interval", "false_accepts", "true_accepts", "threshold") and inner["threshold"] is None
        del inner[path[-1]]
        if optional or unread:
            assert Calibration.from_dict(damaged) == calibration()
        else:
            with pytest.raises(ModelError):
                Calibration.from_dict(damaged)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "format version '2' is not known"),
        ({"format_version": True}, "format version"),
        ({"scale": -1.0}, "do not map"),
        ({"scale": 1e-300, "offset": 1e100}, "do not map"),
        ({"source": {"data": "x"}}, "digest"),
        ({"strangers": {"one_in": [1, 2, 3], "score": [0.1, 0.3, 0.2]}}, "does not rise"),
        ({"strangers": {"one_in": [1, 3, 2], "score": [0.1, 0.2, 0.3]}}, "does not rise"),
        ({"strangers": {"one_in": [1, 3], "score": [0.1, 0.2, 0.3]}}, "equal length"),
        ({"histograms": {"low": 0, "high": 1, "genuine": [1], "impostor": [1, 2]}}, "histograms"),
        ({"thresholds": []}, "thresholds are needed"),
    ],
)
def test_what_does_not_fit_together_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Calibration.from_dict({**calibration().to_dict(), **change})


@pytest.mark.parametrize(
    ("place", "key", "value", "message"),
    [
        (1, "threshold", 0.1, "outside its interval"),
        (1, "false_accepts", 9, "counts"),
        (1, "true_accepts", 1001, "counts"),
        (1, "threshold", None, "must be whole|verdicts need both|'reason'"),
        (0, "far", 0.02, "thresholds are needed"),
        (1, "interval", [0.3], "two numbers"),
    ],
)
def test_thresholds_that_are_not_possible_are_refused(place: int, key: str, value: object, message: str) -> None:
    content = calibration().to_dict()
    content["thresholds"][place][key] = value
    with pytest.raises(ModelError, match=message):
        Calibration.from_dict(content)


def test_thresholds_must_rise_as_the_rate_falls() -> None:
    c = calibration()
    with pytest.raises(ValueError, match="do not rise"):
        replace(c, thresholds=(replace(c.thresholds[1], far=1e-2), replace(c.thresholds[0], far=1e-3), c.thresholds[2]))


def test_random_bytes_in_the_file_never_give_another_error() -> None:
    text = json.dumps(calibration().to_dict())
    rng = random.Random(0)
    for _ in range(2000):
        damaged = list(text)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.choice('0123456789-.eE[]{}:,"ntf')
        try:
            content = json.loads("".join(damaged))
        except ValueError:
            continue
        try:
            Calibration.from_dict(content)
        except ModelError:
            continue
