import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from eval.report.curves import POINTS, error_curves, histogram
from eval.report.plots import DARK, DPI, LIGHT, SIZE, accuracy_curve, det_curve, histograms, render, roc_curve
from eval.report.sample import find_identities, make_sample
from facecore.verification.metrics import accuracy_at
from tests.eval.report.conftest import make_table


def test_histograms_count_every_scored_pair(table: pd.DataFrame) -> None:
    table.loc[0, "score"] = np.nan
    same = table["label"].astype(object).to_numpy(copy=True)
    same[-3:] = None
    found = histogram(table["score"].to_numpy(float), same)
    assert found is not None
    assert (found.genuine.sum(), found.impostor.sum(), found.unlabelled.sum()) == (399, 397, 3)
    assert histogram(np.array([np.nan]), np.array([True], object)) is None
    one = histogram(np.array([0.5]), np.array([None], object))
    assert one is not None
    assert one.unlabelled.sum() == 1


@pytest.mark.parametrize("pairs", [50, 5000])
def test_curves_hold_the_rates_at_their_thresholds(pairs: int) -> None:
    table = make_table(1, pairs=pairs)
    table.loc[::9, "score"] = np.nan
    sample = make_sample(table, find_identities(table))
    curves = error_curves(sample)
    assert curves is not None
    assert curves.thresholds.size <= 2 * POINTS
    assert (np.diff(curves.thresholds) < 0).all()
    for place in range(1, curves.thresholds.size, 7):
        limit = curves.thresholds[place]
        assert curves.far[place] == pytest.approx((sample.scores[~sample.same] >= limit).mean())
        assert curves.frr[place] == pytest.approx((sample.scores[sample.same] < limit).mean())
        assert curves.accuracy[place] == pytest.approx(accuracy_at(sample.scores, sample.same, limit))
    assert curves.thresholds[-1] == sample.scores[sample.scored].min()
    assert error_curves(sample.take(sample.same)) is None


def test_pictures_are_drawn_in_both_dresses(table: pd.DataFrame) -> None:
    sample = make_sample(table, find_identities(table))
    curves, spread = error_curves(sample), histogram(sample.scores, sample.same.astype(object))
    assert curves is not None
    assert spread is not None
    for draw in (
        histograms(spread, 0.3, "score"),
        roc_curve(curves, 400, 10 / 400),
        det_curve(curves, 400, 400, 0.05),
        accuracy_curve(curves, 0.3, "score", 1),
    ):
        light, dark = (Image.open(io.BytesIO(render(draw, dress))) for dress in (LIGHT, DARK))
        assert light.size == dark.size == tuple(int(side * DPI) for side in SIZE)
        assert np.asarray(light.convert("L")).mean() > 150 > 80 > np.asarray(dark.convert("L")).mean()


def test_a_perfect_model_can_be_drawn() -> None:
    table = make_table(2, pairs=20)
    table["score"] = np.where(table["label"], 0.9, 0.1)
    sample = make_sample(table, find_identities(table))
    curves = error_curves(sample)
    assert curves is not None
    for draw in (det_curve(curves, 20, 20, 0.0), roc_curve(curves, 20, 0.5), accuracy_curve(curves, None, "score", 1)):
        assert render(draw, LIGHT)
