import pickle

import pytest
import torch
from torch import Generator, Tensor

from facecore.augment import PRESETS, Augmentation, augmentation, resize


def _generator(seed: int = 3) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("size", [112, 64])
def test_every_preset_keeps_its_promises_on_real_faces(faces: Tensor, name: str, size: int) -> None:
    before = faces.clone()
    out = augmentation(name)(faces, size, _generator())
    assert torch.equal(faces, before)
    assert out.shape == (8, 3, size, size)
    assert out.dtype == torch.float32
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert out.min() >= 0
    assert out.max() <= 1
    sent = pickle.loads(pickle.dumps(augmentation(name)))
    assert torch.equal(out, sent(faces, size, _generator()))
    assert torch.equal(out, augmentation(name)(faces, size, _generator(4))) == (name == "none")


@pytest.mark.parametrize("size", [112, 64, 150])
def test_none_only_resizes(faces: Tensor, size: int) -> None:
    assert torch.equal(augmentation("none")(faces, size, _generator()), resize(faces, size).float() / 255)


def test_mirror_only_mirrors(faces: Tensor) -> None:
    many = faces.repeat(50, 1, 1, 1)
    out = augmentation("mirror")(many, 32, _generator())
    given = resize(many, 32).float() / 255
    kept = (out == given).flatten(1).all(1)
    turned = (out == given.flip(3)).flatten(1).all(1)
    assert (kept ^ turned).all()
    assert 160 < turned.sum() < 240


def test_hard_makes_every_change() -> None:
    hard, face = augmentation("hard"), augmentation("face")
    assert face == Augmentation()
    assert all(strength >= vars(face)[name] and strength > 0 for name, strength in vars(hard).items())


@pytest.mark.parametrize("name", ["none", "mirror", "face", "hard"])
def test_the_values_of_faces_are_never_waited_for(name: str) -> None:
    # Tensors on the device "meta" have no values: reading one, or mixing it with one on the CPU, is an error.
    faces = torch.empty(64, 3, 112, 112, dtype=torch.uint8, device="meta")
    out = augmentation(name)(faces, 64, _generator())
    assert out.shape == (64, 3, 64, 64)
    assert out.device.type == "meta"


def test_a_name_that_is_not_known_is_refused_with_the_list() -> None:
    with pytest.raises(ValueError, match="'strong' is not known: use one of none, mirror, face, hard, trivial"):
        augmentation("strong")
