import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from facecore.data import parquet
from facecore.data.parquet import VAL_SPLITS, read_pairs, read_shards, teacher_names
from facecore.errors import DataError


def test_reads_the_faces_of_a_split_with_their_targets(tiny_shards: Path, crops: list[np.ndarray]) -> None:
    shards = read_shards(tiny_shards, ["train"], ["teacher", "teacher2"])
    assert len(shards) == 48
    assert shards.images.shape == (48, 112, 112, 3)
    assert shards.images.dtype == np.uint8
    assert list(shards.ids[:3]) == [0, 1, 2]
    assert shards.targets["teacher"].shape == (48, 128)
    assert shards.targets["teacher"].dtype == np.float32
    row = pq.read_table(tiny_shards / "faces-01-of-02.parquet").to_pylist()[3]
    np.testing.assert_allclose(
        shards.targets["teacher2"][24 + 3], np.array(row["teacher2"]) * np.float32(0.01), rtol=1e-6
    )
    # Colours are in their places: the crop is close to the photo that it was made from.
    correlation = np.corrcoef(shards.images[0].ravel(), crops[0].ravel())[0, 1]
    assert correlation > 0.95


def test_threads_keep_the_order(tiny_shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "PIECE", 5)
    shards = read_shards(tiny_shards, ["train", "val"], progress=False)
    rows = [row for path in sorted(tiny_shards.glob("faces-*")) for row in pq.read_table(path).to_pylist()]
    rows = [row for row in rows if row["split"] in ("train", "val")]
    assert list(shards.ids) == [row["id"] for row in rows]
    for image, row in zip(shards.images, rows, strict=True):
        np.testing.assert_array_equal(image, np.asarray(Image.open(io.BytesIO(row["image"])).convert("RGB")))
    assert shards.name(100) == f"face {rows[100]['id']}"


def _with_people(shards: Path, people: dict[int, str | None]) -> None:
    """Give the first shard a column of people; the second has none."""
    path = shards / "faces-00-of-02.parquet"
    table = pq.read_table(path)
    names = pa.array([people.get(number, "") for number in range(table.num_rows)], pa.string())
    pq.write_table(table.append_column("person", names), path)


def test_people_are_labels(tiny_shards: Path) -> None:
    _with_people(tiny_shards, {0: "zoe", 1: None, 2: "ann", 5: "zoe", 23: "ben", 30: "in val alone"})
    shards = read_shards(tiny_shards, ["train"], people=True, progress=False)
    assert shards.classes == ("ann", "ben", "zoe")
    assert shards.labels.dtype == np.int64
    assert shards.labels.shape == (48,)
    known = {int(row): shards.classes[shards.labels[row]] for row in np.flatnonzero(shards.labels >= 0)}
    assert known == {0: "zoe", 2: "ann", 5: "zoe", 23: "ben"}
    assert set(shards.labels) == {-1, 0, 1, 2}


def test_without_people_there_are_no_labels(tiny_shards: Path) -> None:
    for shards in (
        read_shards(tiny_shards, ["train"], people=True, progress=False),
        read_shards(tiny_shards, ["train"], progress=False),
    ):
        assert shards.classes == ()
        assert shards.labels.tolist() == [-1] * 48


def test_the_teachers_of_a_folder(tiny_shards: Path) -> None:
    assert teacher_names(tiny_shards) == ("teacher", "teacher2")
    for content in ("{}", "[1]", "{"):
        (tiny_shards / "teachers.json").write_text(content)
        with pytest.raises(DataError, match=r"teachers.json"):
            teacher_names(tiny_shards)
    with pytest.raises(DataError, match=r"teachers.json"):
        read_shards(tiny_shards, ["train"], ["teacher"])


@pytest.mark.parametrize("most", [1, 7, 48, 100])
def test_no_more_faces_than_asked_for_evenly_taken(tiny_shards: Path, most: int) -> None:
    every, some = (read_shards(tiny_shards, ["train"], ["teacher"], most=limit) for limit in (None, most))
    rows = np.linspace(0, 47, min(most, 48)).astype(int)
    np.testing.assert_array_equal(some.ids, every.ids[rows])
    np.testing.assert_array_equal(some.images, every.images[rows])
    np.testing.assert_array_equal(some.targets["teacher"], every.targets["teacher"][rows])
    assert len(some.labels) == len(rows)


