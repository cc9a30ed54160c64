"""Photos that every test may use."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageDraw

from facecore.recognizer import FaceRecognizer
from tests.tiny_shards import write_tiny_shards

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


@pytest.fixture(scope="session")
def recognizer() -> FaceRecognizer:
    """The bundled model."""
    return FaceRecognizer.from_pretrained(device="cpu")


@pytest.fixture(scope="session")
def open_recognizer() -> FaceRecognizer:
    """With the bundled model that is for more than research."""
    return FaceRecognizer.from_pretrained("resnet18-open", device="cpu")


@pytest.fixture(scope="session")
def masked(recognizer: FaceRecognizer, astronaut: np.ndarray) -> np.ndarray:
    """The astronaut with a light blue mask, drawn from under the eyes to under the chin."""
    (face,) = recognizer.faces(astronaut)
    eyes, nose, mouth = face.landmarks[:2].mean(axis=0), face.landmarks[2], face.landmarks[3:].mean(axis=0)
    across, down = face.landmarks[1] - face.landmarks[0], mouth - eyes
    # As cut: high over the nose, lower on the cheeks, round at the chin.
    outline = [
        nose - 0.35 * down,
        nose + 0.9 * across - 0.1 * down,
        mouth + 0.8 * across,
        mouth + 0.4 * across + 0.75 * down,
        mouth - 0.4 * across + 0.75 * down,
        mouth - 0.8 * across,
        nose - 0.9 * across - 0.1 * down,
    ]
    photo = Image.fromarray(astronaut)
    ImageDraw.Draw(photo).polygon([tuple(point) for point in np.array(outline).tolist()], fill=(150, 190, 215))
    return np.asarray(photo)


@pytest.fixture(scope="session")
def coffee() -> np.ndarray:
    """A cup of coffee: no face, uint8 (400, 600, 3)."""
    return skimage.data.coffee()


@pytest.fixture(scope="session")
def crops(recognizer: FaceRecognizer, astronaut: np.ndarray, hopper_path: Path) -> list[np.ndarray]:
    """The aligned faces of the two photos, uint8 (112, 112, 3) each."""
    found = [recognizer.prepare(photo).crop for photo in (astronaut, hopper_path)]
    assert all(crop is not None for crop in found)
    return [crop for crop in found if crop is not None]


@pytest.fixture
def tiny_shards(tmp_path: Path, crops: list[np.ndarray]) -> Path:
    """A folder of two shards of the real layout: 48 training faces and 204 for verification, made from two photos."""
    return write_tiny_shards(tmp_path / "shards", crops)
