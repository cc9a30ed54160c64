import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from eval.summary import describe, figures


@pytest.fixture
def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    same = np.repeat([True, False], 2000)
    scores = np.where(same, random.normal(0.6, 0.15, 4000), random.normal(0.1, 0.15, 4000)).clip(-1, 1)
    return pd.DataFrame(
        {"score": scores, "label": pd.array(same, dtype="boolean"), "fold": np.tile(np.arange(10), 400)}
    )


def test_figures_are_those_of_the_scores(table: pd.DataFrame) -> None:
    result = figures(table, 0.35)
    same = table["label"].to_numpy(bool)
    assert result["auc"] == pytest.approx(roc_auc_score(same, table["score"]))
    assert result["accuracy_at_threshold"] == pytest.approx(((table["score"] >= 0.35) == same).mean())
    assert [at["target"] for at in result["tar_at_far"]] == [1e-2, 1e-3]  # 2,000 impostors carry no 1e-4
    assert result["fold_accuracy"]["folds"] == 10
    assert "scored_only" not in result


def test_a_failed_pair_is_a_non_match_and_an_error(table: pd.DataFrame) -> None:
    whole = figures(table, 0.35)
    table.loc[:199, "score"] = np.nan  # genuine pairs
    result = figures(table, 0.35)
    assert result["genuine"] == 2000
    assert result["tar_at_far"][0]["tar"] == pytest.approx(whole["tar_at_far"][0]["tar"] * 0.9, abs=0.01)
    assert result["accuracy_at_threshold"] == pytest.approx(whole["accuracy_at_threshold"] - 0.05, abs=0.005)
    assert result["scored_only"]["genuine"] == 1800
    assert result["scored_only"]["auc"] > result["auc"]


def test_nothing_is_claimed_without_both_kinds_of_pair(table: pd.DataFrame) -> None:
    assert figures(table.drop(columns="label"), 0.3) == {}
    assert figures(table[:100], 0.3) == {}
    assert describe({}) == []
    unlabelled = table.assign(label=pd.array([None] * len(table), dtype="boolean"))
    assert figures(unlabelled, 0.3) == {}


def test_every_pair_failed(table: pd.DataFrame) -> None:
    result = figures(table.assign(score=np.nan), 0.3)
    assert result["accuracy_at_threshold"] == 0
    assert result["tar_at_far"][0]["tar"] == 0
    assert describe(result)


def test_the_description_names_every_figure(table: pd.DataFrame) -> None:
    table.loc[0, "score"] = np.nan
    text = "\n".join(describe(figures(table, 0.35)))
    for word in ("AUC", "EER", "TAR", "at FAR 0.01", "few", "10 folds", "without the pairs that failed", "accuracy at"):
        assert word in text
