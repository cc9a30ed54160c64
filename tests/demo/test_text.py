import typing

import pytest

from demo import text, text_scale, text_trust, text_why
from demo.strictness import Strictness
from facecore.explain import REGIONS
from facecore.quality_limits import REASONS, Concern
from facecore.verification.calibration import Verdict


@pytest.mark.parametrize(
    ("score", "shown"),
    [(0.9244, "0.924"), (0.0, "0.000"), (-0.0004, "0.000"), (-0.0006, "-0.001"), (-0.25, "-0.250")],
)
def test_a_score_of_nearly_nothing_has_no_sign(score: float, shown: str) -> None:
    assert text_scale.score(score) == f"Score {shown}"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (1.0, "1.0"),
        (1.66, "1.7"),
        (9.94, "9.9"),
        (9.97, "10"),
        (23.4, "23"),
        (187, "190"),
        (999, "1,000"),
        (12_345, "12,000"),
        (30_000, "30,000"),
    ],
)
def test_numbers_keep_the_digits_that_mean_something(number: float, shown: str) -> None:
    assert text.rounded(number) == shown


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(1.0, "More than 99.9%"), (0.9987, "99.9%"), (0.987, "98.7%"), (0.5, "50.0%"), (0.0, "Less than 0.1%")],
)
def test_no_probability_is_shown_as_certain(probability: float, shown: str) -> None:
    assert text.percent(probability) == shown


def test_the_likelihood_is_told_from_the_side_of_the_verdict() -> None:
    assert text.likelihood(0.987, "same").startswith("98.7% likely to be the same person")
    assert text.likelihood(0.013, "different").startswith("98.7% likely to be two different people")
    assert text.likelihood(0.6, "uncertain").startswith("60.0% likely to be the same person")


def test_the_rarity_says_so_where_the_data_end() -> None:
    assert text.rarity(1234.5, 30_000) == "About 1 in 1,200 pairs of strangers score this high."
    assert text.rarity(30_000, 30_000) == "Fewer than 1 in 30,000 pairs of strangers score this high."
    assert text.rarity(1.0, 30_000) == "Most pairs of strangers score this high."


def test_every_verdict_has_its_words() -> None:
    assert set(text.VERDICTS) == set(typing.get_args(Verdict))


def test_every_complaint_names_the_photo() -> None:
    for side in ("first", "second"):
        sentences = [text.missing(side), text.gone(side), text.no_face(side), text.unreadable(side, "is empty")]
        sentences += [text.no_such_face(side, 2, 2), text.no_face_number(side), text.no_face_chosen_from(side)]
        assert all(f"{side} photo" in sentence for sentence in [*sentences, text.too_large(side, 21_000_000, 20)])


def test_every_setting_has_its_words() -> None:
    assert set(text_scale.STRICTNESS_LABELS) == set(typing.get_args(Strictness))
    assert set(text_scale.ZONES) == set(typing.get_args(Verdict))


def test_the_cost_of_a_setting_is_told_in_pairs() -> None:
    assert text_scale.cost(0.66, 1000, 30_000) == (
        "About 66 of 100 pairs of the same person are missed, and about 1 in 1,000 pairs of strangers passes for one."
    )
    assert text_scale.cost(0.001, 40_000, 30_000) == (
        "Fewer than 1 of 100 pairs of the same person are missed, "
        "and fewer than 1 in 30,000 pairs of strangers pass for one."
    )
    assert text_scale.cost(None, 100, 30_000) == "About 1 in 100 pairs of strangers passes for one person."


@pytest.mark.parametrize(
    ("part", "words"),
    [(0.0, "fewer than 1 of 100 pairs"), (0.234, "23 of 100 pairs"), (1.0, "more than 99 of 100 pairs")],
)
def test_no_share_is_shown_as_none_or_all(part: float, words: str) -> None:
    assert text_scale.share(part) == words


def test_faces_that_were_found_are_told() -> None:
    assert text.faces_found(0, None) == "No face found."
    assert text.faces_found(0, 0) == "The whole photo was compared."
    assert text.faces_found(1, 0) == "One face found."
    assert text.faces_found(3, None) == "3 faces found."
    assert text.faces_found(3, 0) == "3 faces found, the largest was compared."
    assert text.faces_found(3, 2, choosable=True) == (
        "3 faces found, number 3 by size was compared. Press another face to compare that one."
    )


def test_every_reason_to_doubt_has_its_words() -> None:
    for reason in REASONS:
        photo, words = text_trust.warning("second", Concern(reason, 0.5, 24.0))
        assert photo == "Second photo"
        assert words.endswith(".")
    assert text_trust.warning("first", Concern("small", 17.6, 24.0))[1] == (
        "The face is small: 18 pixels between the eyes, where 24 or more are wanted."
    )
    assert "31 degrees" in text_trust.warning("first", Concern("tilted", 31.2, 25.0))[1]


def test_look_alikes_are_named_where_they_matter() -> None:
    assert "relatives" in text_trust.look_alikes("same")
    assert "children" in text_trust.look_alikes("uncertain")
    assert text_trust.look_alikes("different") == ""
    assert text_trust.consequence("same") != text_trust.consequence("different")


def test_every_region_has_its_words() -> None:
    assert text_why.listed(REGIONS).count("the ") == len(REGIONS)
