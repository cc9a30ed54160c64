import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Generator, Tensor

from facecore.augment import Augmentation, resize

STILL = Augmentation(rotation=0, scale=0, shift=0, mirror=0, low_resolution=0, grey=0, brightness=0, contrast=0)


def _generator() -> Generator:
    return Generator().manual_seed(3)


def test_without_change_the_faces_stay(faces: Tensor) -> None:
    out = STILL(faces, 112, _generator())
    assert torch.equal(out, faces.float() / 255)


def test_mirror_turns_left_and_right(faces: Tensor) -> None:
    out = Augmentation(**{**vars(STILL), "mirror": 1.0})(faces, 112, _generator())
    assert torch.equal(out, faces.flip(3).float() / 255)


def test_grey_has_three_equal_channels(faces: Tensor) -> None:
    out = Augmentation(**{**vars(STILL), "grey": 1.0})(faces, 112, _generator())
    torch.testing.assert_close(out[:, 0], out[:, 1])
    assert (faces[:, 0] != faces[:, 1]).any()


def test_low_resolution_removes_detail(faces: Tensor) -> None:
    out = Augmentation(**{**vars(STILL), "low_resolution": 1.0})(faces, 112, _generator())
    before = (faces.float() / 255).diff(dim=3).abs().mean()
    assert out.diff(dim=3).abs().mean() < 0.8 * before


def test_the_default_is_repeatable_bounded_and_changes_each_face(faces: Tensor) -> None:
    out = Augmentation()(faces, 64, _generator())
    assert out.shape == (8, 3, 64, 64)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert out.min() >= 0
    assert out.max() <= 1
    assert torch.equal(out, Augmentation()(faces, 64, _generator()))
    assert all(not torch.equal(out[0], out[i]) for i in (2, 4, 6))


def test_the_given_faces_are_left_alone(faces: Tensor) -> None:
    before = faces.clone()
    Augmentation()(faces, 112, _generator())
    assert torch.equal(faces, before)


CHANGES = ["mirror", "low_resolution", "grey", "occlusion", "gaussian_blur", "motion_blur", "darkness", "jpeg"]


def _only(**changes: float) -> Augmentation:
    return Augmentation(**{**vars(STILL), **changes})


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_comes_as_often_as_asked_and_leaves_the_other_faces_alone(change: str) -> None:
    noise = torch.randint(20, 236, (300, 3, 48, 48), generator=_generator()).byte()
    out = _only(**{change: 0.3})(noise, 48, _generator())
    changed = (out != noise.float() / 255).flatten(1).any(1)
    # Four standard deviations of a share of 300.
    assert abs(changed.float().mean() - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 300)
    # The batch may lie in memory as its pictures do, with the colours side by side.
    packed = noise.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(_only(**{change: 0.3})(packed, 48, _generator()), out, atol=1e-5, rtol=0)


def test_place_is_that_of_a_slow_resampling(faces: Tensor) -> None:
    augmentation = _only(rotation=8, scale=0.1, shift=5, mirror=0.5)
    out = augmentation(faces, 112, _generator())
    generator = _generator()
    draw = torch.randn(4, len(faces), generator=generator).double().numpy()
    mirrored = (torch.rand(len(faces), generator=generator) < 0.5).tolist()
    assert 0 < sum(mirrored) < len(faces)
    y, x = np.mgrid[:112, :112] - 55.5
    for face, (turn, size, right, down), flip, result in zip(faces, draw.T, mirrored, out, strict=True):
        angle, zoom = math.radians(8 * turn), math.exp(0.1 * size)
        column, row = (-x, y) if flip else (x, y)
        from_x = zoom * (math.cos(angle) * column - math.sin(angle) * row) + 5 * right
        from_y = zoom * (math.sin(angle) * column + math.cos(angle) * row) + 5 * down
        places = [from_y + 55.5, from_x + 55.5]
        slow = [ndimage.map_coordinates(c.numpy() / 255, places, order=1, mode="nearest") for c in face]
        np.testing.assert_allclose(result.numpy(), np.stack(slow), atol=1e-3)


