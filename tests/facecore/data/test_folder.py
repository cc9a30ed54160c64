import os
import pickle
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from facecore.data import folder as folder_module
from facecore.data.folder import FaceFolder, find_photos, scan_folder
from facecore.errors import DataError

LONG_AGO = time.time_ns() - 10**12


def make(root: Path, *names: str) -> Path:
    """Empty files at these paths; a name that ends in a slash is an empty folder. All directories look old."""
    for name in names:
        target = root / name
        if name.endswith("/"):
            target.mkdir(parents=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
    age(root)
    return root


def age(root: Path) -> None:
    for folder, _, _ in os.walk(root):
        os.utime(folder, ns=(LONG_AGO, LONG_AGO))


def names(found: FaceFolder) -> list[str]:
    return [found.name(row) for row in range(len(found))]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make(
        tmp_path / "train", "ben/2.PNG", "ben/1.jpg", "ann/deep/er/3.webp", "ann/1.heic", "ann/notes.txt", "ann/.x.jpg",
        ".git/1.jpg", "loose.jpg", "zoë/1.tiff",
    )  # fmt: skip


def test_lists_images_as_image_folder_does(tree: Path) -> None:
    found = scan_folder(tree)
    assert found.classes == ("ann", "ben", "zoë")
    assert names(found) == ["ann/1.heic", "ann/deep/er/3.webp", "ben/1.jpg", "ben/2.PNG", "zoë/1.tiff"]
    assert found.labels.tolist() == [0, 0, 1, 1, 2]
    assert found.labels.dtype == np.int64
    assert found.path(2) == tree / "ben/1.jpg"
    assert found.name(-1) == "zoë/1.tiff"
    with pytest.raises(IndexError):
        found.name(5)


@pytest.mark.slow  # imports torchvision's datasets
def test_agrees_with_torchvision(tree: Path) -> None:
    from torchvision.datasets import ImageFolder

    (tree / "ann/1.heic").rename(tree / "ann/1.bmp")  # torchvision knows no HEIC
    (tree / "ann/.x.jpg").unlink()  # and takes what is hidden
    (tree / ".git/1.jpg").unlink()
    (tree / ".git").rmdir()
    theirs = ImageFolder(str(tree))
    found = scan_folder(tree)
    assert list(found.classes) == theirs.classes
    assert {(str(found.path(row)), int(found.labels[row])) for row in range(len(found))} == set(theirs.samples)


def test_a_pickle_holds_no_list_of_names(tmp_path: Path) -> None:
    found = scan_folder(make(tmp_path, *(f"{c}/{i:03d}.jpg" for c in "ab" for i in range(500))))
    stored = pickle.dumps(found)
    assert len(stored) < 1000 * (9 + 8 + 8) + 2000  # name, offset, label
    again = pickle.loads(stored)
    assert names(again) == names(found)


def test_names_that_are_no_text_come_back(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "b/1.jpg")
    odd = os.fsencode(tmp_path) + b"/a/\xff.jpg"
    with open(odd, "wb") as file:
        file.write(b"x")
    age(tmp_path)
    cache = tmp_path.with_name("names.npz")
    for _ in range(2):
        found = scan_folder(tmp_path, cache=cache)
        assert found.path(1).read_bytes() == b"x"


def test_labels_by_the_classes_of_another_folder(tmp_path: Path) -> None:
    make(tmp_path, "ben/1.jpg", "zoe/2.jpg", "ann/")
    found = scan_folder(tmp_path, ("ann", "ben", "cy", "zoe"))
    assert found.classes == ("ann", "ben", "cy", "zoe")
    assert found.labels.tolist() == [1, 3]


def test_one_known_class_is_enough_for_validation(tmp_path: Path) -> None:
    assert scan_folder(make(tmp_path, "ben/1.jpg"), ("ann", "ben")).labels.tolist() == [1]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["ann/1.jpg"], "one class only, 'ann'; a classifier needs two or more"),
        (["ann/1.jpg", "ben/"], "the class has no image: 'ben'; delete the empty folder or fill it"),
        (["ann/1.jpg", "ben/notes.txt"], "has no image: 'ben'"),
        (["ann/1.jpg", "Ann/1.jpg"], "'Ann' and 'ann' look like two spellings"),
        (["ann/1.jpg", "ann /1.jpg"], "'ann' and 'ann ' look like two spellings"),
        (["Zoë/1.jpg", unicodedata.normalize("NFD", "Zoë") + "/1.jpg"], "look like two spellings"),
        (["ann/", "ben/"], "no folder in it holds an image .*'ann', 'ben'"),
        (["1.jpg", "2.jpg"], "its images lie right in it; a folder for each class is needed"),
        (["notes.txt"], "holds no folders of images"),
    ],
)  # fmt: skip
def test_refuses_what_no_classifier_can_learn(tmp_path: Path, files: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        scan_folder(make(tmp_path, *files))


def test_many_empty_classes_are_summed_up(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "b/1.jpg", *(f"empty{i}/" for i in range(9)))
    with pytest.raises(DataError, match="classes have no image: 'empty0', .*'empty4' and 4 more"):
        scan_folder(tmp_path)


def test_an_unknown_class_is_named(tmp_path: Path) -> None:
    make(tmp_path, "Ann/1.jpg", "ben/1.jpg")
    with pytest.raises(DataError, match=r"not among those of the training folder: 'Ann' \('Ann' may be meant as 'ann'"):
        scan_folder(tmp_path, ("ann", "ben"))
    with pytest.raises(DataError, match="classes are not among .*: 'Ann', 'ben'; remove"):
        scan_folder(tmp_path, ("cy", "dee"))


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        scan_folder(tmp_path / "gone")
    make(tmp_path, "file")
    with pytest.raises(DataError, match="is not a folder"):
        find_photos(tmp_path / "file")


def test_a_link_to_a_folder_above_is_not_followed_for_ever(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "a/self").symlink_to(tmp_path / "a")
    (tmp_path / "b/root").symlink_to(tmp_path)
    (tmp_path / "b/gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert names(scan_folder(tmp_path)) == ["a/1.jpg", "b/1.jpg", "b/gone.jpg"]  # whoever opens the last says so


def test_photos_of_any_tree(tree: Path) -> None:
    found = find_photos(tree)
    assert names(found) == [
        "ann/1.heic", "ann/deep/er/3.webp", "ben/1.jpg", "ben/2.PNG", "loose.jpg", "zoë/1.tiff",
    ]  # fmt: skip
    assert found.classes == ()
    assert found.labels.tolist() == [-1] * 6


def test_no_photos(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no image \(.jpg, "):
        find_photos(make(tmp_path, "a/notes.txt"))


class Cached:
    """A folder with a cache, and whether the last scan went through it."""

    def __init__(self, root: Path, cache: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.cache, self.scans = root, cache, 0
        scan = folder_module._list_classes

        def counted(folder: Path) -> object:
            self.scans += 1
            return scan(folder)

        patch.setattr(folder_module, "_list_classes", counted)

    def scan(self) -> FaceFolder:
        return scan_folder(self.root, cache=self.cache)


@pytest.fixture
def cached(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cached:
    result = Cached(tree, tmp_path / "listing.npz", monkeypatch)
    result.scan()
    assert result.scans == 1
    return result


def test_the_second_time_comes_from_the_cache(cached: Cached) -> None:
    first, again = scan_folder(cached.root), cached.scan()
    assert cached.scans == 2  # the one without a cache
    assert names(again) == names(first)
    assert again.classes == first.classes
    np.testing.assert_array_equal(again.labels, first.labels)


def test_the_cache_serves_validation_too(cached: Cached) -> None:
    found = scan_folder(cached.root, ("zoë", "ben", "ann"), cached.cache)
    assert found.labels.tolist() == [2, 2, 1, 1, 0]
    assert cached.scans == 1


@pytest.mark.parametrize("change", ["add", "remove", "rename", "add deep", "new class"])
def test_a_changed_folder_is_scanned_again(cached: Cached, change: str) -> None:
    root = cached.root
    match change:
        case "add":
            (root / "ben/3.jpg").touch()
        case "remove":
            (root / "ben/1.jpg").unlink()
        case "rename":
            (root / "ben/1.jpg").rename(root / "ben/0.jpg")
        case "add deep":
            (root / "ann/deep/er/4.jpg").touch()
        case "new class":
            (root / "cy").mkdir()
            (root / "cy/1.jpg").touch()
    expected = names(scan_folder(root))
    assert names(cached.scan()) == expected
    assert cached.scans == 3


@pytest.mark.parametrize("damage", ["empty", "half", "garbage", "one byte", "folder"])
def test_a_damaged_cache_is_written_anew(cached: Cached, damage: str) -> None:
    whole = cached.cache.read_bytes()
    expected = names(scan_folder(cached.root))
    match damage:
        case "empty":
            cached.cache.write_bytes(b"")
        case "half":
            cached.cache.write_bytes(whole[: len(whole) // 2])
        case "garbage":
            cached.cache.write_bytes(b"\x80\x04K\x01." * 40)
        case "one byte":
            place = whole.index(b"ann/1.heic")
            cached.cache.write_bytes(whole[:place] + b"X" + whole[place + 1 :])
        case "folder":
            cached.cache.unlink()
            cached.cache.mkdir()
    assert names(cached.scan()) == expected
    assert cached.scans == 3
    if damage != "folder":
        assert names(cached.scan()) == expected
        assert cached.scans == 3


def test_every_cut_of_the_cache_is_survived(cached: Cached) -> None:
    whole = cached.cache.read_bytes()
    for end in range(0, len(whole), 97):
        cached.cache.write_bytes(whole[:end])
        assert len(cached.scan()) == 5


def test_the_cache_of_another_folder_is_not_used(cached: Cached, tmp_path: Path) -> None:
    other = make(tmp_path / "other", "x/1.jpg", "y/1.jpg")
    assert scan_folder(other, cache=cached.cache).classes == ("x", "y")


def test_a_folder_that_has_just_changed_is_not_cached(tmp_path: Path) -> None:
    make(tmp_path / "train", "a/1.jpg", "b/1.jpg")
    os.utime(tmp_path / "train/a")
    scan_folder(tmp_path / "train", cache=tmp_path / "listing.npz")
    assert not (tmp_path / "listing.npz").exists()


def test_a_cache_that_cannot_be_written_is_done_without(tree: Path) -> None:
    assert len(scan_folder(tree, cache=tree / "no/such/folder.npz")) == 5
