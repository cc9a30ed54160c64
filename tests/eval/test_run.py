import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.cache import Cache
from eval.engines.base import Embedded, Photo, Work
from eval.engines.local import LocalEngine
from eval.flags import add_run_flags
from eval.run import Run, open_run
from facecore.errors import CacheError
from facecore.recognizer import FaceRecognizer
from facecore.spec import RecognizerSpec

WORK = Work(RecognizerSpec(), "largest", batch_size=2)


class Counting:
    """The local engine in this process; counts photos, and is interrupted after so many pieces."""

    name = "counting"

    def __init__(self, recognizer: FaceRecognizer, pieces: int = 1000) -> None:
        self.inner = LocalEngine(recognizer, 0)
        self.pieces = pieces
        self.photos: list[Photo] = []

    def run(self, work: Work, photos: Sequence[Photo]) -> Iterator[Embedded]:
        for number, piece in enumerate(self.inner.run(work, photos)):
            if number == self.pieces:
                raise KeyboardInterrupt
            self.photos += [photos[row] for row in piece.rows]
            yield piece


@pytest.fixture
def paths(tmp_path: Path, astronaut: np.ndarray, coffee: np.ndarray) -> list[Path]:
    """Seven photos: five faces, two of them in files of the same bytes, a broken file, and no face."""
    face = astronaut[:256, 64:320]
    for i in range(4):
        Image.fromarray((face * (1 - 0.1 * i)).astype(np.uint8)).save(tmp_path / f"a{i}.png")
    (tmp_path / "copy.png").write_bytes((tmp_path / "a1.png").read_bytes())
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    Image.fromarray(coffee[:200, :200]).save(tmp_path / "coffee.png")
    names = ["a0.png", "a1.png", "broken.png", "copy.png", "a2.png", "coffee.png", "a3.png"]
    return [tmp_path / name for name in names]


