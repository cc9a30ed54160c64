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


def test_aligned_scales_a_whole_photo(astronaut: np.ndarray) -> None:
    assert preset("aligned", 64).fit(astronaut[:100]).shape == (64, 64, 3)


def test_reference_keeps_its_proportions_at_other_sizes() -> None:
    assert preset("reference", 112).resize == 128


@pytest.mark.parametrize(("name", "size"), [("other", None), ("aligned", 32)])
def test_what_is_not_known_is_refused(name: str, size: int | None) -> None:
    with pytest.raises(ValueError, match="other|32"):
        preset(name, size)
