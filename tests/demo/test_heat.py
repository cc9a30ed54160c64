import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo import text_why
from demo.heat import SIDE, overlay, render
from facecore.explain import STEPS, Explanation, patches

GREY = np.full((112, 112, 3), 128, np.uint8)


def drops_at(value: float, row: float, column: float) -> np.ndarray:
    """Drops of patches around one place, given in shares of the side."""
    drops = np.zeros((STEPS, STEPS))
    drops[round(row * (STEPS + 1)) - 1, round(column * (STEPS + 1)) - 1] = value
    return drops


def test_colour_lies_where_the_drop_is() -> None:
    heat, _ = Explanation(0.8, (drops_at(1, 0.25, 0.5), drops_at(0, 0.5, 0.5)), 112).maps()
    picture = overlay(GREY, heat / heat.max()).astype(int)
    assert picture.shape == (SIDE, SIDE, 3)
    red, green, blue = picture[SIDE // 4, SIDE // 2]
    assert red > green + 60 > blue + 100
    assert np.abs(picture[3 * SIDE // 4 :] - 128).max() <= 2


def test_what_tells_apart_has_another_colour_that_is_no_shade_of_the_first() -> None:
    red, _, blue = overlay(GREY, np.full((112, 112), -1.0))[100, 100].astype(int)
    assert blue > red + 40
    red, _, blue = overlay(GREY, np.full((112, 112), 1.0))[100, 100].astype(int)
    assert red > blue + 100


def test_the_face_shows_through_everywhere(crops: list[np.ndarray]) -> None:
    picture = overlay(crops[0], np.ones((112, 112)))
    luminance = np.asarray(Image.fromarray(picture).convert("L"), float)
    plain = np.asarray(Image.fromarray(crops[0]).convert("L").resize((SIDE, SIDE), Image.Resampling.BICUBIC), float)
    assert np.corrcoef(luminance.ravel(), plain.ravel())[0, 1] > 0.98


def test_colour_changes_gradually() -> None:
    """The measure has steps of an eighth of the side; the drawing has none."""
    heat, _ = Explanation(0.8, (drops_at(1, 0.5, 0.5), drops_at(0, 0.5, 0.5)), 112).maps()
    assert len(patches(112, STEPS)) == STEPS**2
    row = overlay(GREY, heat / heat.max())[SIDE // 2].astype(int)
    assert np.abs(np.diff(row, axis=0)).max() <= 6


def test_one_scale_for_both_faces(tmp_path: Path, crops: list[np.ndarray]) -> None:
    strong, weak = drops_at(0.2, 0.5, 0.5), drops_at(0.02, 0.5, 0.5)
    html = render(Explanation(0.8, (strong, weak), 112), crops, True, tmp_path)
    files = re.findall(r"file=([^\"]+\.jpg)", html)
    assert len(files) == 2
    saturation = []
    for file in files:
        with Image.open(file) as image:
            assert image.size == (SIDE, SIDE)
            assert image.format == "JPEG"
            saturation.append(float(np.asarray(image.convert("HSV"))[SIDE // 2, SIDE // 2, 1]))
    assert saturation[0] > 3 * saturation[1]


def test_the_sentence_names_the_regions(tmp_path: Path, crops: list[np.ndarray]) -> None:
    both = drops_at(0.2, 0.5, 0.25) + drops_at(0.2, 0.5, 0.75) + drops_at(-0.05, 0.875, 0.5)
    html = render(Explanation(0.8, (both, both), 112), crops, True, tmp_path)
    assert "The score of 0.800 rests on the eyes: hiding a part lowers it by up to 0.20." in html
    assert "What tells the faces apart is the chin and the mouth: hiding a part raises it by up to 0.05." in html
    assert "strongest at the eyes" in html
    for legend in (text_why.LEGEND_LOWER, text_why.LEGEND_NONE, text_why.LEGEND_RAISE):
        assert legend in html


def test_a_score_that_rests_on_nothing(tmp_path: Path, crops: list[np.ndarray]) -> None:
    nothing = np.zeros((STEPS, STEPS))
    html = render(Explanation(0.1, (nothing, nothing), 112), crops, True, tmp_path)
    assert "No single part carries the score of 0.100: hiding one hardly lowers it." in html
    assert "tells the faces apart" not in html


def test_whole_photos_have_no_regions(tmp_path: Path, crops: list[np.ndarray]) -> None:
    html = render(Explanation(0.8, (drops_at(0.2, 0.5, 0.5),) * 2, 112), crops, False, tmp_path)
    assert "Hiding a part of one photo lowers the score of 0.800 by up to 0.20." in html
    assert not re.search("the (eyes|nose|mouth|forehead|cheeks|chin)", html)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["eyes"], "the eyes"),
        (["eyes", "nose"], "the eyes and the nose"),
        (["eyes", "nose", "chin"], "the eyes, the nose and the chin"),
    ],
)
def test_regions_are_listed_as_one_would_say_it(names: list[str], words: str) -> None:
    assert text_why.listed(names) == words
