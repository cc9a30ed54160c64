"""A small photo for tests of reading."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def small(astronaut: np.ndarray) -> np.ndarray:
    """A part of the photo, uint8 (60, 90, 3)."""
    return np.ascontiguousarray(astronaut[80:140, 170:260])
