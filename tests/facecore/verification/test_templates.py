"""Templates, against a slow loop over photos."""

import numpy as np
import pytest

from facecore.verification import templates as module
from facecore.verification.templates import template, templates


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def photos(seed: int, n: int = 200, dimensions: int = 16) -> np.ndarray:
    """Embeddings of length one, some of them failed."""
    random = np.random.default_rng(seed)
    matrix = unit(random.normal(size=(n, dimensions)) + 0.5).astype(np.float32)
    matrix[random.random(n) < 0.2] = np.nan
    return matrix


def slow(matrix: np.ndarray, codes: list[int], count: int, weights: list[float], media: list[int]) -> np.ndarray:
    result = []
    for number in range(count):
        clips: dict[object, list[tuple[float, np.ndarray]]] = {}
        for i, (code, weight, medium) in enumerate(zip(codes, weights, media, strict=True)):
            if code == number and not np.isnan(matrix[i]).any():
                clips.setdefault(("alone", i) if medium < 0 else medium, []).append((weight, matrix[i]))
        means = [sum(w * row for w, row in clip) / sum(w for w, _ in clip) for clip in clips.values()]
        result.append(unit(sum(means)) if means else np.full(matrix.shape[1], np.nan))
    return np.array(result)


@pytest.mark.parametrize("block", [7, 8192])
@pytest.mark.parametrize("seed", range(3))
def test_media_and_weights_equal_a_loop(seed: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    random = np.random.default_rng(seed)
    matrix = photos(seed)
    codes, media, weights = random.integers(0, 40, 200), random.integers(-2, 4, 200), random.random(200) + 0.1
    weights[np.isnan(matrix).any(axis=1)] = np.nan  # a failed photo has no quality
    found = templates(matrix, codes, 42, weights=weights, media=media)
    expected = slow(matrix, codes.tolist(), 42, weights.tolist(), media.tolist())
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32
    assert np.isnan(found[40:]).all()
    assert not np.isnan(found[:30]).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_without_media_every_photo_counts_by_its_weight(weighted: bool) -> None:
    random = np.random.default_rng(5)
    matrix, codes = photos(5), random.integers(0, 30, 200)
    weights = random.random(200) if weighted else np.ones(200)
    for number, row in enumerate(templates(matrix, codes, 30, weights=weights if weighted else None)):
        chosen = (codes == number) & ~np.isnan(matrix).any(axis=1)
        expected = unit((weights[chosen, None] * matrix[chosen]).sum(axis=0))
        np.testing.assert_allclose(row, expected, atol=1e-6)
        alone = template(matrix[codes == number], weights[codes == number] if weighted else None)
        np.testing.assert_allclose(row, alone, atol=1e-6)


def test_a_photo_may_belong_to_several_templates() -> None:
    matrix = unit(np.random.default_rng(1).normal(size=(4, 8)))
    found = templates(matrix, np.array([0, 1, 0, 1]), 2, rows=np.array([2, 2, 3, 0]))
    np.testing.assert_allclose(found, unit(np.array([matrix[2] + matrix[3], matrix[2] + matrix[0]])), atol=1e-6)


def test_a_long_video_does_not_drown_a_photo() -> None:
    frame, photo = np.eye(2)
    matrix = np.array([frame] * 9 + [photo])
    media = np.array([7] * 9 + [-1])
    np.testing.assert_allclose(template(matrix, media=media), np.full(2, 0.5**0.5), atol=1e-7)
    assert template(matrix)[0] > 0.99


def test_media_numbers_belong_to_their_template() -> None:
    matrix = photos(2)[:6]
    matrix = np.where(np.isnan(matrix), 0.25, matrix)
    codes, media = np.array([0, 1, 0, 1, 0, 1]), np.array([3, 3, 3, 3, 9, 9])
    found = templates(matrix, codes, 2, media=media)
    for number in range(2):
        np.testing.assert_allclose(found[number], template(matrix[number::2], media=np.array([1, 1, 2])), atol=1e-6)


def test_what_has_no_direction_is_nan() -> None:
    failed = np.full((3, 4), np.nan)
    assert np.isnan(template(failed)).all()
    assert template(failed).shape == (4,)
    assert np.isnan(template(np.empty((0, 4)))).all()
    up = unit(np.arange(1.0, 5))
    assert np.isnan(template(np.array([up, -up]))).all()
    assert templates(np.empty((0, 4)), np.empty(0, int), 0).shape == (0, 4)


def test_weights_of_nothing_are_no_weights_and_small_ones_still_count() -> None:
    matrix = unit(np.random.default_rng(3).normal(size=(2, 8)))
    np.testing.assert_allclose(template(matrix, np.zeros(2)), template(matrix), atol=1e-7)
    np.testing.assert_allclose(template(matrix, np.array([0.0, 1e-200])), matrix[1], atol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"codes": np.array([0, 2])}, "no template number 2"),
        ({"codes": np.array([-1, 0])}, "no template number -1"),
        ({"codes": np.array([0.0, 1.0])}, "whole numbers"),
        ({"codes": np.array([0])}, "one is needed"),
        ({"rows": np.array([0, 5])}, "no row number 5"),
        ({"weights": np.array([1.0])}, "weights have shape"),
        ({"weights": np.array([1.0, -0.1])}, "not negative"),
        ({"weights": np.array([1.0, np.inf])}, "finite"),
        ({"weights": np.array([1.0, np.nan])}, "has an embedding"),
        ({"media": np.array([1])}, "media"),
        ({"media": np.array([0.5, 1.0])}, "media"),
        ({"matrix": np.ones(4)}, "matrix"),
    ],
)
def test_what_does_not_fit_together_is_refused(arguments: dict[str, np.ndarray], message: str) -> None:
    known = {"matrix": np.eye(2), "codes": np.array([0, 1])}
    with pytest.raises(ValueError, match=message):
        templates(**{**known, **arguments}, count=2)
