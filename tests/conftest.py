"""Photos that every test may use."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
import skimage.data

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos and shards beside the checkout; the test is skipped where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the photos and shards in {folder}")
    return folder


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """Eileen Collins (NASA), uint8 (512, 512, 3)."""
    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def hopper_path() -> Path:
    """Grace Hopper (US Navy), a JPEG of 512 x 600 pixels that comes with matplotlib."""
    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
