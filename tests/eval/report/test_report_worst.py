import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from eval.report.sample import find_identities, make_sample
from eval.report.worst import SIDE, Thumbnails, find_worst
from eval.resolve import Resolver


def test_the_worst_come_first(table: pd.DataFrame) -> None:
    table.loc[0, "score"] = np.nan  # failed: not among the pictures
    worst = find_worst(table, make_sample(table, find_identities(table)), 0.35, 5, 1)
    same = table["label"].to_numpy(bool)
    accepts = table["score"][~same].sort_values(ascending=False)
    rejects = table["score"][same].sort_values()
    assert [pair.score for pair in worst.false_accepts.pairs] == accepts[:5].tolist()
    assert [pair.row for pair in worst.false_rejects.pairs] == rejects.index[:5].tolist()
    assert worst.false_accepts.total == (accepts >= 0.35).sum()
    assert worst.false_rejects.total == (rejects < 0.35).sum()
    assert worst.false_accepts.pairs[0].left == table["left"][accepts.index[0]]


def test_where_none_is_wrong_the_closest_are_shown(table: pd.DataFrame) -> None:
    sample = make_sample(table, find_identities(table))
    worst = find_worst(table, sample, 0.99, 20, 1)
    assert worst.false_accepts.total == 0
    assert len(worst.false_accepts.pairs) == 6
    assert find_worst(table, sample, None, 20, 1).false_accepts.total is None
    assert find_worst(table, sample, 0.35, 0, 1).false_accepts.pairs == ()


def test_of_distances_the_smallest_is_the_worst_false_accept(table: pd.DataFrame) -> None:
    distances = table.assign(score=1 - table["score"])
    worst = find_worst(distances, make_sample(distances, find_identities(distances), True), -0.65, 3, -1)
    impostors = distances.loc[~distances["label"].astype(bool), "score"]
    assert worst.false_accepts.pairs[0].score == pytest.approx(impostors.min())


def test_thumbnails_are_small_jpegs_without_exif(tmp_path: Path, astronaut: np.ndarray) -> None:
    photo = Image.fromarray(astronaut)
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    photo.save(tmp_path / "a.jpg", exif=exif)
    uri, problem = Thumbnails(Resolver(tmp_path)).get("a.jpg")
    assert not problem
    assert uri.startswith("data:image/jpeg;base64,")
    content = base64.b64decode(uri.partition(",")[2])
    assert b"secret" not in content
    small = Image.open(io.BytesIO(content))
    assert max(small.size) == SIDE
    expected = np.asarray(photo.resize(small.size), dtype=float)
    assert np.abs(np.asarray(small, dtype=float) - expected).mean() < 6


def test_photos_that_cannot_be_shown_are_said(tmp_path: Path, astronaut: np.ndarray) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    Image.fromarray(astronaut).save(tmp_path / "outside.png")
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    thumbnails = Thumbnails(Resolver(root))
    assert thumbnails.get("none.jpg") == ("", "this photo is not there")
    assert thumbnails.get("../outside.png") == ("", "outside the image folder")
    assert thumbnails.get("broken.jpg") == ("", "this photo cannot be read")
    assert thumbnails.get("") == ("", "no photo")
    assert Thumbnails(None).get("a.jpg") == ("", "no photo")
