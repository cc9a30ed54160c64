import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import facecore

ROOT = Path(__file__).resolve().parents[2]


def test_the_public_names_are_there() -> None:
    assert all(getattr(facecore, name) is not None for name in facecore.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        facecore.__getattr__("nothing")


def test_the_version_is_that_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == facecore.__version__


def test_verification_needs_neither_torch_nor_opencv() -> None:
    code = (
        "import sys, facecore.verification.pairs, facecore.verification.calibration;"
        "print({'torch', 'cv2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
