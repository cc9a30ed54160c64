import hashlib
import multiprocessing
import os
import sqlite3
import stat
import time
from pathlib import Path

import numpy as np
import pytest

from eval.cache import FILE, Cache, Entry, main
from facecore.errors import CacheError

VECTOR = np.array([0.6, -0.8], np.float32)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def _age(path: Path, seconds: float) -> None:
    """Make a file look as if it had been changed some time ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def test_what_is_added_is_found_bit_by_bit(cache: Cache) -> None:
    version = cache.version("model a", "a")
    vector = np.random.default_rng(0).normal(size=256).astype(np.float32)
    entries = {b"1" * 32: Entry("ok", 0.25, None, vector), b"2" * 32: Entry("no_face", float("nan"), "none", None)}
    cache.add(version, entries)
    found = cache.find(version, [b"1" * 32, b"2" * 32, b"3" * 32])
    assert set(found) == set(entries)
    np.testing.assert_array_equal(found[b"1" * 32].embedding, vector)
    assert found[b"1" * 32].quality == 0.25
    assert (found[b"2" * 32].status, found[b"2" * 32].problem) == ("no_face", "none")
    assert np.isnan(found[b"2" * 32].quality)


def test_another_version_never_sees_it(cache: Cache) -> None:
    cache.add(cache.version("model a", "a"), {b"1" * 32: Entry("ok", 1.0, None, VECTOR)})
    other = cache.version("model a, batch 32", "a")
    assert other != cache.version("model a", "a")
    assert cache.find(other, [b"1" * 32]) == {}


def test_numbers_of_versions_are_not_used_again(cache: Cache) -> None:
    first = cache.version("a", "a")
    cache.clear()
    assert cache.version("b", "b") != first


def test_more_photos_than_one_query_takes(cache: Cache) -> None:
    version = cache.version("a", "a")
    digests = [_digest(str(i).encode()) for i in range(1234)]
    cache.add(version, {digest: Entry("ok", 0.5, None, VECTOR) for digest in digests})
    assert len(cache.find(version, digests)) == 1234


def test_digests_are_those_of_the_bytes(cache: Cache, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"one")
    photos = [path, b"two", tmp_path / "missing.jpg", tmp_path]
    assert list(cache.digests(photos)) == [_digest(b"one"), _digest(b"two"), None, None]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(cache: Cache, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert list(cache.digests([tmp_path / "pipe.jpg", Path("/dev/zero")])) == [None, None]


def test_an_unchanged_file_is_not_read_again_and_a_changed_one_is(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"one")
    real = time.time_ns
    monkeypatch.setattr("eval.cache.time.time_ns", lambda: real() + 10_000_000_000)  # the file is no longer fresh
    assert list(cache.digests([path])) == [_digest(b"one")]
    read: list[Path] = []
    monkeypatch.setattr("eval.cache._digest", lambda p: read.append(p) or _digest(p.read_bytes()))
    assert list(cache.digests([path])) == [_digest(b"one")]
    assert read == []
    path.write_bytes(b"two")
    _age(path, 100)  # the same size, and a time in the past
    assert list(cache.digests([path])) == [_digest(b"two")]
    assert read == [path]


def test_a_file_that_has_just_been_written_is_not_trusted(cache: Cache, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"one")
    list(cache.digests([path]))
    assert cache.content()[0] == 0


def test_only_the_owner_may_look(cache: Cache) -> None:
    assert stat.S_IMODE(cache.path.parent.stat().st_mode) == 0o700


def test_a_transaction_that_fails_leaves_nothing(cache: Cache) -> None:
    version = cache.version("a", "a")
    good, bad = Entry("ok", 1.0, None, VECTOR), Entry(object(), 1.0, None, VECTOR)  # type of status is wrong
    with pytest.raises((CacheError, sqlite3.Error)):
        cache.add(version, {b"1" * 32: good, b"2" * 32: bad})
    assert cache.find(version, [b"1" * 32]) == {}


def test_a_file_that_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(CacheError, match=r"cannot be used .*delete it"):
        Cache(tmp_path)


def test_a_cache_of_a_later_format(cache: Cache) -> None:
    with sqlite3.connect(cache.path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(CacheError, match="another facecore"):
        Cache(cache.path.parent)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(CacheError, match="cannot be made"):
        Cache(tmp_path / "file" / "cache")


def test_a_full_disk_is_an_error_of_writing(cache: Cache) -> None:
    version = cache.version("a", "a")
    cache._db.execute("PRAGMA max_page_count = 20")
    vector = np.zeros(10_000, np.float32)
    with pytest.raises(OSError, match="no space left"):
        cache.add(version, {_digest(str(i).encode()): Entry("ok", 1.0, None, vector) for i in range(50)})
    assert cache.find(version, [_digest(b"0")]) == {}


def _write(folder: Path, begin: int) -> None:
    cache = Cache(folder)
    version = cache.version("a", "a")
    for i in range(begin, begin + 200, 10):
        cache.add(version, {_digest(str(j).encode()): Entry("ok", 0.5, None, VECTOR) for j in range(i, i + 10)})


def test_two_writers(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path / "cache", begin)) for begin in (0, 100, 1000)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    cache = Cache(tmp_path / "cache")
    everything = [_digest(str(i).encode()) for i in [*range(300), *range(1000, 1200)]]
    assert len(cache.find(cache.version("a", "a"), everything)) == 500
    assert cache._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_info_and_clear(cache: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(cache.path.parent)
    cache.add(cache.version("a 1", "a"), {b"1" * 32: Entry("ok", 1.0, None, VECTOR)})
    cache.add(cache.version("b", "b"), {bytes([i]) * 32: Entry("ok", 1.0, None, VECTOR) for i in range(3)})
    assert main(["info", "--cache", folder]) == 0
    out = capsys.readouterr().out
    assert "1 embeddings by a" in out
    assert "3 embeddings by b" in out
    assert main(["clear", "--cache", folder, "--model", "a"]) == 0
    assert "deleted 1 embeddings" in capsys.readouterr().out
    assert main(["clear", "--cache", folder]) == 0
    assert "deleted 3 embeddings" in capsys.readouterr().out
    assert cache.content() == (0, [])


def test_clear_does_not_lose_what_a_run_adds_afterwards(cache: Cache) -> None:
    version = cache.version("a", "a")
    other = Cache(cache.path.parent)
    other.clear()
    cache.add(version, {b"1" * 32: Entry("ok", 1.0, None, VECTOR)})
    assert set(other.find(other.version("a", "a"), [b"1" * 32])) == {b"1" * 32}
    assert other.content() == (0, [("a", 1)])
    assert other.clear() == 1


def test_no_cache_to_look_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--cache", str(tmp_path / "none")]) == 0
    assert "no cache here" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()
