from pathlib import Path

import numpy as np
import pytest

from eval.index import read_index
from facecore.errors import PairListError
from facecore.verification.listtext import ListText
from facecore.verification.pairs import open_pairs


@pytest.fixture(params=[16, 4 << 20])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are read in blocks of so many bytes."""
    monkeypatch.setattr(ListText.blocks, "__defaults__", (request.param,))


@pytest.mark.usefixtures("block")
def test_places_lead_back_to_the_names(tmp_path: Path) -> None:
    rows = [("a.jpg", "b.jpg"), ("b.jpg", "a.jpg"), ("c.jpg", "c.jpg"), ("a.jpg", "d.jpg")]
    (tmp_path / "p.txt").write_text("".join(f"{left} {right}\n" for left, right in rows))
    index = read_index(open_pairs(tmp_path / "p.txt"))
    assert [(index.names[i], index.names[j]) for i, j in zip(index.left, index.right, strict=True)] == rows
    assert sorted(index.names) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert index.label is None
    assert index.fold is None
    counts = dict(zip(index.names, index.counts().tolist(), strict=True))
    assert counts == {"a.jpg": 3, "b.jpg": 2, "c.jpg": 1, "d.jpg": 1}


@pytest.mark.usefixtures("block")
def test_labels_and_folds(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("left,right,same,fold\na,b,1,x\nc,d,,y\ne,f,0,\ng,h,true,x\n")
    index = read_index(open_pairs(tmp_path / "p.csv"))
    assert index.label is not None
    assert index.label.tolist() == [1, -1, 0, 1]
    assert index.fold is not None
    assert index.fold.tolist() == [0, 1, -1, 0]
    assert index.label.dtype == np.int8


@pytest.mark.usefixtures("block")
def test_a_bad_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("a.jpg b.jpg 1\n" * 9 + "a.jpg b.jpg 2\n")
    with pytest.raises(PairListError, match="line 10"):
        read_index(open_pairs(tmp_path / "p.txt"))
