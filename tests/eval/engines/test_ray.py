"""Ray takes a minute to start, so that all tests that need it share one cluster of two workers and a network."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from eval.cache import Cache
from eval.engines import ray_pairs
from eval.engines.base import Embedded, Photo, Work
from eval.engines.local import LocalEngine
from eval.engines.ray import RayEngine, _blocks
from eval.engines.ray_cluster import cluster, reason
from eval.engines.ray_encode import Encode, identity
from eval.engines.ray_pairs import Target, check_folder, rechunked, score_partitions
from eval.engines.ray_stages import Prepare, embedded, photo_table
from eval.engines.worker import prepare
from eval.index import read_index
from eval.results import write_scores
from eval.run import Run
from eval.scoring import Scored, Sides, score_pairs
from facecore.errors import FacecoreError, ModelError
from facecore.recognizer import FaceRecognizer
from facecore.spec import RecognizerSpec
from facecore.verification.pairs import open_pairs
from tests.eval.engines.poisoned import poisoned

WORK = Work(RecognizerSpec(device="cpu"), "largest", 4)
ODD = "umlaut-\udce4.png"  # a name that is no valid Unicode, as old archives hold


@pytest.fixture
def photos(tmp_path: Path, astronaut: np.ndarray, hopper_path: Path, coffee: np.ndarray) -> list[Photo]:
    """Twelve photos: ten faces, one with an odd name and one in memory; one broken, one without a face."""
    for i in range(4):
        Image.fromarray((astronaut * (1 - 0.1 * i)).astype(np.uint8)).save(tmp_path / f"a{i}.png")
        Image.open(hopper_path).resize((256, 300)).rotate(2 * i).save(tmp_path / f"h{i}.png")
    (tmp_path / ODD).write_bytes((tmp_path / "a0.png").read_bytes())
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    Image.fromarray(coffee).save(tmp_path / "coffee.png")
    faces = [tmp_path / f"{name}{i}.png" for i in range(4) for name in "ah"]
    return [
        *faces[:3],
        tmp_path / "broken.png",
        *faces[3:],
        tmp_path / ODD,
        hopper_path.read_bytes(),
        tmp_path / "coffee.png",
    ]


def _sorted(
    pieces: Iterator[Embedded] | list[Embedded],
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray, dict[int, str]]:
    """What an engine gave, in the photos' order: status, embeddings, quality, keep and problems."""
    found = list(pieces)
    rows = np.concatenate([piece.rows for piece in found])
    order = np.argsort(rows)
    assert rows[order].tolist() == list(range(len(rows)))  # each photo once
    return (
        np.concatenate([np.array(piece.status, object) for piece in found])[order].tolist(),
        np.concatenate([piece.matrix for piece in found])[order],
        np.concatenate([piece.quality for piece in found])[order],
        np.concatenate([piece.keep for piece in found])[order],
        {row: text for piece in found for row, text in piece.problems.items()},
    )


# The stages alone, in this process.


@pytest.mark.slow
def test_the_stages_give_what_the_local_engine_gives(recognizer: FaceRecognizer, photos: list[Photo]) -> None:
    stage = Prepare(WORK, prepare, 60.0)
    try:
        ready = stage(photo_table(0, photos))
    finally:
        stage.pool.stop()
        stage.pool.join()
    encode = Encode(WORK, identity(recognizer))
    # Other batches than the local engine's: neighbours must not matter.
    tables = [encode(ready[:5]), encode(ready[5:])]
    mine = _sorted([embedded(table, recognizer.embedding_dim) for table in tables])
    local = _sorted(LocalEngine(recognizer, 0).run(WORK, photos))
    assert mine[0] == local[0] == ["ok"] * 3 + ["unreadable"] + ["ok"] * 7 + ["no_face"]
    np.testing.assert_array_equal(mine[1], local[1])
    np.testing.assert_array_equal(mine[2], local[2])
    np.testing.assert_array_equal(mine[3], local[3])
    assert mine[4] == local[4]


@pytest.mark.slow
def test_a_photo_that_kills_or_hangs_costs_itself(tmp_path: Path, astronaut: np.ndarray) -> None:
    for name in ("good", "poison", "hang", "last"):
        Image.fromarray(astronaut).save(tmp_path / f"{name}.png")
    stage = Prepare(WORK, poisoned, 20.0)
    try:
        ready = stage(photo_table(7, [tmp_path / f"{name}.png" for name in ("good", "poison", "hang", "last")]))
    finally:
        stage.pool.stop()
        stage.pool.join()
    assert ready["row"].to_pylist() == [7, 8, 9, 10]
    assert ready["status"].to_pylist() == ["ok", "unreadable", "unreadable", "ok"]
    assert ready["keep"].to_pylist() == [True, False, False, True]
    problems = ready["problem"].to_pylist()
    assert problems[1].startswith(b"crashed the process that read it, twice")
    assert problems[2] == b"given up after 20 seconds"


def test_another_model_on_a_machine_is_refused(recognizer: FaceRecognizer) -> None:
    nothing = photo_table(0, [])
    expected = {**identity(recognizer), "model": "0" * 64}
    with pytest.raises(ModelError, match="instead of 0000"):
        Encode(WORK, expected)(nothing)


