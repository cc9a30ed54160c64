import numpy as np
import pandas as pd
import pytest

from eval.report.sample import find_identities, log_likelihood_ratio, make_sample


def test_a_person_is_the_folder_where_labels_agree(table: pd.DataFrame) -> None:
    found = find_identities(table)
    assert found.kind == "folder"
    assert np.array_equal(found.left == found.right, table["label"].to_numpy(bool))
    windows = table.assign(left=table["left"].str.replace("/", "\\", regex=False))
    again = find_identities(windows)
    assert np.array_equal(again.left == again.right, found.left == found.right)


def test_otherwise_each_photo_stands_by_itself(table: pd.DataFrame) -> None:
    table.loc[0, "label"] = False
    found = find_identities(table)
    assert found.kind == "image"
    names = pd.unique(pd.concat([table["left"], table["right"]]))
    assert np.unique(np.concatenate([found.left, found.right])).size == len(names)
    flat = pd.DataFrame({"left": ["a", "b"], "right": ["b", "c"], "score": [0.1, 0.2], "label": [True, True]})
    assert find_identities(flat).kind == "image"
    assert find_identities(flat, "folder").left.tolist() == [0, 0]


def test_columns_or_nothing_name_the_people(table: pd.DataFrame) -> None:
    table["who"], table["whom"] = "a", ["a", "b"] * (len(table) // 2)
    found = find_identities(table, ("who", "whom"))
    assert found.kind == "column"
    assert (found.left == found.right).tolist() == [True, False] * (len(table) // 2)
    with pytest.raises(ValueError, match="no column 'nobody'"):
        find_identities(table, ("who", "nobody"))
    bare = table[["score", "label"]]
    assert find_identities(bare).kind == "pair"
    with pytest.raises(ValueError, match="needs two columns that name the photos"):
        find_identities(bare, "folder")


def test_a_sample_holds_labelled_pairs_with_high_scores_for_the_same(table: pd.DataFrame) -> None:
    table.loc[0, "label"] = pd.NA
    table.loc[1, ["score", "probability"]] = np.nan
    table["left_quality"], table["right_quality"] = 0.9, 0.4
    sample = make_sample(table, find_identities(table), distance=True)
    assert sample.rows.tolist() == list(range(1, len(table)))
    assert sample.scores[0] == -np.inf
    np.testing.assert_array_equal(sample.scores[1:], -table["score"][2:])
    assert sample.quality is not None
    assert set(sample.quality) == {0.4}
    assert sample.fold is not None
    part = sample.take(sample.same)
    assert part.genuine == part.same.size == sample.genuine
    assert part.impostors == 0


def test_probabilities_that_are_not_there_for_all_count_as_absent(table: pd.DataFrame) -> None:
    table.loc[5, "probability"] = np.nan
    assert make_sample(table, find_identities(table)).probability is None


def test_log_likelihood_ratios_are_log_odds() -> None:
    np.testing.assert_allclose(log_likelihood_ratio(np.array([0.5, 0.75])), [0, np.log(3)], atol=1e-12)
    assert np.isfinite(log_likelihood_ratio(np.array([0.0, 1.0]))).all()
