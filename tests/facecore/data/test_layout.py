from pathlib import Path

import pytest

from facecore.data.layout import Layout, find_layout
from facecore.errors import DataError

PAIRS = "verification_data/000.jpg verification_data/001.jpg 1\nverification_data/000.jpg verification_data/002.jpg 0\n"


def make(root: Path, *folders: str) -> Path:
    for folder in folders:
        (root / folder / "ann").mkdir(parents=True)
    return root


def write(path: Path, text: str = PAIRS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def photos(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number:03d}.jpg").touch()


def test_the_whole_layout(tmp_path: Path) -> None:
    make(tmp_path, "train_data", "val_data", "test_data")
    photos(tmp_path / "verification_data")
    lists = (write(tmp_path / "verification_pairs_test.txt"), write(tmp_path / "verification_pairs_val.txt"))
    train, val, test = (tmp_path / f"{name}_data" for name in ("train", "val", "test"))
    assert find_layout(tmp_path) == Layout(train, val, test, lists, tmp_path)


def test_parts_may_lie_in_classification_data(tmp_path: Path) -> None:
    make(tmp_path, "classification_data/train_data", "classification_data/dev_data")
    pairs = write(tmp_path / "verification_pairs.txt")
    base = tmp_path / "classification_data"
    expected = Layout(base / "train_data", base / "dev_data", None, (pairs,), tmp_path)
    assert find_layout(tmp_path) == expected
    assert find_layout(base) == expected  # its lists lie beside it


def test_full_names_come_before_plain_ones(tmp_path: Path) -> None:
    make(tmp_path, "train", "train_data", "val", "dev", "test")
    layout = find_layout(tmp_path)
    assert (layout.train.name, layout.test) == ("train_data", tmp_path / "test")
    assert layout.val == tmp_path / "val"


def test_a_folder_of_people_is_the_training_folder(tmp_path: Path) -> None:
    make(tmp_path, "ann", "ben", ".hidden")
    pairs = write(tmp_path / "my_pairs.csv", "left,right,label\na.jpg,b.jpg,1\n")
    assert find_layout(tmp_path) == Layout(tmp_path, None, None, (pairs,), tmp_path)


def test_only_lists_of_pairs_are_lists(tmp_path: Path) -> None:
    make(tmp_path, "train_data")
    photos(tmp_path / "verification_data")
    good = write(tmp_path / "verification_data/pairs.txt", "000.jpg 001.jpg\n")
    write(tmp_path / "names.txt")  # its name says nothing of pairs
    write(tmp_path / "verification_readme.txt", "These are photos.\n")
    write(tmp_path / "pairs.txt", "")
    write(tmp_path / "pairs.md")
    write(tmp_path / ".pairs.txt")
    (tmp_path / "pairs_folder.txt").mkdir()
    layout = find_layout(tmp_path)
    assert layout.lists == (good,)
    assert layout.images == tmp_path / "verification_data"  # where the names in it are found


@pytest.mark.parametrize("folders", [[], ["val_data"], ["verification_data"], ["test", "dev"]])
def test_shows_what_is_expected_where_there_is_nothing_to_train_with(tmp_path: Path, folders: list[str]) -> None:
    with pytest.raises(DataError, match="holds no training folder; expected\n.*DATA/train_data/PERSON"):
        find_layout(make(tmp_path, *folders))


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder; expected"):
        find_layout(tmp_path / "gone")
    with pytest.raises(DataError, match="is not a folder; expected"):
        find_layout(write(tmp_path / "file"))
