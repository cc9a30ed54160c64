import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.fft import dctn
from torch import Tensor

from facecore.augment import jpeg


def _through_pillow(face: Tensor, quality: int) -> Tensor:
    pixels = (face * 255).round().byte().permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1).float() / 255


def _psnr(a: Tensor, b: Tensor) -> float:
    return -10 * math.log10(float(((a - b) ** 2).mean()))


@pytest.mark.parametrize("quality", [30, 60, 90])
@pytest.mark.parametrize("side", [112, 100])  # a multiple of 16 and none
def test_faces_come_back_as_from_a_file(shown: Tensor, quality: int, side: int) -> None:
    x = shown[:2, :, :side, :side]
    ours = jpeg.compress(x, torch.full((2,), quality))
    files = torch.stack([_through_pillow(face, quality) for face in x])
    lost = float((files - x).abs().mean())
    assert float((ours - files).abs().mean()) < min(1.5 / 255, lost / 2)
    for mine, file, original in zip(ours, files, x, strict=True):
        assert _psnr(mine, original) == pytest.approx(_psnr(file, original), abs=0.4)


def test_the_tables_are_those_of_pillow() -> None:
    qualities = torch.arange(1, 101)
    tables = jpeg.quantisation(qualities)
    for quality, (luminance, chrominance) in zip(qualities.tolist(), tables, strict=True):
        buffer = io.BytesIO()
        Image.new("RGB", (16, 16)).save(buffer, "JPEG", quality=quality)
        expected = Image.open(buffer).quantization  # type of Pillow's JpegImageFile
        assert luminance.flatten().tolist() == expected[0]
        assert chrominance.flatten().tolist() == expected[1]


def test_the_cosine_transform_is_that_of_scipy() -> None:
    block = np.random.default_rng(0).normal(size=(8, 8))
    cosines = jpeg._COSINES.double().numpy()
    np.testing.assert_allclose(cosines @ block @ cosines.T, dctn(block, norm="ortho"), atol=1e-6)


def test_each_face_has_its_own_quality(shown: Tensor) -> None:
    together = jpeg.compress(shown[:2], torch.tensor([10, 95]))
    for face, quality, result in zip(shown, (10, 95), together, strict=False):
        torch.testing.assert_close(result, jpeg.compress(face[None], torch.tensor([quality]))[0])
    assert _psnr(together[0], shown[0]) < _psnr(together[1], shown[1]) - 3


def test_the_given_faces_are_left_alone_and_values_stay_in_range(shown: Tensor) -> None:
    before = shown.clone()
    out = jpeg.compress(shown, torch.full((len(shown),), 1))
    assert torch.equal(shown, before)
    assert out.min() >= 0
    assert out.max() <= 1
