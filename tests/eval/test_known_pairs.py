import numpy as np
import pytest

from eval.index import PairIndex
from eval.known_pairs import KnownPairs, known_pairs, person_of_each, split_people


def _pairs(names: list[str], pairs: list[tuple[str, str, bool]]) -> KnownPairs:
    left = np.array([names.index(pair[0]) for pair in pairs])
    right = np.array([names.index(pair[1]) for pair in pairs])
    return KnownPairs(names, left, right, np.array([pair[2] for pair in pairs]), np.zeros(len(pairs)))


def test_a_person_is_a_folder() -> None:
    names = ["a/1.jpg", "a/2.jpg", "b\\1.jpg", "b/2.jpg"]
    pairs = _pairs(names, [(names[0], names[1], True), (names[0], names[3], False)])
    assert person_of_each(pairs) == ["a", "a", "b", "b"]


def test_where_folders_say_nothing_genuine_pairs_do() -> None:
    names = ["5.jpg", "4.jpg", "3.jpg", "2.jpg", "1.jpg"]
    linked = [("5.jpg", "4.jpg", True), ("4.jpg", "2.jpg", True), ("3.jpg", "1.jpg", False)]
    assert person_of_each(_pairs(names, linked)) == ["2.jpg", "2.jpg", "3.jpg", "2.jpg", "1.jpg"]
    # One genuine pair between two folders, and folders are no people.
    names = ["a/1.jpg", "a/2.jpg", "b/1.jpg"]
    crossed = [("a/1.jpg", "a/2.jpg", True), ("a/2.jpg", "b/1.jpg", True), ("a/1.jpg", "b/1.jpg", False)]
    assert person_of_each(_pairs(names, crossed)) == ["a/1.jpg"] * 3


def _many() -> KnownPairs:
    names = [f"p{person}/{number}" for person in range(20) for number in range(3)]
    places = np.array([(i, j) for i in range(60) for j in range(i)])
    same = places[:, 0] // 3 == places[:, 1] // 3
    return KnownPairs(names, places[:, 0], places[:, 1], same, np.arange(len(places), dtype=float))


@pytest.mark.parametrize("share", [0.25, 0.5, 0.7])
def test_nobody_is_in_both_parts(share: float) -> None:
    pairs = _many()
    fitted, proof = split_people(pairs, share, seed=0)
    people = [
        {name.split("/")[0] for name in np.array(part.names)[np.r_[part.left, part.right]]} for part in (fitted, proof)
    ]
    assert not people[0] & people[1]
    assert len(people[1]) == round(20 * share)
    assert len(people[0] | people[1]) == 20
    # Nothing but pairs between the parts is lost.
    inside = [sum(3 * len(part) * (3 * len(part) - 1) // 2 for part in [group]) for group in people]
    assert [len(fitted), len(proof)] == inside
    np.testing.assert_array_equal(fitted.same, fitted.left // 3 == fitted.right // 3)
    again = split_people(pairs, share, seed=0)
    np.testing.assert_array_equal(again[1].scores, proof.scores)
    assert not np.array_equal(split_people(pairs, share, seed=1)[1].scores, proof.scores)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, 2.0, float("nan")])
def test_a_share_out_of_range(share: float) -> None:
    with pytest.raises(ValueError, match="a share of the people lies between 0 and 1"):
        split_people(_many(), share, 0)


def test_labelled_pairs_of_a_list() -> None:
    index = PairIndex(["a", "b", "c"], np.array([0, 1, 0]), np.array([1, 2, 2]), np.array([1, -1, 0], np.int8), None)
    pairs = known_pairs(index, np.array([0.5, 0.4, np.nan]), "list")
    assert pairs.scores.tolist() == [0.5, -np.inf]
    assert pairs.same.tolist() == [True, False]
    assert pairs.scored.tolist() == [True, False]
    assert pairs.counts() == {"genuine": 1, "impostors": 1, "failed_pairs": 1, "images": 3}


@pytest.mark.parametrize("label", [None, np.array([-1, -1], np.int8)])
def test_a_list_without_labels(label: np.ndarray | None) -> None:
    index = PairIndex(["a", "b"], np.array([0, 1]), np.array([1, 0]), label, None)
    with pytest.raises(ValueError, match=r"list.txt: no pair has a label"):
        known_pairs(index, np.zeros(2), "list.txt")
