import base64
import io

import numpy as np
from PIL import Image

from demo.about import pictures
from eval.report import plots
from facecore.recognizer import FaceRecognizer
from facecore.verification.calibration import Histograms


def test_rates_are_those_of_the_scores_themselves() -> None:
    generator = np.random.default_rng(0)
    genuine, impostor = generator.normal(0.7, 0.1, 500), generator.normal(0.4, 0.1, 2000)
    scores = np.concatenate([genuine, impostor])
    low, high = float(scores.min()), float(scores.max())
    bins = np.linspace(low, high, 41)
    counts = [tuple(int(n) for n in np.histogram(kind, bins)[0]) for kind in (genuine, impostor)]
    curves = pictures.rates(Histograms(low, high, *counts))
    for threshold, far, frr in list(zip(curves.thresholds, curves.far, curves.frr, strict=True))[1:]:
        assert far == np.mean(impostor >= threshold)
        assert abs(frr - np.mean(genuine < threshold)) < 1e-12
    assert (curves.far[0], curves.frr[0], curves.far[-1]) == (0, 1, 1)


def test_pictures_are_pngs_in_two_dresses(recognizer: FaceRecognizer) -> None:
    assert recognizer.calibration is not None
    errors = pictures.errors(recognizer.calibration)
    assert errors is not None
    for draw in (pictures.spread(recognizer.calibration), errors):
        corners = []
        for dress in plots.DRESSES:
            head, content = pictures.address(draw, dress).split(",")
            assert head == "data:image/png;base64"
            image = Image.open(io.BytesIO(base64.b64decode(content)))
            assert image.size == (774, 594)
            corners.append(image.convert("L").getpixel((0, 0)))
        assert corners[0] > 240
        assert corners[1] < 40
