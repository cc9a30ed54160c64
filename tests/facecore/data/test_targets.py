import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from eval.embed import main as embed
from facecore import image
from facecore.data import targets as module
from facecore.data.folder import FaceFolder, find_photos
from facecore.data.parquet import read_shards
from facecore.data.targets import read_targets, teacher_targets
from facecore.errors import DataError, ModelError
from facecore.onnx_file import OnnxInput
from facecore.recognizer import FaceRecognizer
from tests.facecore.onnx_models import needs_onnx, write_means

NAMES = ["ann/0.png", "ann/1, two.png", "ben/0.png", "ben/1.png"]
WIDTH = 6


@pytest.fixture
def folder(tmp_path: Path, crops: list[np.ndarray]) -> FaceFolder:
    """Four small crops of two people."""
    root = tmp_path / "faces"
    for number, name in enumerate(NAMES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        darker = (crops[number // 2] * (1 - number / 10)).astype(np.uint8)
        Image.fromarray(darker).resize((64, 64)).save(root / name)
    found = find_photos(root)
    assert [found.name(row) for row in range(len(found))] == NAMES
    return found


@pytest.fixture
def table(tmp_path: Path) -> np.ndarray:
    """What the files below hold: six rows, of which four are of training images."""
    return np.random.default_rng(0).normal(0, 1, (6, WIDTH)).astype(np.float32)


ORDER = ["ben/1.png", "other/9.png", "ann/0.png", "ann/1, two.png", "more.png", "ben/0.png"]
PLACES = [2, 3, 5, 0]  # of the training images in it


def _write(folder: FaceFolder, table: np.ndarray, index: str | None, ending: str = ".txt") -> Path:
    path = folder.root.parent / "vectors.npy"
    np.save(path, table)
    if index is not None:
        path.with_suffix(ending).write_text(index, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_rows_of_a_table_come_in_the_order_of_the_folder(
    folder: FaceFolder, table: np.ndarray, kind: type, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write(folder, table.astype(kind), "\n".join(ORDER) + "\n\n")
    found = read_targets(path, None, folder)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, table.astype(kind).astype(np.float32)[PLACES])
    assert "4 of the 4 training images; 2 of its rows are of other images" in capsys.readouterr().err


@pytest.mark.parametrize("column", ["path", "name", "image", " Path "])
def test_an_index_may_be_csv(folder: FaceFolder, table: np.ndarray, column: str) -> None:
    lines = [f"number,{column},note", *(f'{i},"{name}",x' for i, name in enumerate(ORDER))]
    path = _write(folder, table, None)
    index = folder.root.parent / "index of it"
    index.write_text("\n".join(lines), encoding="utf-8-sig")
    np.testing.assert_array_equal(read_targets(path, index, folder), table[PLACES])


def test_paths_may_begin_anywhere(folder: FaceFolder, table: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.root.parent)
    named = ["faces/ann/0.png", f"./faces/../faces/{NAMES[1]}", str(folder.root / NAMES[2]), "./ben/1.png", "x", "y"]
    found = read_targets(_write(folder, table, "\n".join(named)), None, folder)
    np.testing.assert_array_equal(found, table[:4])


def test_images_that_the_table_lacks_have_nan(
    folder: FaceFolder, table: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    table = table[[3, 5]]
    table[1] = np.nan
    found = read_targets(_write(folder, table, "ann/1, two.png\nben/0.png"), None, folder)
    np.testing.assert_array_equal(found[1], table[0])
    assert np.isnan(found[[0, 2, 3]]).all()
    assert "1 of the 4 training images" in capsys.readouterr().err


def test_a_name_that_is_not_utf8(tmp_path: Path, folder: FaceFolder, table: np.ndarray) -> None:
    os.rename(folder.root / NAMES[3], os.fsencode(folder.root) + b"/ben/caf\xe9.png")
    folder = find_photos(folder.root)
    path = _write(folder, table[:2], None)
    index = tmp_path / "index.txt"
    index.write_bytes(b"ben/caf\xe9.png\nann/0.png\n")
    found = read_targets(path, index, folder)
    np.testing.assert_array_equal(found[3], table[0])
    names = pa.array(["ben/caf\\xe9.png", "ann/0.png"])  # as eval.embed writes it
    pq.write_table(pa.table({"path": names, "embedding": table[:2].tolist()}), tmp_path / "e.parquet")
    np.testing.assert_allclose(read_targets(tmp_path / "e.parquet", None, folder)[3], table[0], rtol=1e-6)


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.large_list(pa.float32()), pa.list_(pa.float32(), WIDTH), pa.list_(pa.float16())]
)
def test_a_parquet_table(folder: FaceFolder, table: np.ndarray, kind: pa.DataType) -> None:
    rows = [row.astype(np.float16) if kind.value_type == pa.float16() else row for row in table]
    lists: list[object] = [list(row) for row in rows]
    lists[5] = None if pa.types.is_fixed_size_list(kind) else []
    path = folder.root.parent / "e.parquet"
    pq.write_table(pa.table({"path": ORDER, "embedding": pa.array(lists, kind)}), path, row_group_size=2)
    found = read_targets(path, None, folder)
    np.testing.assert_array_equal(found[[0, 1, 3]], np.array(rows, np.float32)[[2, 3, 0]])
    assert np.isnan(found[2]).all()


@pytest.mark.slow
def test_the_table_that_eval_embed_writes(folder: FaceFolder, tmp_path: Path, recognizer: FaceRecognizer) -> None:
    (folder.root / NAMES[2]).write_bytes(b"no image")
    out = tmp_path / "e.parquet"
    assert embed([str(folder.root), "--out", str(out), "--workers", "0", "--align", "none"]) == 0
    found = read_targets(out, None, folder)
    crops = [recognizer.input.fit(image.load(folder.path(row))) for row in (0, 1, 3)]
    np.testing.assert_allclose(found[[0, 1, 3]], recognizer.encode(crops, 4), atol=1e-5)
    assert np.isnan(found[2]).all()


def _spoil(row: int, column: int | slice, value: float) -> Callable[[np.ndarray], np.ndarray]:
    def spoiled(table: np.ndarray) -> np.ndarray:
        table = table.copy()
        table[row, column] = value
        return table

    return spoiled


GOOD = "\n".join(ORDER)


@pytest.mark.parametrize(
    ("change", "index", "words"),
    [
        (lambda t: t, None, "vectors.txt and vectors.csv are looked for, neither"),
        (lambda t: t, "\n", "vectors.txt: the index is empty"),
        (lambda t: t, GOOD + "\na.png", "names 7 images, but .*vectors.npy has 6 rows"),
        (lambda t: t, "file\n" + GOOD, "names 7 images.*a header needs a column path, name, image"),
        (lambda t: t, GOOD.replace("other/9.png", ""), "vectors.txt, line 2: there is no path"),
        (lambda t: t, "path\n" + GOOD.replace("ann/1, two", '"'), "vectors.txt: the index cannot be read as CSV"),
        (lambda t: t, "id,path\n" + "1\n" * 6, "line 2: there is no path"),
        (lambda t: t, GOOD.replace("other/9.png", "./ann/0.png"), "two rows for one image, './ann/0.png' and 'ann/0"),
        (lambda t: t, "\n".join("abcdef"), r"none of its 6 images .*'a', and 'ann/0.png' is the first in .*faces"),
        (lambda t: t[0], GOOD, r"vectors.npy: must hold floats, a row an image, not float32 of the shape \(6,\)"),
        (lambda t: t[:, :0], GOOD, r"the shape \(6, 0\)"),
        (lambda t: t.astype(int), GOOD, "not int64"),
        (lambda t: np.array([None] * 6), GOOD, "vectors.npy: the embeddings cannot be read"),
        (_spoil(2, 1, np.inf), GOOD, "the embedding of ann/0.png has values that are not finite"),
        (_spoil(3, 1, np.nan), GOOD, "the embedding of ann/1, two.png has values that are not finite"),
        (lambda t: _spoil(0, 1, 1e300)(t.astype(float)), GOOD, "ben/1.png has values that are not finite"),
        (_spoil(5, slice(None), 0), GOOD, "the embedding of ben/0.png is zero"),
        (lambda t: t * np.nan, GOOD, "no embedding of any training image"),
    ],
)  # fmt: skip
def test_tables_and_indices_that_do_not_fit(
    folder: FaceFolder, table: np.ndarray, change: Callable[[np.ndarray], np.ndarray], index: str | None, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        read_targets(_write(folder, change(table), index), None, folder)


def test_what_other_images_have_does_not_matter(folder: FaceFolder, table: np.ndarray) -> None:
    table[1], table[4] = np.inf, 0
    np.testing.assert_array_equal(read_targets(_write(folder, table, GOOD), None, folder), table[PLACES])


def test_files_that_are_no_tables(folder: FaceFolder, table: np.ndarray) -> None:
    path = _write(folder, table, GOOD)
    with pytest.raises(DataError, match="gone.txt: the index cannot be read: No such file"):
        read_targets(path, path.with_name("gone.txt"), folder)
    path.with_suffix(".csv").write_text(GOOD)
    with pytest.raises(DataError, match="both are here"):
        read_targets(path, None, folder)
    with pytest.raises(DataError, match=r"vectors.npz: must end in .npy or .parquet"):
        read_targets(path.with_suffix(".npz"), None, folder)
    with pytest.raises(DataError, match="an index goes with .npy only"):
        read_targets("e.parquet", path.with_suffix(".txt"), folder)
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(DataError, match="vectors.npy: the embeddings cannot be read"):
        read_targets(path, path.with_suffix(".txt"), folder)
    with pytest.raises(DataError, match="gone.npy: the embeddings cannot be read"):
        read_targets(path.with_name("gone.npy"), None, folder)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"path": ["a"]}, "cannot be read"),
        ({"path": [1], "embedding": [[1.0]]}, "path must hold text, not int64"),
        ({"path": ["a"], "embedding": [1.0]}, "lists of floats, not double"),
        ({"path": ["a"], "embedding": [[1]]}, "lists of floats, not list<"),
        ({"path": ["a", None], "embedding": [[1.0], [1.0]]}, "a row has no path"),
        ({"path": ["a", "b"], "embedding": [[1.0], [1.0, 2.0]]}, r"the widths \[1, 2\]"),
        ({"path": ["a"], "embedding": pa.array([[]], pa.list_(pa.float32()))}, r"the widths \[\]"),
        ({"path": ["ann/0.png"], "embedding": [[1.0, None]]}, "ann/0.png has values that are not finite"),
    ],
)
def test_parquet_files_that_are_no_tables(folder: FaceFolder, columns: dict[str, object], words: str) -> None:
    path = folder.root.parent / "e.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(DataError, match=rf"e.parquet: .*{words}"):
        read_targets(path, None, folder)