STATUS = ("ok", "ok", "unreadable", "ok", "ok", "no_face", "ok")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_a_quiet_run_writes_nothing_to_the_terminal(
    recognizer: FaceRecognizer, paths: list[Path], cache: Cache, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Run(recognizer, WORK, LocalEngine(recognizer, 0), cache, quiet=True).embed(paths[:2]).status == STATUS[:2]
    assert capsys.readouterr() == ("", "")
    Run(recognizer, WORK, LocalEngine(recognizer, 0)).embed(paths[:1])
    assert "embedding" in capsys.readouterr().err


def test_the_cache_changes_nothing(recognizer: FaceRecognizer, paths: list[Path], cache: Cache) -> None:
    without = Run(recognizer, WORK, Counting(recognizer)).embed(paths)
    cold, warm = (Run(recognizer, WORK, Counting(recognizer), cache).embed(paths) for _ in range(2))
    for result in (cold, warm):
        assert result.status == without.status == STATUS
        np.testing.assert_array_equal(result.matrix, without.matrix)
        np.testing.assert_array_equal(result.quality, without.quality)
        assert result.problems == without.problems
        assert set(result.problems) == {2, 5}


def test_nothing_is_done_twice(recognizer: FaceRecognizer, paths: list[Path], cache: Cache) -> None:
    engines = [Counting(recognizer), Counting(recognizer)]
    for engine in engines:
        Run(recognizer, WORK, engine, cache).embed(paths)
    first, second = (engine.photos for engine in engines)
    assert first == [path for path in paths if path.name != "copy.png"]
    assert second == []


def test_a_run_that_was_interrupted_goes_on(recognizer: FaceRecognizer, paths: list[Path], cache: Cache) -> None:
    broken_off = Counting(recognizer, pieces=1)
    with pytest.raises(KeyboardInterrupt):
        Run(recognizer, WORK, broken_off, cache).embed(paths)
    rest = Counting(recognizer)
    result = Run(recognizer, WORK, rest, cache).embed(paths)
    assert len(broken_off.photos) >= 2
    assert broken_off.photos + rest.photos == [path for path in paths if path.name != "copy.png"]
    np.testing.assert_array_equal(result.matrix, Run(recognizer, WORK, Counting(recognizer)).embed(paths).matrix)


@pytest.mark.parametrize(
    "work",
    [
        Work(RecognizerSpec(), "largest", batch_size=3),
        Work(RecognizerSpec(), "centre", batch_size=2),
    ],
)
def test_what_decides_an_embedding_is_part_of_the_key(
    recognizer: FaceRecognizer, paths: list[Path], cache: Cache, work: Work
) -> None:
    Run(recognizer, WORK, Counting(recognizer), cache).embed(paths[:2])
    engine = Counting(recognizer)
    Run(recognizer, work, engine, cache).embed(paths[:2])
    assert engine.photos == paths[:2]


def test_so_is_the_model(recognizer: FaceRecognizer, paths: list[Path], cache: Cache) -> None:
    fast = FaceRecognizer.from_pretrained(align="fast")
    keys = {Run(r, WORK, Counting(recognizer), cache)._version() for r in (recognizer, fast)}
    assert len(keys) == 2


def test_a_file_that_changes_meanwhile_is_not_kept(recognizer: FaceRecognizer, paths: list[Path], cache: Cache) -> None:
    class Changing(Counting):
        def run(self, work: Work, photos: Sequence[Photo]) -> Iterator[Embedded]:
            for piece in super().run(work, photos):
                paths[0].write_bytes(paths[4].read_bytes() + b"x")
                yield piece

    Run(recognizer, WORK, Changing(recognizer), cache).embed(paths[:2])
    before = Counting(recognizer)
    paths[0].unlink()
    Image.fromarray(np.zeros((200, 200, 3), np.uint8)).save(paths[0])
    result = Run(recognizer, WORK, before, cache).embed(paths[:2])
    assert result.status[0] == "no_face"
    assert cache.content()[1] == [("resnet18", 2)]  # the second photo, and the new first


def test_a_missing_photo(recognizer: FaceRecognizer, paths: list[Path], cache: Cache) -> None:
    gone = paths[0].with_name("gone.png")
    result = Run(recognizer, WORK, Counting(recognizer), cache).embed([gone, paths[0]])
    assert result.status == ("missing", "ok")
    assert result.problems == {0: "cannot be read"}


def test_what_is_wrong_names_no_other_photo(recognizer: FaceRecognizer, paths: list[Path], cache: Cache) -> None:
    broken = [paths[0].with_name(name) for name in ("one.png", "other.png")]
    for path in broken:
        path.write_bytes(paths[0].read_bytes()[:1000])
        (problem,) = Run(recognizer, WORK, Counting(recognizer), cache).embed([path]).problems.values()
        assert problem.startswith("is damaged")


def test_nothing_to_embed(recognizer: FaceRecognizer, cache: Cache) -> None:
    for kept in (None, cache):
        result = Run(recognizer, WORK, Counting(recognizer), kept).embed([])
        assert (result.status, result.matrix.shape) == ((), (0, recognizer.embedding_dim))


def _flags(*words: str) -> argparse.Namespace:
    p = argparse.ArgumentParser()
    add_run_flags(p)
    return p.parse_args(words)


def test_flags_make_a_run(own_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_run(_flags("--batch-size", "8"), face="centre") as run:
        assert run.work.batch_size == 8
        assert run.work.face == "centre"
        assert run.cache is not None
        assert run.cache.path.parent == own_cache
    assert str(own_cache) in capsys.readouterr().err
    with open_run(_flags("--cache", str(tmp_path / "mine"), "--face", "only")) as run:
        assert run.cache is not None
        assert run.cache.path.parent == tmp_path / "mine"
        assert run.work.face == "only"
    with open_run(_flags("--no-cache")) as run:
        assert run.cache is None
    assert "cannot be resumed" in capsys.readouterr().err


def test_a_cache_that_cannot_be_used(own_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_cache.write_text("no folder")
    with open_run(_flags()) as run:  # nobody has asked for this one
        assert run.cache is None
    assert "cannot be made" in capsys.readouterr().err
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(CacheError), open_run(_flags("--cache", str(tmp_path / "file"))):
        pass


@pytest.mark.parametrize("words", [("--workers", "-1"), ("--batch-size", "0"), ("--timeout", "0")])
def test_flags_without_sense(words: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=words[0]), open_run(_flags(*words)):
        pass
