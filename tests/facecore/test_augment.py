import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from facecore.augment import Augmentation, resize

STILL = Augmentation(rotation=0, scale=0, shift=0, mirror=0, low_resolution=0, grey=0, brightness=0, contrast=0)


@pytest.fixture
def faces(crops: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(crops * 4)).permute(0, 3, 1, 2)


def _generator() -> Generator:
    return Generator().manual_seed(3)


def test_without_change_the_faces_stay(faces: Tensor) -> None:
    out = STILL(faces, 112, _generator())
    torch.testing.assert_close(out, faces.float() / 255, atol=1e-4, rtol=0)


def test_mirror_turns_left_and_right(faces: Tensor) -> None:
    out = Augmentation(**{**vars(STILL), "mirror": 1.0})(faces, 112, _generator())
    torch.testing.assert_close(out, faces.flip(3).float() / 255, atol=1e-4, rtol=0)


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


def test_resize_smooths_when_it_shrinks() -> None:
    stripes = torch.zeros(1, 3, 112, 112, dtype=torch.uint8)
    stripes[..., ::2] = 255
    # Without smoothing, stripes of one pixel at half the size come out black, white or as broad bands.
    assert (resize(stripes, 56).float()[..., 2:-2] - 127.5).abs().max() < 20


def test_resize_leaves_the_right_size_alone(faces: Tensor) -> None:
    assert resize(faces, 112) is faces