def test_damaged_parquet(folder: FaceFolder) -> None:
    path = folder.root.parent / "e.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(DataError, match="e.parquet: the table cannot be read"):
        read_targets(path, None, folder)


def _expected(recognizer: FaceRecognizer, folder: FaceFolder, row: int) -> np.ndarray:
    """The mean of the embeddings of an image and its mirror image, one at a time."""
    crop = recognizer.input.fit(image.load(folder.path(row)))
    both = [recognizer.encode([np.ascontiguousarray(side)], 1)[0] for side in (crop, np.fliplr(crop))]
    return np.mean(both, axis=0)


def test_a_model_as_the_teacher_is_asked_once(
    folder: FaceFolder,
    recognizer: FaceRecognizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder.path(2).write_bytes(b"no image")

    def ask() -> np.ndarray:
        return teacher_targets("resnet18", folder, tmp_path, batch_size=3, device="cpu", progress=False)

    found = ask()
    assert found.dtype == np.float32
    assert np.isnan(found[2]).all()
    for row in (0, 1, 3):
        np.testing.assert_allclose(found[row], _expected(recognizer, folder, row), atol=1e-5)
    assert "1 of 4 images cannot be read" in capsys.readouterr().err

    class _Gone(FaceRecognizer):
        """A teacher that has lost its weights."""

        def encode(self, crops: object, batch_size: int) -> np.ndarray:
            raise AssertionError("the teacher was asked again")

    monkeypatch.setattr(module, "FaceRecognizer", _Gone)
    np.testing.assert_array_equal(ask(), found)
    assert "1 of 4 images cannot be read" in capsys.readouterr().err
    kept = list(tmp_path.glob("targets-*.npy"))
    assert len(kept) == 1
    # Other images, another question or a damaged file: what is kept does not serve.
    os.rename(folder.path(3), folder.root / "ben/2.png")
    with pytest.raises(AssertionError, match="asked again"):
        teacher_targets("resnet18", find_photos(folder.root), tmp_path, progress=False)
    with pytest.raises(AssertionError, match="asked again"):
        teacher_targets("resnet18", folder, tmp_path, mirror=False, progress=False)
    kept[0].write_bytes(kept[0].read_bytes()[:-9])
    with pytest.raises(AssertionError, match="asked again"):
        ask()
    np.save(kept[0], found[:3])
    with pytest.raises(AssertionError, match="asked again"):
        ask()
    assert list(tmp_path.glob("targets-*")) == kept


@needs_onnx
def test_an_onnx_file_as_the_teacher_sees_pictures_its_own_way(folder: FaceFolder, tmp_path: Path) -> None:
    path = write_means(tmp_path / "net.onnx")
    given = OnnxInput(mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 8.0), channels="rgb")
    found = teacher_targets(path, folder, tmp_path, onnx=given, mirror=False, batch_size=2, progress=False)
    assert found.shape == (4, 3)
    for row in range(4):  # the network gives the mean of each channel
        mean = (image.load(folder.path(row)).reshape(-1, 3).mean(0) - [10, 20, 30]) / [2, 4, 8]
        np.testing.assert_allclose(found[row], mean / np.linalg.norm(mean), atol=1e-5)


@needs_onnx
def test_faces_of_shards_can_have_a_teacher_too(tiny_shards: Path, tmp_path: Path) -> None:
    shards = read_shards(tiny_shards, ["train"], progress=False)
    given = OnnxInput(mean=(0.0,), std=(1.0,), channels="rgb")
    path = write_means(tmp_path / "net.onnx", ("batch", 3, 112, 112))
    found = teacher_targets(path, shards, tmp_path, onnx=given, progress=False)
    means = shards.images.reshape(48, -1, 3).mean(1)  # the same for the mirror image
    np.testing.assert_allclose(found, means / np.linalg.norm(means, axis=1, keepdims=True), atol=1e-5)


@needs_onnx
def test_teachers_that_cannot_be_used(folder: FaceFolder, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither a bundled model"):
        teacher_targets("resnet9000", folder, tmp_path)
    path = write_means(tmp_path / "net.onnx")
    tiny = OnnxInput(mean=(0.0,), std=(1e-44,), channels="rgb")
    with pytest.raises(ModelError, match=r"net.onnx: .*not finite"), np.errstate(all="ignore"):
        teacher_targets(path, folder, tmp_path, onnx=tiny, progress=False)
    assert not list(tmp_path.glob("targets-*"))
