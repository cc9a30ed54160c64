import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from eval.context import accuracies, main, make_tracks, read_people, spoil, table
from facecore.errors import DataError

PEOPLE, PHOTOS = 2, 4
SMALL = ["--people", "2", "--photos", "4", "--variants", "1", "--tracks", "1", "--frames", "5", "--epochs", "1"]


@pytest.fixture
def shards(tmp_path: Path, crops: list[np.ndarray]) -> Path:
    """Two people with four photos each in two shards, one with a single photo, and faces that nobody has named."""
    pictures = [(f"p{person}", crop) for person, crop in enumerate(crops) for _ in range(PHOTOS)]
    pictures += [("p9", crops[0]), *[("", crops[0])] * 5]
    rows = []
    for number, (person, crop) in enumerate(pictures):
        out = io.BytesIO()
        Image.fromarray(np.clip(crop + np.uint8(number), number, 255)).save(out, "PNG")
        rows.append({"id": number * 7, "image": out.getvalue(), "person": person, "split": "val"})
    pq.write_table(pa.Table.from_pylist(rows[::2]), tmp_path / "faces-00-of-02.parquet")
    pq.write_table(pa.Table.from_pylist(rows[1::2]), tmp_path / "faces-01-of-02.parquet")
    return tmp_path


def test_context_beats_single_frames_where_frames_are_bad() -> None:
    random = np.random.default_rng(0)
    people = random.normal(size=(6, 1, 1, 16))
    noise = np.array([0.3, 3, 3])[:, None]
    versions = (people + noise * random.normal(size=(6, 8, 3, 16))).astype(np.float32)
    versions /= np.linalg.norm(versions, axis=-1, keepdims=True)
    train, test = (make_tracks(part, 3, 20, 0.5, random) for part in np.split(versions, 2, axis=1))
    (alone, bad_alone), (wide, bad_wide) = (accuracies(train, test, context, 32, 5, seed=1) for context in (0, 3))
    assert wide > alone + 0.1
    assert bad_wide > bad_alone + 0.2
    assert bad_alone < alone
    assert accuracies(train, test, 3, 32, 5, seed=1) == (wide, bad_wide)


def test_tracks_show_one_person_and_the_share_of_bad_frames() -> None:
    versions = np.arange(5 * 4 * 3, dtype=np.float32).reshape(5, 4, 3, 1)  # each version of a photo by its number
    tracks = make_tracks(versions, 2, 400, 0.25, np.random.default_rng(0))
    assert [set(labels) for labels in tracks.labels] == [{person} for person in range(5) for _ in range(2)]
    for embeddings, labels, bad in zip(tracks.embeddings, tracks.labels, tracks.bad, strict=True):
        assert embeddings.shape == (400, 1)
        number = embeddings[:, 0].astype(int)
        assert (number // 12 == labels).all()
        assert ((number % 3 > 0) == bad).all()
        assert set(number % 12) == set(range(12))
        photo = number // 3
        assert 0.5 < (photo[1:] == photo[:-1]).mean() < 0.9  # a photo stays for some frames
    assert np.concatenate(tracks.bad).mean() == pytest.approx(0.25, abs=0.03)


def test_a_bad_frame_is_blurred_or_covered(crops: list[np.ndarray]) -> None:
    crop, random = crops[0].copy(), np.random.default_rng(0)
    covered = []
    for _ in range(40):
        changed = spoil(crop, random)
        assert changed.shape == crop.shape
        assert changed.dtype == np.uint8
        same = (changed == crop).all(axis=2).mean()
        if same > 0.15:  # what is not covered stays as it is
            covered.append(1 - same)
        else:
            assert (
                np.abs(np.diff(changed.astype(int), axis=1)).mean() < np.abs(np.diff(crop.astype(int), axis=1)).mean()
            )
    assert np.array_equal(crop, crops[0])
    assert 10 < len(covered) < 30
    assert all(0.45 < share < 0.85 for share in covered)


def test_people_come_with_their_own_photos(shards: Path, crops: list[np.ndarray]) -> None:
    faces = read_people(shards, "val", PEOPLE, 3, np.random.default_rng(0))
    likeness = [[np.abs(face.astype(int) - crop).mean() for crop in crops] for face in faces]
    who = np.argmin(likeness, axis=1).reshape(PEOPLE, 3)
    assert sorted(who[:, 0]) == [0, 1]
    assert (who == who[:, :1]).all()
    assert len({face.tobytes() for face in faces}) == 6


def test_the_table_has_the_median_and_the_extremes() -> None:
    lines = table({0: [(0.5, 0.1), (0.7, 0.2), (0.9, 0.9)], 3: [(1.0, 1.0)]}).splitlines()
    assert lines[2] == "| 0 | 1 | 70.0% (50.0%–90.0%) | 20.0% (10.0%–90.0%) |"
    assert lines[3] == "| 3 | 7 | 100.0% (100.0%–100.0%) | 100.0% (100.0%–100.0%) |"


def test_the_command_prints_a_row_for_each_context(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [str(shards), *SMALL, "--context", "0", "2", "--repeats", "1", "--batch-size", "16"]
    assert main(command) == 0
    first = capsys.readouterr().out
    rows = [line for line in first.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert [row.split("|")[2].strip() for row in rows] == ["1", "5"]
    assert "2 people; 50% of the frames" in first


def test_people_that_are_not_there_are_missed(
    shards: Path, tiny_shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="2 people of the split 'val' have 4 photos or more.*now 3"):
        read_people(shards, "val", 3, 4, np.random.default_rng(0))
    assert main([str(tiny_shards), *SMALL]) == 2  # these have no column `person`
    assert "faces-00-of-02.parquet: the shard cannot be read" in capsys.readouterr().err
    (shards / "empty").mkdir()
    assert main([str(shards / "empty"), *SMALL]) == 2
    assert "no shards here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--context", "0", "-1"], "--context -1: give 0"),
        (["--bad-share", "0"], "--bad-share 0.0"),
        (["--bad-share", "nan"], "--bad-share nan"),
        (["--people", "1"], "--people 1: give 2 or more"),
        (["--batch-size", "0"], "--batch-size 0: give 1 or more"),
        (["--seed", "-1"], "--seed -1: give 0 or more"),
    ],
)
def test_numbers_out_of_range_are_refused_before_any_work(
    flags: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "absent"), *flags]) == 2
    assert message in capsys.readouterr().err
