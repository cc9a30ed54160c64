import os
from pathlib import Path

import pytest

from eval.resolve import Resolver


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    (root / "Ann").mkdir(parents=True)
    for name in ("a.jpg", "with space.jpg", "Ann/Ann_0001.png", "Bob_0003.jpg"):
        (root / name).touch()
    (tmp_path / "secret.jpg").touch()
    (root / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "inside.jpg").symlink_to(root / "a.jpg")
    return root


def test_finds_what_is_there(root: Path) -> None:
    resolver = Resolver(root)
    assert resolver.find("a.jpg") == root / "a.jpg"
    assert resolver.find("./Ann/../a.jpg") == root / "a.jpg"
    assert resolver.find("inside.jpg") == root / "a.jpg"
    assert resolver.find(str(root / "a.jpg")) == root / "a.jpg"
    assert resolver.find("with space.jpg") == root / "with space.jpg"
    assert resolver.find("b.jpg") == "missing"


@pytest.mark.parametrize("name", ["../secret.jpg", "../nothing.jpg", "/etc/passwd", "link.jpg", "Ann/../../secret.jpg"])
def test_nothing_outside_is_read_or_told(root: Path, name: str) -> None:
    assert Resolver(root).find(name) == "outside_root"


def test_outside_can_be_allowed(root: Path) -> None:
    resolver = Resolver(root, allow_outside=True)
    assert resolver.find("../secret.jpg") == root.parent / "secret.jpg"
    assert resolver.find("link.jpg") == root.parent / "secret.jpg"
    assert resolver.find("../nothing.jpg") == "missing"


def test_a_root_behind_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    assert Resolver(tmp_path / "alias").find("a.jpg") == root / "a.jpg"


@pytest.mark.skipif(os.sep != "/", reason="backslashes are separators here")
def test_windows_separators(root: Path) -> None:
    assert Resolver(root).find("Ann\\Ann_0001.png") == root / "Ann" / "Ann_0001.png"
    assert Resolver(root).find("..\\secret.jpg") == "outside_root"


def test_lfw_names_have_other_endings_and_folders(root: Path) -> None:
    lfw = Resolver(root, lfw=True)
    assert lfw.find("Ann/Ann_0001.jpg") == root / "Ann" / "Ann_0001.png"
    assert lfw.find("Bob/Bob_0003.jpg") == root / "Bob_0003.jpg"
    assert lfw.find("Cid/Cid_0001.jpg") == "missing"
    assert Resolver(root).find("Ann/Ann_0001.jpg") == "missing"


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b.jpg"])
def test_names_that_no_file_can_have(root: Path, name: str) -> None:
    assert Resolver(root).find(name) == "missing"
