from pathlib import Path

import numpy as np
import pytest

from eval.protocols.people import read_lfw_people, read_people
from facecore.errors import DataError


def _touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def test_a_folder_for_each_person(tmp_path: Path) -> None:
    _touch(tmp_path, "b/2.PNG", "b/1.jpg", "a/x/y.webp", "a/z.jpeg", "Ö & co/1.jpg", "top.jpg")
    _touch(tmp_path, "b/notes.txt", "b/.hidden.jpg", ".git/1.jpg", "a/.cache/1.jpg", "empty/readme.md")
    people = read_people(tmp_path)
    assert people.names == ("a/x/y.webp", "a/z.jpeg", "b/1.jpg", "b/2.PNG", "Ö & co/1.jpg")
    assert people.people == ("a", "b", "Ö & co")
    np.testing.assert_array_equal(people.codes, [0, 0, 1, 1, 2])
    np.testing.assert_array_equal(people.sizes, [2, 2, 1])
    assert people.files[0] == tmp_path / "a" / "x" / "y.webp"


def test_lfw_by_folder_and_flat(tmp_path: Path) -> None:
    names = ("Al_Gore_0001.jpg", "Al_Gore_0002.jpg", "B_0001.jpg")
    flat = read_lfw_people(_touch(tmp_path / "flat", *names, "pairs.txt", "x.jpg"))
    assert flat.people == ("Al_Gore", "B")
    assert flat.names == names
    deep = read_lfw_people(_touch(tmp_path / "deep", *(f"{name[:-9]}/{name}" for name in names), "pairs.txt"))
    assert deep.people == ("Al_Gore", "B")
    np.testing.assert_array_equal(deep.codes, flat.codes)
    # A folder without photos beside flat ones, as scikit-learn's cache, changes nothing.
    _touch(tmp_path / "flat", "joblib/x/output.pkl")
    assert read_lfw_people(tmp_path / "flat").names == names


@pytest.mark.parametrize("read", [read_people, read_lfw_people])
@pytest.mark.parametrize("names", [(), ("a/1.jpg", "a/2.jpg"), ("a/a_0001.jpg", "b/b_0001.jpg"), ("a/1.txt",)])
def test_nothing_to_pair(tmp_path: Path, read: type, names: tuple[str, ...]) -> None:
    _touch(tmp_path, *names)
    with pytest.raises(DataError, match=r"photos of \d people: pairs of both kinds need two people"):
        read(tmp_path)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        read_people(tmp_path / "nowhere")


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    folder = _touch(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg") / "b"
    (Path(folder) / "\udcff.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="is no Unicode text"):
        read_people(tmp_path)
