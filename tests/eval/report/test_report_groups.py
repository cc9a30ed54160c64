import math

import numpy as np
import pandas as pd
import pytest

from eval.report.groups import false_match_spread, group_pairs, make_groups
from eval.report.sample import Sample, find_identities, make_sample


@pytest.fixture
def grouped(table: pd.DataFrame) -> pd.DataFrame:
    random = np.random.default_rng(5)
    return table.assign(
        place=random.choice(["b", "a", ""], len(table)),
        lg=random.choice(["x", "y"], len(table)),
        rg=random.choice(["x", "y", "z"], len(table)),
    )


def _sample(table: pd.DataFrame) -> Sample:
    return make_sample(table, find_identities(table))


def test_a_column_makes_a_group_of_each_value(grouped: pd.DataFrame) -> None:
    groups = dict(group_pairs(grouped, _sample(grouped), ("place",)))
    assert list(groups) == ["(empty)", "a", "b"]
    assert np.array_equal(groups["a"], grouped["place"] == "a")
    assert sum(mask.sum() for mask in groups.values()) == len(grouped)


def test_two_columns_make_unordered_pairs(grouped: pd.DataFrame) -> None:
    groups = dict(group_pairs(grouped, _sample(grouped), ("lg", "rg")))
    assert list(groups) == ["x × x", "x × y", "x × z", "y × y", "y × z", "within groups", "across groups"]
    either = ((grouped["lg"] == "x") & (grouped["rg"] == "y")) | ((grouped["lg"] == "y") & (grouped["rg"] == "x"))
    assert np.array_equal(groups["x × y"], either)
    assert np.array_equal(groups["within groups"], grouped["lg"] == grouped["rg"])
    assert not (groups["within groups"] & groups["across groups"]).any()


def test_groups_have_the_figures_of_their_pairs(grouped: pd.DataFrame) -> None:
    groups = make_groups(grouped, _sample(grouped), ("place",), 0.2, 1)
    part = grouped[grouped["place"] == "b"]
    impostors = part.loc[~part["label"].astype(bool), "score"]
    group = groups[-1]
    assert group.name == "b"
    assert group.figures.get("far").value == pytest.approx((impostors >= 0.2).mean())
    assert group.false_matches == (impostors >= 0.2).sum()
    assert group.figures.get("auc").interval is not None
    spread = false_match_spread(groups)
    rates = [g.figures.get("far").value for g in groups]
    assert all(g.false_matches >= 10 for g in groups)
    assert spread.ratio == pytest.approx(max(rates) / math.prod(rates) ** (1 / 3))
    assert false_match_spread(groups[:1]).ratio is None


def test_columns_that_make_no_groups_are_refused(grouped: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="--by age: there is no such column"):
        group_pairs(grouped, _sample(grouped), ("age",))
    with pytest.raises(ValueError, match="more than a report can show"):
        group_pairs(grouped, _sample(grouped), ("score",))
