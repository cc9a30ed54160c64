import numpy as np
import pandas as pd
import pytest

from eval.report.comparison import check_same_pairs, compare
from eval.report.figures import make_figures
from eval.report.sample import Sample, find_identities, make_sample
from facecore.errors import PairListError


def _sample(table: pd.DataFrame) -> Sample:
    return make_sample(table, find_identities(table))


def test_a_worse_model_is_found_to_be_worse(table: pd.DataFrame) -> None:
    random = np.random.default_rng(3)
    worse = table.assign(score=(table["score"] + random.normal(0, 0.3, len(table))).round(6))
    a, b = _sample(table), _sample(worse)
    found = compare(a, b, (0.35, 0.4), ("a.csv", "b.csv"), replicates=60)
    first, second = make_figures(a, 0.35, replicates=60), make_figures(b, 0.4, replicates=60)
    for name in ("auc", "eer", "accuracy", "frr", "far", "d_prime", "min_cllr"):
        d = found.differences[name]
        assert d.a == pytest.approx(first.get(name).value)
        assert d.b == pytest.approx(second.get(name).value)
        assert d.low <= d.difference <= d.high
    assert found.differences["auc"].high < 0
    assert found.differences["tar@0.1"].b == pytest.approx(second.tar[0].tar.value)
    assert "0.3500 and 0.4000" in found.note


def test_a_model_does_not_differ_from_itself(table: pd.DataFrame) -> None:
    found = compare(_sample(table), _sample(table), (None, None), ("a", "b"), replicates=60)
    assert all(d.difference == 0 and d.low <= 0 <= d.high for d in found.differences.values())
    assert "accuracy" not in found.differences
    assert "no figures at a threshold" in found.note


def test_one_kind_of_pair_cannot_be_compared(table: pd.DataFrame) -> None:
    genuine = _sample(table[table["label"]])
    assert compare(genuine, genuine, (0.1, 0.1), ("a", "b")).differences == {}


def test_lists_that_differ_are_refused_with_the_pair(table: pd.DataFrame) -> None:
    names = ("a.csv", "b.csv")
    check_same_pairs(table, table.drop(columns="label"), names)
    other = table.copy()
    other.loc[7, "right"] = "x.png"
    with pytest.raises(PairListError, match=r"pair 8 differs in right .*'x.png' in a.csv and b.csv"):
        check_same_pairs(table, other, names)
    with pytest.raises(PairListError, match="a.csv has 800 pairs, b.csv 799"):
        check_same_pairs(table, table[1:], names)
    flipped = table.assign(label=~table["label"])
    with pytest.raises(PairListError, match="pair 1 differs in label"):
        check_same_pairs(table, flipped, names)
    unlabelled = table.assign(label=pd.array([None] * len(table), dtype="boolean"))
    check_same_pairs(table, unlabelled, names)


def test_figures_that_rest_on_few_false_accepts_of_either_are_named(table: pd.DataFrame) -> None:
    found = compare(_sample(table), _sample(table), (0.35, 0.6), ("a", "b"), replicates=60)
    scores = table.loc[400:, "score"]
    assert (scores >= 0.35).sum() >= 10 > (scores >= 0.6).sum()
    assert found.few == ("tar@0.01", "far")
    assert found.to_dict()["few"] == ["tar@0.01", "far"]
