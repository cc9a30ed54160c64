"""Scores to report on."""

import numpy as np
import pandas as pd
import pytest


def make_table(seed: int = 0, people: int = 60, photos: int = 4, pairs: int = 400) -> pd.DataFrame:
    """Genuine and impostor pairs of made-up people, with probabilities and folds as `eval.score` writes them."""
    random = np.random.default_rng(seed)
    person = random.integers(people, size=(2 * pairs, 2))
    same = np.repeat([True, False], pairs)
    person[same, 1] = person[same, 0]
    person[~same, 1] = (person[~same, 0] + 1 + random.integers(people - 1, size=pairs)) % people
    photo = random.integers(photos, size=person.shape)
    photo[same, 1] = (photo[same, 0] + 1) % photos
    scores = np.where(same, random.normal(0.6, 0.15, 2 * pairs), random.normal(0.1, 0.15, 2 * pairs)).clip(-1, 1)
    names = [[f"p{p}/{q}.png" for p, q in zip(person[:, s], photo[:, s], strict=True)] for s in (0, 1)]
    return pd.DataFrame(
        {
            "left": names[0],
            "right": names[1],
            "score": scores.round(6),
            "probability": (1 / (1 + np.exp(-20 * (scores - 0.35)))).round(6),
            "status": "ok",
            "label": pd.array(same, dtype="boolean"),
            "fold": pd.array(np.arange(2 * pairs) % 10, dtype="Int64"),
        }
    )


@pytest.fixture
def table() -> pd.DataFrame:
    return make_table()