def test_blocks_hold_each_photo_once_and_give_every_actor_some() -> None:
    photos: list[Photo] = [Path(f"{i}.png") for i in range(1000)]
    blocks = _blocks(photos, 0, 1000, readers=3)
    assert [row for block in blocks for row in block["row"].to_pylist()] == list(range(1000))
    assert max(len(block) for block in blocks) <= 64
    assert len(_blocks(photos, 0, 5, readers=2)) == 5
    assert [block["row"].to_pylist() for block in _blocks(photos, 998, 1000, readers=2)] == [[998], [999]]


def test_the_reason_is_what_a_worker_raised_or_the_end_of_what_ray_says() -> None:
    class Wrapped(RuntimeError):
        cause = ValueError("policy 'biggest' is not known\nTo change retry attempts, configure\n")

    assert reason(Wrapped("pages of logs")) == "policy 'biggest' is not known"
    assert reason(RuntimeError("Traceback:\n  somewhere\nModelError: another model\n")) == "ModelError: another model"
    assert reason(RuntimeError()) == "RuntimeError"


def test_without_ray_there_is_a_message() -> None:
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from eval.engines.ray_cluster import cluster\n"
        "from facecore.errors import FacecoreError\n"
        "try:\n"
        "    with cluster(None, 1): pass\n"
        "except FacecoreError as error: print(error)\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert "pip install 'ray[data]'" in done.stdout


def test_an_address_where_nobody_listens() -> None:
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1", "nowhere"):
        with (
            pytest.raises(FacecoreError, match=f"no Ray cluster at '{address}' .*: give the address that"),
            cluster(address, 1),
        ):
            pass


def test_no_workers_make_no_sense(recognizer: FaceRecognizer) -> None:
    with pytest.raises(ValueError, match="--workers 0"):
        list(RayEngine(recognizer, workers=0).run(WORK, [Path("a.png")]))


def test_tables_of_equal_length() -> None:
    tables = [pd.DataFrame({"n": range(begin, end)}) for begin, end in ((0, 3), (3, 4), (4, 14), (14, 15))]
    again = list(rechunked(iter(tables), 4))
    assert [table["n"].tolist() for table in again] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14]]


def test_types_in_parquet_do_not_depend_on_values(tmp_path: Path) -> None:
    full = pd.DataFrame({"left": ["a"], "score": [0.5], "label": pd.array([True], "boolean"), "note": ["x"]})
    bare = pd.DataFrame({"left": ["b"], "score": [np.nan], "label": pd.array([None], "boolean"), "note": [None]})
    for name, table in (("full", full), ("bare", bare)):
        ray_pairs.write_parquet(table, tmp_path / f"{name}.parquet")
    one, two = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("full", "bare"))
    assert one.schema.types == two.schema.types == [pa.string(), pa.float64(), pa.bool_(), pa.string()]
    assert two["score"].to_pylist() == [None]


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    check_folder(tmp_path / "new")
    (tmp_path / "part-00000.csv").touch()
    (tmp_path / "scores.json").touch()
    check_folder(tmp_path)
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(ValueError, match="holiday"):
        check_folder(tmp_path)
    with pytest.raises(ValueError, match="needs? a folder"):
        check_folder(tmp_path / "holiday.jpg")


# On a cluster.

ray_warnings = pytest.mark.filterwarnings(
    "ignore:`use_(push_based_shuffle|polars|arrow_tensor_v2)` is deprecated:DeprecationWarning"
)


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    if importlib.util.find_spec("ray") is None:  # not importorskip: what Ray is told is read when it is imported
        pytest.skip("needs Ray")
    with cluster(None, 3) as cores:
        assert cores == 3
        yield


@pytest.mark.slow
@ray_warnings
@pytest.mark.usefixtures("two_workers")
def test_the_same_numbers_with_a_worker_killed_in_the_middle(
    recognizer: FaceRecognizer, photos: list[Photo], tmp_path: Path
) -> None:
    killer = tmp_path / "actor.png"
    killer.write_bytes((tmp_path / "a1.png").read_bytes())
    mixed = [*photos[:6], tmp_path / "poison.png", killer, tmp_path / "missing.png", *photos[6:]]
    found = _sorted(RayEngine(recognizer, workers=2, timeout=120, prepare=poisoned).run(WORK, mixed))
    assert killer.with_suffix(".killed").read_text().isdigit()  # it has happened
    local = _sorted(LocalEngine(recognizer, 0).run(WORK, [*photos[:6], killer, tmp_path / "missing.png", *photos[6:]]))
    rest = [row for row in range(len(mixed)) if row != 6]
    assert [found[0][row] for row in rest] == local[0]
    for mine, theirs in zip(found[1:4], local[1:4], strict=True):
        np.testing.assert_array_equal(mine[rest], theirs)
    assert found[0][6] == "unreadable"
    assert not found[3][6]
    assert "crashed" in found[4][6]
    assert set(found[4]) == {3, 6, 8, 14}


