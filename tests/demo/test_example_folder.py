from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.example_folder import PARTS, write_example_folder
from facecore.data.folder import scan_folder
from facecore.data.layout import find_layout
from facecore.verification.pairs import read_pairs


def test_it_is_what_training_looks_for(tmp_path: Path) -> None:
    layout = find_layout(write_example_folder(tmp_path / "data"))
    folder = scan_folder(layout.train)
    assert folder.classes == ("collins", "hopper")
    assert np.bincount(folder.labels).tolist() == [PARTS["train_data"]] * 2
    assert layout.val is not None
    assert layout.test is not None
    labelled = read_pairs(next(path for path in layout.lists if "val" in path.name)).table
    assert labelled["label"].value_counts().to_dict() == {False: 36, True: 30}
    assert all((layout.images / name).exists() for name in labelled["left"])
    with Image.open(folder.path(0)) as picture:
        assert picture.size == (112, 112)


@pytest.mark.slow
def test_one_seed_gives_one_folder(tmp_path: Path) -> None:
    first, again, other = (write_example_folder(tmp_path / name, seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    photo = Path("train_data") / "hopper" / "03.png"
    assert (first / photo).read_bytes() == (again / photo).read_bytes()
    assert (first / photo).read_bytes() != (other / photo).read_bytes()
