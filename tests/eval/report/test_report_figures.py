import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score, roc_curve

from eval.report.figure import FigureSet
from eval.report.figures import FAR_TARGETS, make_figures
from eval.report.sample import Sample, find_identities, log_likelihood_ratio, make_sample
from facecore.verification.losses import cllr, d_prime, min_cllr
from tests.eval.report.conftest import make_table


def _sample(table: pd.DataFrame) -> Sample:
    return make_sample(table, find_identities(table))


def _figures(table: pd.DataFrame, threshold: float | None = 0.35) -> FigureSet:
    figures = make_figures(_sample(table), threshold, replicates=60)
    json.dumps(figures.to_dict(), allow_nan=False)
    return figures


def test_figures_are_those_of_scikit_learn_and_the_formulas(table: pd.DataFrame) -> None:
    figures, same, scores = _figures(table), table["label"].to_numpy(bool), table["score"].to_numpy()
    assert figures.get("auc").value == pytest.approx(roc_auc_score(same, scores))
    assert figures.get("accuracy").value == pytest.approx(accuracy_score(same, scores >= 0.35))
    assert figures.get("frr").value == pytest.approx((scores[same] < 0.35).mean())
    assert figures.get("far").value == pytest.approx((scores[~same] >= 0.35).mean())
    far, tar, _ = roc_curve(same, scores, drop_intermediate=False)
    assert figures.get("eer").value == pytest.approx(far[np.argmin(abs(far - (1 - tar)))], abs=0.01)
    tenth = next(at for at in figures.tar if at.target == 0.1)
    assert tenth.tar.value == pytest.approx(tar[far <= 0.1].max())
    assert tenth.false_accepts == 40
    assert figures.get("d_prime").value == pytest.approx(d_prime(scores[same], scores[~same]))
    ratios = log_likelihood_ratio(table["probability"].to_numpy())
    assert figures.get("cllr").value == pytest.approx(cllr(ratios[same], ratios[~same]))
    assert figures.get("min_cllr").value == pytest.approx(min_cllr(scores, same))


def test_every_figure_that_has_a_value_has_an_interval_around_it(table: pd.DataFrame) -> None:
    figures = _figures(table)
    for figure in (*figures.figures, *(at.tar for at in figures.tar)):
        if figure.value is None:
            assert figure.note
            continue
        assert figure.interval is not None
        assert figure.interval[0] <= figure.value <= figure.interval[1]
        assert figure.interval[0] < figure.interval[1]


def test_targets_come_from_a_budget_of_one_false_accept_on(table: pd.DataFrame) -> None:
    figures = _figures(table)
    assert [at.target for at in figures.tar] == list(FAR_TARGETS)
    assert [at.tar.value is not None for at in figures.tar] == [True, True, False, False, False, False]
    assert [at.few for at in figures.tar[:2]] == [False, True]
    assert "not enough pairs: 400 impostor pairs, 1,000 are needed" in figures.tar[2].tar.note


def test_folds_have_a_standard_error(table: pd.DataFrame) -> None:
    folds = _figures(table).get("fold_accuracy")
    assert folds.value == pytest.approx(0.95, abs=0.05)
    assert "10 folds, standard error" in folds.note
    assert _figures(table.drop(columns="fold")).get("fold_accuracy").value is None


def test_failed_pairs_are_non_matches_and_errors(table: pd.DataFrame) -> None:
    whole = _figures(table)
    table.loc[:39, ["score", "probability"]] = np.nan  # a tenth of the genuine pairs
    figures = _figures(table)
    assert figures.failed == 40
    frr, before = figures.get("frr").value, whole.get("frr").value
    assert frr is not None
    assert before is not None
    assert frr == pytest.approx(0.1 + 0.9 * before, abs=0.02)
    assert figures.get("cllr").value is not None
    assert figures.get("auc").interval is not None


def test_without_a_threshold_the_figures_say_what_to_give(table: pd.DataFrame) -> None:
    figures = _figures(table, None)
    for name in ("frr", "far", "accuracy"):
        assert figures.get(name).value is None
        assert "--threshold" in figures.get(name).note


@pytest.mark.parametrize("kind", [True, False])
def test_one_kind_of_pair_alone(table: pd.DataFrame, kind: bool) -> None:
    figures = _figures(table[table["label"] == kind])
    assert figures.get("auc").value is None
    assert "needs both kinds" in figures.get("auc").note
    assert (figures.get("frr").value is not None) == kind
    assert (figures.get("far").value is not None) != kind
    assert figures.get("accuracy").value is None
    assert all(at.tar.value is None and at.tar.note for at in figures.tar)


def test_every_pair_failed(table: pd.DataFrame) -> None:
    figures = _figures(table.assign(score=np.nan, probability=np.nan))
    assert figures.get("frr").value == 1
    assert figures.get("far").value == 0
    assert figures.get("accuracy").value == 0
    assert figures.get("d_prime").value is None
    assert figures.get("fold_accuracy").value is None


@pytest.mark.parametrize("seed", range(4))
def test_a_dozen_pairs_with_ties(seed: int) -> None:
    table = make_table(seed, people=3, pairs=6)[:12].drop(columns="fold")
    figures = _figures(table.assign(score=table["score"].round(1)))
    assert figures.get("auc").value is not None
    assert figures.get("far").interval is not None
    assert figures.get("far").interval != (0, 0)


def test_equal_scores_everywhere(table: pd.DataFrame) -> None:
    figures = _figures(table.assign(score=0.5, probability=0.5))
    assert figures.get("auc").value == 0.5
    assert figures.get("d_prime").value is None
    assert figures.get("cllr").value == pytest.approx(1)
    assert figures.get("min_cllr").value == pytest.approx(1)


def test_thresholds_of_distances_are_given_as_distances(table: pd.DataFrame) -> None:
    plain = _figures(table)
    distances = table.assign(score=1 - table["score"])
    sample = make_sample(distances, find_identities(distances), distance=True)
    figures = make_figures(sample, -0.65, sign=-1, replicates=60)
    assert figures.get("auc").value == pytest.approx(plain.get("auc").value)
    assert figures.get("frr").value == pytest.approx(plain.get("frr").value)
    one, other = figures.tar[0].threshold, plain.tar[0].threshold
    assert one is not None
    assert other is not None
    assert one == pytest.approx(1 - other)
