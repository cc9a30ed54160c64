import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo import zero_gpu
from facecore.recognizer import FaceRecognizer

PACKAGE = """
calls = []
def GPU(duration):
    def lend(function):
        def lent(batch):
            calls.append((duration, batch.shape))
            return function(batch)
        return lent
    return lend
"""


@pytest.fixture
def spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of the name, which notes what it is asked for."""
    (tmp_path / "spaces.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "spaces", raising=False)


def own(recognizer: FaceRecognizer) -> FaceRecognizer:
    return FaceRecognizer(recognizer.model)


def crop() -> np.ndarray:
    return np.full((112, 112, 3), 90, np.uint8)


@pytest.mark.usefixtures("spaces")
def test_batches_run_on_the_gpu_that_is_lent(recognizer: FaceRecognizer) -> None:
    lent = own(recognizer)
    zero_gpu.use(lent, {"SPACES_ZERO_GPU": "true"})
    np.testing.assert_array_equal(lent.encode([crop()], 2), own(recognizer).encode([crop()], 2))
    package: Any = sys.modules["spaces"]
    assert package.calls == [(zero_gpu.SECONDS, (2, 3, 112, 112))]
    assert lent.backend.version == own(recognizer).backend.version


@pytest.mark.usefixtures("spaces")
@pytest.mark.parametrize("environment", [{}, {"SPACES_ZERO_GPU": ""}, {"SPACES_ZERO_GPU": "false"}])
def test_nothing_changes_elsewhere(recognizer: FaceRecognizer, environment: dict[str, str]) -> None:
    kept = own(recognizer)
    before = kept.backend
    zero_gpu.use(kept, environment)
    assert kept.backend is before
    assert "spaces" not in sys.modules


def test_nothing_changes_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "spaces", raising=False)
    assert not zero_gpu.offered({"SPACES_ZERO_GPU": "true"})
