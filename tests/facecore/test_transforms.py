import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from facecore.transforms import preset


def test_reference_is_what_torchvision_does(astronaut: np.ndarray) -> None:
    photo = astronaut[:, 30:400]  # not square
    theirs = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )(Image.fromarray(photo))
    reference = preset("reference")
    ours = reference.batch([reference.fit(photo)])
    torch.testing.assert_close(ours[0], theirs, atol=1e-6, rtol=1e-6)


def test_aligned_leaves_a_crop_as_it_is(crops: list[np.ndarray]) -> None:
    aligned = preset("aligned")
    assert aligned.fit(crops[0]) is crops[0]
    batch = aligned.batch(crops)
    assert batch.shape == (2, 3, 112, 112)
    assert batch.dtype == torch.float32
    np.testing.assert_allclose(batch[1, 2, 5, 7], crops[1][5, 7, 2] / 127.5 - 1, atol=1e-6)


def test_blue_first_where_the_network_wants_it(crops: list[np.ndarray]) -> None:
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    rgb = dataclasses.replace(preset("aligned"), mean=mean, std=std)
    bgr = dataclasses.replace(rgb, channels="bgr")
    np.testing.assert_array_equal(bgr.array(crops), rgb.array(crops)[:, ::-1])
    faces = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2) / 255
    for order in (rgb, bgr):
        torch.testing.assert_close(order.normalise(faces), order.batch(crops), rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(301, 200), (200, 301), (256, 256), (90, 97), (333, 512)])
def test_reference_is_torchvisions_to_the_last_bit(astronaut: np.ndarray, shape: tuple[int, int]) -> None:
    photo = np.ascontiguousarray(astronaut[: shape[0], : shape[1]])
    theirs = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])(Image.fromarray(photo))
    np.testing.assert_array_equal(preset("reference").fit(photo), np.asarray(theirs))


def test_aligned_scales_a_whole_photo(astronaut: np.ndarray) -> None:
    assert preset("aligned", 64).fit(astronaut[:100]).shape == (64, 64, 3)


def test_reference_keeps_its_proportions_at_other_sizes() -> None:
    assert preset("reference", 112).resize == 128


@pytest.mark.parametrize(("name", "size"), [("other", None), ("aligned", 32)])
def test_what_is_not_known_is_refused(name: str, size: int | None) -> None:
    with pytest.raises(ValueError, match="other|32"):
        preset(name, size)
