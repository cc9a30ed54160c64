import typing

import pytest

from demo import text
from facecore.verification.calibration import Verdict


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
        assert all(f"{side} photo" in sentence for sentence in [*sentences, text.too_large(side, 21_000_000, 20)])
