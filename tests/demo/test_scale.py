import re
from dataclasses import replace

import pytest

from demo import scale, text_scale
from facecore.recognizer import FaceRecognizer
from facecore.verification.calibration import Calibration


@pytest.fixture(scope="module")
def calibration(recognizer: FaceRecognizer) -> Calibration:
    assert recognizer.calibration is not None
    return recognizer.calibration


def place(html: str) -> float:
    (found,) = re.findall(r'class="fc-mark[^"]*" style="left:([\d.]+)%"', html)
    return float(found)


def test_both_kinds_of_pair_lie_behind_the_score(calibration: Calibration) -> None:
    html = scale.render(0.8, 0.6, 0.75, calibration)
    areas = dict(re.findall(r'<path class="fc-(\w+)" d="M[\d.,]+ L([\d., ]+) L[\d.,]+"/>', html))
    assert set(areas) == {"strangers", "one"}
    peaks = {}
    for kind, points in areas.items():
        pairs = [tuple(map(float, point.split(","))) for point in points.split()]
        assert len(pairs) == 100
        assert all(0 <= x <= 1000 and 0 <= y <= 100 for x, y in pairs)
        peaks[kind] = min(pairs, key=lambda pair: pair[1])[0]
    assert peaks["strangers"] < peaks["one"]
    assert text_scale.STRANGERS in html
    assert text_scale.ONE_PERSON in html


def test_the_parts_of_the_scale_meet_where_the_answer_changes(calibration: Calibration) -> None:
    for score in (0.1, 0.5, 0.7, 0.95):
        html = scale.render(score, 0.6, 0.75, calibration)
        widths = dict(re.findall(r'<i class="fc-zone-(\w+)" style="width:([\d.]+)%', html))
        different, uncertain = float(widths["different"]), float(widths["uncertain"])
        assert sum(map(float, widths.values())) == pytest.approx(100, abs=0.1)
        expected = "different" if score < 0.6 else "uncertain" if score < 0.75 else "same"
        at = place(html)
        assert expected == ("different" if at < different else "uncertain" if at < different + uncertain else "same")


def test_a_score_beyond_all_others_is_still_on_the_scale(calibration: Calibration) -> None:
    assert 0 < place(scale.render(-1.0, 0.6, 0.75, calibration)) < 5
    assert 95 < place(scale.render(1.0, 0.6, 0.75, calibration)) < 100


def test_a_narrow_part_is_named_in_a_legend(calibration: Calibration) -> None:
    name = text_scale.ZONES["uncertain"]
    wide, narrow = (scale.render(0.7, low, 0.75, calibration) for low in (0.5, 0.74))
    assert f"<b>{name}</b>" in wide
    assert f"<b>{name}</b>" not in narrow
    (legend,) = re.findall(r'<div class="fc-keys fc-narrow">(.*?)</div>', narrow)
    assert legend == f'<span class="fc-key fc-key-uncertain">{name}</span>'
    assert "fc-narrow" not in wide


def test_it_is_described_in_words(calibration: Calibration) -> None:
    (label,) = re.findall(r'role="img" aria-label="([^"]+)"', scale.render(0.8, 0.6, 0.75, calibration))
    assert label.startswith(
        "A scale of scores. This pair has 0.800, at or above 0.750, from where it means one person."
    )
    assert "of pairs of strangers, fewer than 1 of 100 pairs" in label
    (label,) = re.findall(r'role="img" aria-label="([^"]+)"', scale.render(0.5, 0.6, 0.75, calibration))
    assert "below 0.750" in label


def test_without_a_calibration_there_is_a_plain_scale() -> None:
    html = scale.render(0.4, None, None, None)
    assert place(html) == 40.0
    assert "<svg" not in html
    assert 'aria-label="A scale of scores. This pair has 0.400, on a scale from 0 to 1."' in html
    assert place(scale.render(-0.4, None, None, None)) == 0.0


def test_a_calibration_without_pairs_of_one_kind_is_no_failure(calibration: Calibration) -> None:
    empty = replace(calibration, histograms=replace(calibration.histograms, genuine=(0,) * 100))
    html = scale.render(0.8, 0.6, 0.75, empty)
    assert "nan" not in html
    assert "Of pairs" not in html
