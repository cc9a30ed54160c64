"""Where the training, validation and test images and the pair lists of a data folder are."""

import os
from dataclasses import dataclass
from pathlib import Path

from facecore.errors import DataError, PairListError
from facecore.verification.pairs import open_pairs

TRAIN = ("train_data", "train")
VAL = ("val_data", "val", "dev_data", "dev")
TEST = ("test_data", "test")
CLASSIFICATION = "classification_data"
VERIFICATION = "verification_data"
LIST_WORDS = ("pair", "verification")
"""A .txt or .csv file counts as a pair list if its name holds one of these and it reads as one."""

EXPECTED = """expected
    DATA/train_data/PERSON/*.jpg      or DATA/classification_data/train_data/PERSON/*.jpg
    DATA/val_data/PERSON/*.jpg        the same people, other photos (may be missing)
    DATA/test_data/PERSON/*.jpg       the same (may be missing)
    DATA/verification_data/*.jpg      photos of pairs, and
    DATA/verification_pairs*.txt      lists of them (may be missing)
or a folder of images for each person right in DATA"""


@dataclass(frozen=True)
class Layout:
    """The parts of a data folder.

    Attributes:
        train: folder with a folder of images for each class.
        val: the same for validation, or None.
        test: the same for the test at the end, or None.
        lists: pair lists, sorted by name.
        images: folder that the names in the lists are relative to.
    """

    train: Path
    val: Path | None
    test: Path | None
    lists: tuple[Path, ...]
    images: Path


def find_layout(data: str | Path) -> Layout:
    """Find the parts of a data folder by their names.

    The three parts lie right in `data` or in `data/classification_data`, under the names in `TRAIN`, `VAL` and `TEST`,
    the first that exists; without any of them, `data` itself is the training folder. Pair lists lie in `data`, in
    `data/verification_data`, or beside `data` where that is called `classification_data`.

    Raises:
        DataError: there is no training folder; the message shows what is expected.
    """
    data = Path(data)
    if not data.is_dir():
        raise DataError(f"{data}: {'is not a folder' if data.exists() else 'there is no such folder'}; {EXPECTED}")
    base = next((folder for folder in (data, data / CLASSIFICATION) if _first(folder, TRAIN)), data)
    train = _first(base, TRAIN)
    if train is None:
        if not _is_tree(data):
            raise DataError(f"{data}: holds no training folder; {EXPECTED}")
        train = data
    outer = data.absolute().parent if data.absolute().name == CLASSIFICATION else data
    lists = _lists(dict.fromkeys((data, outer, outer / VERIFICATION)))
    return Layout(train, _first(base, VAL), _first(base, TEST), lists, _images(outer, lists))


def _first(base: Path, names: tuple[str, ...]) -> Path | None:
    return next((base / name for name in names if (base / name).is_dir()), None)


def _is_tree(data: Path) -> bool:
    """Whether this may be a folder of classes: it has folders, and none with the name of a part."""
    parts = {*TRAIN, *VAL, *TEST, CLASSIFICATION, VERIFICATION}
    with os.scandir(data) as entries:
        folders = {entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()}
    return bool(folders) and not folders & parts


def _lists(folders: dict[Path, None]) -> tuple[Path, ...]:
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            name = path.name.lower()
            named = name.endswith((".txt", ".csv")) and any(word in name for word in LIST_WORDS)
            if named and not name.startswith(".") and path.is_file() and _is_list(path):
                found.append(path)
    return tuple(found)


def _is_list(path: Path) -> bool:
    """Whether the first lines read as pairs."""
    try:
        next(open_pairs(path).tables(), None)
    except PairListError:
        return False
    return True


def _images(outer: Path, lists: tuple[Path, ...]) -> Path:
    """The first folder in which the first pair of a list is found; `outer` where there is none."""
    folders = (outer, outer / VERIFICATION, outer / CLASSIFICATION)
    for path in lists:
        table = next(open_pairs(path).tables(), None)
        if table is None or not len(table):
            continue
        names = (str(table["left"].iloc[0]), str(table["right"].iloc[0]))
        for folder in folders:
            if all((folder / name).exists() for name in names):
                return folder
    return outer