def test_splits_do_not_mix(tiny_shards: Path) -> None:
    assert len(read_shards(tiny_shards, VAL_SPLITS)) == 204
    assert not set(read_shards(tiny_shards, VAL_SPLITS).ids) & set(read_shards(tiny_shards, ["train"]).ids)


def test_reads_the_pairs_of_a_half(tiny_shards: Path) -> None:
    pairs = read_pairs(tiny_shards, "fit")
    assert list(pairs.columns) == ["left", "right", "same", "pool"]
    assert set(pairs["left"]) <= set(read_shards(tiny_shards, VAL_SPLITS).ids)


def test_no_shards(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="faces-"):
        read_shards(tmp_path, ["train"])


def test_no_face_of_the_split(tiny_shards: Path) -> None:
    with pytest.raises(DataError, match="holiday"):
        read_shards(tiny_shards, ["holiday"])


def test_faces_of_some_licences_alone(tiny_shards: Path) -> None:
    every = read_shards(tiny_shards, ["train"], progress=False)
    free = set()
    for path in tiny_shards.glob("faces-*.parquet"):
        table = pq.read_table(path)
        licences = [("cc-by-4.0", "research", "mit-repo")[i % 3] for i in range(table.num_rows)]
        pq.write_table(table.append_column("licence", pa.array(licences)), path)
        free |= {number for number, name in zip(table["id"].to_pylist(), licences, strict=True) if name != "research"}
    some = read_shards(tiny_shards, ["train"], ["teacher"], progress=False, licences=["cc-by-4.0", "mit-repo"])
    assert set(some.ids) == free & set(every.ids)
    assert len(some.targets["teacher"]) == len(some) < len(every)
    with pytest.raises(DataError, match="split train under the licence gpl"):
        read_shards(tiny_shards, ["train"], licences=["gpl"])


def test_shards_that_say_no_licence(tiny_shards: Path) -> None:
    with pytest.raises(DataError, match=r"faces-.*parquet: there is no column licence"):
        read_shards(tiny_shards, ["train"], progress=False, licences=["research"])


def test_a_teacher_that_is_not_there(tiny_shards: Path) -> None:
    with pytest.raises(DataError, match="teacher3.*teacher, teacher2"):
        read_shards(tiny_shards, ["train"], ["teacher3"])


@pytest.mark.parametrize("damage", ["truncated", "column", "image", "size", "scales"])
def test_damage_names_the_file(tiny_shards: Path, damage: str) -> None:
    path = tiny_shards / "faces-00-of-02.parquet"
    table = pq.read_table(path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "column":
        pq.write_table(table.drop_columns(["image"]), path)
    elif damage in ("image", "size"):
        rows = table.to_pylist()
        rows[1]["image"] = b"no image" if damage == "image" else _png(64)
        pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    else:
        path = tiny_shards / "teachers.json"
        path.write_text("{")
    with pytest.raises(DataError, match=path.name):
        read_shards(tiny_shards, ["train"], ["teacher"], progress=False)


def _png(size: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (size, size)).save(out, "PNG")
    return out.getvalue()


def test_pairs_that_cannot_be_read(tiny_shards: Path) -> None:
    with pytest.raises(DataError, match="practice"):
        read_pairs(tiny_shards, "practice")
    pd.DataFrame({"left": [1]}).to_parquet(tiny_shards / "val_pairs.parquet")
    with pytest.raises(DataError, match="val_pairs"):
        read_pairs(tiny_shards, "fit")
    (tiny_shards / "val_pairs.parquet").unlink()
    with pytest.raises(DataError, match="val_pairs"):
        read_pairs(tiny_shards, "fit")


@pytest.mark.data
def test_the_real_shards(shared_data: Path) -> None:
    shards = read_shards(shared_data / "train", VAL_SPLITS, ["teacher"], people=True, progress=False)
    assert len(shards) == 5_854 + 4_880
    assert len(shards.classes) == 250
    assert (shards.labels >= 0).sum() == 5_854
    for half in ("fit", "test"):
        pairs = read_pairs(shared_data / "train", half)
        assert pairs["same"].sum() == 5_000
        assert pairs["pool"].value_counts().to_dict() == {"fairface": 200_000, "people": 105_000}
        assert set(pairs["left"]) | set(pairs["right"]) <= set(shards.ids)
