import numpy as np
import pytest

from demo.photo_set.colours import STEPS, contrast, css, scale, step

# Severe deficiencies on linear RGB (Machado, Oliveira and Fernandes 2009, table of severity 1.0).
DEFICIENCIES = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lightness(rgb: np.ndarray) -> float:
    """CIE L*, 0 to 100."""
    luminance = max(float(rgb @ [0.2126, 0.7152, 0.0722]), 0.0)
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance


@pytest.mark.parametrize("dark", [False, True])
def test_every_number_can_be_read(dark: bool) -> None:
    assert all(contrast(ground, ink) >= 4.5 for ground, ink in scale(dark))


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("dark", [False, True])
def test_the_order_shows_without_hue_and_whatever_colours_one_sees(dark: bool) -> None:
    grounds = [linear(ground) for ground, _ in scale(dark)]
    assert len(grounds) == STEPS
    direction = 1 if dark else -1
    for seen in (np.eye(3), *map(np.array, DEFICIENCIES.values())):
        steps = np.diff([lightness(np.clip(seen @ rgb, 0, 1)) for rgb in grounds])
        assert (direction * steps > 3).all()


def test_scores_have_the_step_of_their_place() -> None:
    assert [step(score, 0.5) for score in (-1.0, 0.5, 0.524, 0.526, 0.75, 1.0, 1.01)] == [0, 0, 0, 1, 5, 10, 10]


def test_each_step_has_a_rule_for_light_and_dark() -> None:
    assert all(css().count(f".fc-step-{number} {{") == 2 for number in range(STEPS))
    assert css().count(".dark ") == STEPS