@pytest.mark.slow
@ray_warnings
@pytest.mark.usefixtures("two_workers")
def test_a_stopped_run_goes_on(recognizer: FaceRecognizer, photos: list[Photo], tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    first = Run(recognizer, WORK, _Stops(recognizer, workers=2), cache)
    with pytest.raises(KeyboardInterrupt):
        first.embed(photos)
    (known,) = [count for _, count in cache.content()[1]]
    assert 0 < known < len(photos)
    seen = list[int]()

    class Counts(RayEngine):
        def run(self, work: Work, photos: list[Photo]) -> Iterator[Embedded]:
            seen.append(len(photos))
            return super().run(work, photos)

    result = Run(recognizer, WORK, Counts(recognizer, workers=2), cache).embed(photos)
    cache.close()
    expected = Run(recognizer, WORK, LocalEngine(recognizer, 0)).embed(photos)
    assert result.status == expected.status
    np.testing.assert_array_equal(result.matrix, expected.matrix)
    # Two of the photos are the same bytes.
    assert seen == [len(photos) - 1 - known]


class _Stops(RayEngine):
    def run(self, work: Work, photos: list[Photo]) -> Iterator[Embedded]:
        yield next(iter(super().run(work, photos)))
        raise KeyboardInterrupt


@pytest.mark.slow
@ray_warnings
@pytest.mark.usefixtures("two_workers")
def test_an_error_of_ours_stops_the_run(recognizer: FaceRecognizer, tmp_path: Path, astronaut: np.ndarray) -> None:
    Image.fromarray(astronaut).save(tmp_path / "a.png")
    work = Work(WORK.spec, "biggest", 4)
    with pytest.raises(FacecoreError, match="policy 'biggest'"):
        list(RayEngine(recognizer, workers=2).run(work, [tmp_path / "a.png"]))


@pytest.mark.slow
@ray_warnings
@pytest.mark.usefixtures("two_workers")
def test_more_workers_than_the_cluster_has(recognizer: FaceRecognizer) -> None:
    with pytest.raises(FacecoreError, match="has 3 processor cores and 13 are needed"):
        list(RayEngine(recognizer, workers=10).run(WORK, [Path("a.png")]))


@pytest.mark.slow
@ray_warnings
@pytest.mark.usefixtures("two_workers")
def test_partitions_are_the_local_csv_cut_in_pieces(
    recognizer: FaceRecognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    count, pairs = 50, 20_000
    matrix = rng.standard_normal((count, 512)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix[7] = np.nan
    status = np.array(["ok"] * count, object)
    status[7] = "no_face"
    left, right = rng.integers(0, count, (2, pairs))
    rows = [f'{a}.jpg,"=1, {b}.jpg",{(a + b) % 2},{a % 3},note {a}' for a, b in zip(left, right, strict=True)]
    (tmp_path / "list.csv").write_text("\n".join(["left,right,label,fold,note", *rows]) + "\n")
    source = open_pairs(tmp_path / "list.csv")
    index = read_index(source)
    number = [int(name.removeprefix("=1, ").removesuffix(".jpg")) for name in index.names]
    sides = Sides(matrix[number], status[number], np.linspace(0, 1, len(number), dtype=np.float32), count, {})
    model = recognizer.model

    run = Run(recognizer, WORK, LocalEngine(recognizer, 0))
    expected: Scored = score_pairs(run, index, sides)
    write_scores(expected.tables(source, quality=True), tmp_path / "local.csv", spreadsheet_safe=True)
    monkeypatch.setattr(ray_pairs, "PART_ROWS", 8192)
    monkeypatch.setattr(ray_pairs, "SHARD_BYTES", 512 * 4 * 16)
    target = Target("csv", quality=True, spreadsheet_safe=True)
    scored = score_partitions(None, model, source, index, sides, tmp_path / "csv", target)
    np.testing.assert_array_equal(scored.scores, expected.scores)
    files = sorted((tmp_path / "csv").iterdir())
    assert [file.name for file in files] == ["part-00000.csv", "part-00001.csv", "part-00002.csv"]
    lines = [part.read_bytes().splitlines(keepends=True) for part in files]
    assert lines[0][0] == lines[1][0] == lines[2][0]
    assert (
        b"".join([lines[0][0], *(line for part in lines for line in part[1:])]) == (tmp_path / "local.csv").read_bytes()
    )

    score_partitions(None, model, source, index, sides, tmp_path / "csv", Target("parquet"))  # replaces the folder
    assert {part.suffix for part in (tmp_path / "csv").iterdir()} == {".parquet"}
    table = pq.read_table(tmp_path / "csv").to_pandas()
    np.testing.assert_array_equal(table["score"].to_numpy(), expected.scores)
    assert table["right"].tolist() == [f"=1, {b}.jpg" for b in right]
    assert table["status"].tolist()[:50] == [row for t in expected.tables(source) for row in t["status"]][:50]

    parts = ray_pairs._parts(source, index, sides)
    with pytest.raises(FileNotFoundError, match="absent"):
        ray_pairs._score(model, parts, sides.matrix, pairs, tmp_path / "absent", target, ahead=2)
