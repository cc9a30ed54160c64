import typing
from dataclasses import replace

import numpy as np
import pytest

from demo.strictness import BALANCED, FARS, Strictness, judged, reaching, settings
from facecore.recognizer import FaceRecognizer
from facecore.verification.calibration import Calibration, Histograms


@pytest.fixture(scope="module")
def calibration(recognizer: FaceRecognizer) -> Calibration:
    assert recognizer.calibration is not None
    return recognizer.calibration


def without_the_strictest(calibration: Calibration) -> Calibration:
    strictest = replace(
        calibration.thresholds[2],
        threshold=None,
        interval=None,
        false_accepts=None,
        true_accepts=None,
        reason="too few",
    )
    return replace(calibration, thresholds=(*calibration.thresholds[:2], strictest))


def test_every_choice_is_offered_by_the_bundled_model_strictest_first(calibration: Calibration) -> None:
    offered = settings(calibration)
    assert list(offered) == list(FARS) == list(typing.get_args(Strictness))
    thresholds = [setting.threshold for setting in offered.values()]
    assert thresholds == sorted(thresholds, reverse=True)
    assert len({setting.low for setting in offered.values()}) == 1


def test_balanced_is_how_the_library_judges(calibration: Calibration) -> None:
    balanced = settings(calibration)[BALANCED]
    scores = np.linspace(-1, 1, 4001)
    assert balanced.threshold == calibration.threshold
    assert [balanced.verdict(score) for score in scores] == calibration.verdicts(scores)


def test_no_choice_contradicts_the_probability(calibration: Calibration) -> None:
    for setting in settings(calibration).values():
        for score in np.linspace(-1, 1, 2001):
            probability, verdict = calibration.probability(score), setting.verdict(score)
            assert probability >= 0.5 if verdict == "same" else True
            assert probability < 0.5 if verdict == "different" else True


def test_costs_are_those_that_were_counted(calibration: Calibration) -> None:
    for name, setting in settings(calibration).items():
        (counted,) = (threshold for threshold in calibration.thresholds if threshold.far == FARS[name])
        assert setting.threshold == counted.threshold  # the midpoint lies under all three with these weights
        assert counted.true_accepts is not None
        assert setting.missed == 1 - counted.true_accepts / counted.genuine
        assert setting.strangers == pytest.approx(1 / counted.far, rel=0.05)


def test_a_choice_that_cannot_be_carried_is_not_offered(calibration: Calibration) -> None:
    assert list(settings(without_the_strictest(calibration))) == [BALANCED, "fewer misses"]


def test_a_choice_that_changes_nothing_is_not_offered(calibration: Calibration) -> None:
    """Where two people are likelier even at the strictest threshold, that likelihood decides in every case."""
    doubtful = replace(calibration, offset=-0.9 * calibration.scale)
    assert list(settings(doubtful)) == [BALANCED]
    assert settings(doubtful)[BALANCED].threshold == doubtful.midpoint


def test_without_a_calibration_there_is_no_choice() -> None:
    assert settings(None) == {}


def test_verdict_and_threshold_alone_change(
    recognizer: FaceRecognizer, astronaut: np.ndarray, coffee: np.ndarray
) -> None:
    comparison = recognizer.compare(astronaut, astronaut)
    offered = settings(recognizer.calibration)
    for setting in offered.values():
        again = judged(comparison, setting)
        assert again.verdict == "same"
        assert again.threshold == setting.threshold
        assert replace(again, verdict=comparison.verdict, threshold=comparison.threshold) == comparison
    assert judged(comparison, None) is comparison
    failed = judged(recognizer.compare(astronaut, coffee), offered["fewer misses"])
    assert failed.verdict is failed.score is None


def test_the_share_that_reaches_a_score() -> None:
    histograms = Histograms(0.0, 1.0, (0, 10, 30, 0), (5, 5, 0, 0))
    expected = {-0.5: 1, 0.0: 1, 0.25: 1, 0.375: 35 / 40, 0.5: 0.75, 0.75: 0, 0.9: 0, 1.5: 0}
    for score, share in expected.items():
        assert reaching(histograms, histograms.genuine, score) == pytest.approx(share)
    assert reaching(histograms, (0, 0, 0, 0), 0.5) is None
