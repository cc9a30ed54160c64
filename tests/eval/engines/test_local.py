import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.engines.base import Embedded, Work
from eval.engines.local import LocalEngine
from facecore.errors import ModelError
from facecore.recognizer import FaceRecognizer
from facecore.spec import RecognizerSpec
from tests.poison import prepare_poison

ROOT = Path(__file__).resolve().parents[3]
WORK = Work(RecognizerSpec(), "largest", batch_size=4)


@pytest.fixture
def paths(tmp_path: Path, astronaut: np.ndarray, hopper_path: Path, coffee: np.ndarray) -> list[Path]:
    """Eleven photos, two of them of no use, the last without a face."""
    result = []
    for i in range(4):
        Image.fromarray((astronaut[:256, 64:320] * (1 - 0.1 * i)).astype(np.uint8)).save(tmp_path / f"a{i}.png")
        Image.open(hopper_path).resize((256, 300)).rotate(2 * i).save(tmp_path / f"h{i}.png")
        result += [tmp_path / f"a{i}.png", tmp_path / f"h{i}.png"]
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    Image.fromarray(coffee[:200, :200]).save(tmp_path / "coffee.png")
    return [*result[:4], tmp_path / "broken.png", tmp_path / "gone.png", *result[4:], tmp_path / "coffee.png"]


STATUS = ["ok"] * 4 + ["unreadable", "unreadable"] + ["ok"] * 4 + ["no_face"]


def _joined(pieces: list[Embedded]) -> tuple[list[str], np.ndarray, np.ndarray]:
    assert np.concatenate([piece.rows for piece in pieces]).tolist() == list(range(sum(len(p.rows) for p in pieces)))
    status = [code for piece in pieces for code in piece.status]
    return status, np.concatenate([p.matrix for p in pieces]), np.concatenate([p.keep for p in pieces])


@pytest.mark.parametrize("workers", [0, 2])
def test_embeddings_are_those_of_the_recognizer(recognizer: FaceRecognizer, paths: list[Path], workers: int) -> None:
    pieces = list(LocalEngine(recognizer, workers).run(WORK, paths))
    assert all(np.isfinite(piece.matrix[:, 0]).sum() <= 4 for piece in pieces)
    status, matrix, keep = _joined(pieces)
    assert status == STATUS
    assert keep.all()
    usable = [code == "ok" for code in STATUS]
    expected = recognizer.embed([path for path, ok in zip(paths, usable, strict=True) if ok], batch_size=4)
    np.testing.assert_array_equal(matrix[usable], expected.matrix)
    assert np.isnan(matrix[np.logical_not(usable)]).all()
    quality = np.concatenate([piece.quality for piece in pieces])
    assert ((quality[usable] >= 0) & (quality[usable] <= 1)).all()
    assert np.isnan(quality[np.logical_not(usable)]).all()
    problems = {row: text for piece in pieces for row, text in piece.problems.items()}
    assert set(problems) == {4, 5, 10}
    assert problems[4].startswith("is damaged")  # without a name: photos with the same bytes have it too


def test_bytes_are_photos_too(recognizer: FaceRecognizer, paths: list[Path]) -> None:
    engine = LocalEngine(recognizer, 0)
    (from_files,) = engine.run(WORK, paths[:2])
    (from_bytes,) = engine.run(WORK, [path.read_bytes() for path in paths[:2]])
    np.testing.assert_array_equal(from_files.matrix, from_bytes.matrix)


@pytest.mark.parametrize("workers", [0, 2])
def test_it_can_be_watched_and_stopped(recognizer: FaceRecognizer, paths: list[Path], workers: int) -> None:
    told: list[tuple[int, int]] = []

    def watch(done: int, total: int) -> None:
        told.append((done, total))
        if done == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        list(LocalEngine(recognizer, workers, watch=watch).run(WORK, paths))
    assert told == [(done, len(paths)) for done in (1, 2, 3)]
    assert not [process for process in multiprocessing.active_children() if process.is_alive()]


@pytest.mark.slow
def test_photos_that_crash_or_hang_cost_one_worker_each(recognizer: FaceRecognizer, paths: list[Path]) -> None:
    good = paths[0].read_bytes()
    names = ["crash.png", "once.png", "hang.png"]
    bad = [paths[0].with_name(name) for name in names]
    for path in bad:
        path.write_bytes(good)
    photos = [paths[0], *bad, paths[1]]
    status, matrix, keep = _joined(list(LocalEngine(recognizer, 2, 15.0, prepare_poison).run(WORK, photos)))
    assert status == ["ok", "unreadable", "ok", "unreadable", "ok"]
    assert keep.tolist() == [True, False, True, False, True]
    np.testing.assert_array_equal(matrix[2], matrix[0])


def test_what_stops_every_photo_stops_the_run(recognizer: FaceRecognizer, paths: list[Path], tmp_path: Path) -> None:
    work = Work(RecognizerSpec(model=str(tmp_path / "none")), "largest", 4)
    for workers in (0, 1):
        with pytest.raises(ModelError, match="none"):
            list(LocalEngine(recognizer, workers).run(work, paths))


def test_nothing_to_do(recognizer: FaceRecognizer) -> None:
    assert list(LocalEngine(recognizer, 2).run(WORK, [])) == []


def test_workers_do_without_pytorch() -> None:
    code = "import sys, eval.score, eval.engines.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