def _plain(*colour: int) -> Tensor:
    """2,000 faces of one colour."""
    return torch.tensor(colour, dtype=torch.uint8).view(1, 3, 1, 1).repeat(2000, 1, 8, 8)


def test_brightness_and_contrast_are_spread_as_asked() -> None:
    bright = _only(brightness=0.15)(_plain(90, 90, 90), 8, _generator())[:, 0, 0, 0] / (90 / 255)
    assert bright.log().std() == pytest.approx(0.15, abs=0.01)
    assert bright.log().mean() == pytest.approx(0, abs=0.015)
    halves = _plain(100, 100, 100)
    halves[..., :4] = 140
    contrast = _only(contrast=0.15)(halves, 8, _generator())
    assert (contrast.mean((1, 2, 3)) * 255 - 120).abs().max() < 1e-3
    distance = (contrast[..., 0] - contrast[..., 7]).mean((1, 2)) / (40 / 255)
    assert distance.log().std() == pytest.approx(0.15, abs=0.01)


def test_temperature_moves_red_and_blue_apart_and_leaves_grey_faces_grey() -> None:
    out = _only(temperature=0.1)(_plain(90, 120, 60), 8, _generator())[..., 0, 0] * 255
    red, blue = (out[:, 0] / 90).log(), (out[:, 2] / 60).log()
    assert (out[:, 1] - 120).abs().max() < 1e-3
    assert (red + blue).abs().max() < 1e-4
    assert red.std() == pytest.approx(0.1, abs=0.007)
    grey = _only(temperature=0.1, grey=1)(_plain(90, 120, 60), 8, _generator())[..., 0, 0] * 255
    assert (grey - (0.299 * 90 + 0.587 * 120 + 0.114 * 60)).abs().max() < 1e-3


def test_darkness_is_a_power_of_1_3_to_2_5() -> None:
    out = _only(darkness=1)(_plain(51, 102, 204), 8, _generator())[..., 0, 0]
    powers = out.log() / torch.tensor([0.2, 0.4, 0.8]).log()
    assert (powers - powers[:, :1]).abs().max() < 1e-4
    assert powers.min() == pytest.approx(1.3, abs=0.01)
    assert powers.max() == pytest.approx(2.5, abs=0.01)
    assert powers.mean() == pytest.approx(1.9, abs=0.03)


@pytest.mark.parametrize("change", ["gaussian_blur", "motion_blur"])
def test_blurs_are_the_same_share_of_a_face_at_any_size(faces: Tensor, change: str) -> None:
    large = _only(**{change: 1})(faces, 112, _generator())
    small = _only(**{change: 1})(faces, 56, _generator())
    halved = torch.nn.functional.avg_pool2d(large, 2)
    unchanged = torch.nn.functional.avg_pool2d(faces.float() / 255, 2)
    assert (small - halved).abs().mean() < 0.4 * (unchanged - halved).abs().mean()


def test_what_is_left_out_draws_nothing_so_that_old_runs_can_be_repeated(faces: Tensor) -> None:
    used, expected = _generator(), _generator()
    Augmentation()(faces, 64, used)
    n = len(faces)
    torch.randn(4, n, generator=expected)
    for count in (n, n, 1, n):
        torch.rand(count, generator=expected)
    torch.randn(2, n, generator=expected)
    assert torch.equal(used.get_state(), expected.get_state())


def test_resize_smooths_when_it_shrinks() -> None:
    stripes = torch.zeros(1, 3, 112, 112, dtype=torch.uint8)
    stripes[..., ::2] = 255
    # Without smoothing, stripes of one pixel at half the size come out black, white or as broad bands.
    assert (resize(stripes, 56).float()[..., 2:-2] - 127.5).abs().max() < 20


def test_resize_leaves_the_right_size_alone(faces: Tensor) -> None:
    assert resize(faces, 112) is faces
