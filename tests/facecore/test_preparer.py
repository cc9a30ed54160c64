import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facecore.faces.detector import Face, Policy
from facecore.preparer import Preparer
from facecore.recognizer import FaceRecognizer
from facecore.transforms import preset

ROOT = Path(__file__).resolve().parents[2]


class OneFace:
    """Finds the same face in every photo."""

    version = "one-face"

    def detect(self, rgb: np.ndarray, *, policy: Policy | None = None, chosen_only: bool = False) -> list[Face]:
        points = np.array([[60, 60], [100, 60], [80, 80], [65, 100], [95, 100]], np.float32)
        return [Face((40, 40, 120, 120), points, 0.9)]


def test_a_copy_made_by_pickle_prepares_the_same(recognizer: FaceRecognizer, astronaut: np.ndarray) -> None:
    preparer = recognizer.preparer
    assert preparer.prepare(astronaut).crop is not None  # its detector has been used, and has a network
    copy = pickle.loads(pickle.dumps(preparer))
    assert copy.version == preparer.version
    np.testing.assert_array_equal(copy.prepare(astronaut).crop, preparer.prepare(astronaut).crop)


def test_the_version_names_detector_and_input() -> None:
    versions = {
        Preparer(preset("aligned")).version,
        Preparer(preset("aligned", 96)).version,
        Preparer(preset("aligned"), align="fast").version,
        Preparer(preset("aligned"), align="none").version,
        Preparer(preset("reference")).version,
        Preparer(preset("aligned"), detector=OneFace()).version,
    }
    assert len(versions) == 6


def test_another_detector_is_used_and_travels(astronaut: np.ndarray) -> None:
    preparer = Preparer(preset("aligned"), detector=OneFace())
    assert preparer.faces(astronaut)[0].confidence == 0.9
    assert pickle.loads(pickle.dumps(preparer)).version == preparer.version


def test_the_crop_and_its_quality_are_the_same_when_others_are_not_looked_for(astronaut: np.ndarray) -> None:
    preparer = Preparer(preset("aligned"))
    full, quick = preparer.prepare(astronaut), preparer.prepare(astronaut, chosen_only=True)
    np.testing.assert_array_equal(full.crop, quick.crop)
    assert full.quality is not None
    assert full.quality == quick.quality
    assert full.quality.score > 0.7
    whole = preparer.prepare(full.crop, aligned=True).quality
    assert whole is not None
    assert (whole.sharpness, whole.eye_distance) == (full.quality.sharpness, None)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="detector backend 'tpu' is not known"):
        Preparer(preset("aligned"), detector_backend="tpu")
    with pytest.raises(ValueError, match="'slow' is not known"):
        Preparer(preset("aligned"), **{"align": "slow"})


def test_photos_are_prepared_without_pytorch(hopper_path: Path) -> None:
    code = (
        "import sys; from facecore.spec import RecognizerSpec; import facecore.flags;"
        f"print(RecognizerSpec().make_preparer().prepare({str(hopper_path)!r}).status, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ok", "False"]


def test_each_face_is_what_its_number_gives(recognizer: FaceRecognizer, astronaut: np.ndarray) -> None:
    both = np.concatenate([astronaut, astronaut[::2, ::2].repeat(2, axis=0)[:, :200]], axis=1)
    faces = recognizer.prepare_each(both)
    assert len(faces) == len(faces[0].faces) >= 2
    for number, prepared in enumerate(faces):
        alone = recognizer.prepare(both, face=number)
        assert prepared.to_dict() == alone.to_dict()
        np.testing.assert_array_equal(prepared.crop, alone.crop)
    first = recognizer.prepare_each(both, most=1)
    assert len(first) == 1
    assert len(first[0].faces) == len(faces)


def test_a_photo_without_a_face_gives_one_answer(
    recognizer: FaceRecognizer, coffee: np.ndarray, tmp_path: Path
) -> None:
    for photo in (coffee, b"no photo", tmp_path / "gone.jpg"):
        (only,) = recognizer.prepare_each(photo)
        expected = recognizer.prepare(photo)
        assert (only.status, str(only.error), only.crop) == (expected.status, str(expected.error), None)


def test_where_whole_photos_are_taken_there_is_one_choice(coffee: np.ndarray) -> None:
    preparer = Preparer(preset("aligned"), align="none")
    (only,) = preparer.prepare_each(coffee)
    assert only.status == "ok"
    np.testing.assert_array_equal(only.crop, preparer.prepare(coffee).crop)
