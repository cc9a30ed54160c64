"""Real faces in the form in which augmentation takes them."""

import numpy as np
import pytest
import torch
from torch import Tensor


@pytest.fixture
def faces(crops: list[np.ndarray]) -> Tensor:
    """(8, 3, 112, 112) uint8: the two faces, four times."""
    return torch.from_numpy(np.stack(crops * 4)).permute(0, 3, 1, 2)


@pytest.fixture
def shown(faces: Tensor) -> Tensor:
    """The same as float32 in 0..1."""
    return faces.float() / 255
