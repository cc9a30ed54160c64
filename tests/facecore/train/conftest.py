from pathlib import Path

import numpy as np
import pytest

from tests.facecore.train.people import write_people


@pytest.fixture
def people(tmp_path: Path, crops: list[np.ndarray]) -> Path:
    """A folder of three people with all that training looks for."""
    return write_people(tmp_path / "people", crops)
