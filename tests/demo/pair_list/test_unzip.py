"""Each way in which a zip may harm, made and refused; nothing is written outside of the folder, ever."""

import io
import os
import stat
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from demo.pair_list import text
from demo.pair_list.unzip import DIRECTORY, Limits, Unpacked, ZipError, entry_path, unpack

LIMITS = Limits()
PHOTO = b"\xff\xd8\xff photo"


def never_stop() -> None:
    pass


def info(name: str, mode: int = 0, flags: int = 0) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("x")
    entry.filename = entry.orig_filename = name  # unchanged, whatever the machine makes of slashes
    entry.external_attr = mode << 16
    entry.flag_bits = flags
    return entry


def pack(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for entry, content in entries:
            archive.writestr(entry, content, method)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outer" / "folder").mkdir(parents=True)
    return tmp_path / "outer" / "folder"


def refused(archive: Path, folder: Path, sentence: str, limits: Limits = LIMITS) -> None:
    """Check that nothing is written, in the folder or beside it, and that `sentence` says why."""
    before = sorted(folder.parent.parent.rglob("*"))
    with pytest.raises(ZipError) as error:
        unpack(archive, folder, limits, never_stop)
    assert str(error.value) == sentence
    assert sorted(folder.parent.parent.rglob("*")) == before


def test_photos_come_out_and_nothing_else(tmp_path: Path, folder: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("inner.jpg", PHOTO)
    path = pack(
        tmp_path / "good.zip",
        ("a.jpg", PHOTO),
        ("people/anna/01.PNG", b"png"),
        ("./people/./bert.webp", b"webp"),
        ("notes.txt", b"notes"),
        ("inner.zip", inner.getvalue()),
        ("__MACOSX/._a.jpg", b"notes of macOS"),
        ("people/._01.png", b"notes of macOS"),
        ("empty/", b""),
    )
    assert unpack(path, folder, LIMITS, never_stop) == Unpacked(3, 4, 0)
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert files == {"a.jpg": PHOTO, "people/anna/01.PNG": b"png", "people/bert.webp": b"webp"}
    assert stat.S_IMODE((folder / "a.jpg").stat().st_mode) == 0o600


def test_a_zip_made_with_backslashes_is_read_as_it_was_meant(tmp_path: Path, folder: Path) -> None:
    path = pack(tmp_path / "old.zip", (info("anna\\01.jpg"), PHOTO), (info("bert\\"), b""))
    assert unpack(path, folder, LIMITS, never_stop) == Unpacked(1, 0, 0)
    assert (folder / "anna" / "01.jpg").read_bytes() == PHOTO


@pytest.mark.parametrize(
    "name",
    [
        "../evil.jpg",
        "a/../../evil.jpg",
        "a/..",
        "..\\evil.jpg",
        "a\\..\\..\\evil.jpg",
        "/tmp/evil.jpg",
        "//host/share/evil.jpg",
        "\\\\host\\share\\evil.jpg",
        "C:\\evil.jpg",
        "c:evil.jpg",
        ".. /evil.jpg",
        ".../evil.jpg",
        "../notes.txt",
    ],
)
def test_names_that_lead_out(tmp_path: Path, folder: Path, name: str) -> None:
    refused(pack(tmp_path / "slip.zip", ("good.jpg", PHOTO), (info(name), PHOTO)), folder, text.zip_leads_out(name))


@pytest.mark.parametrize("name", ["CON", "nul.jpg", "a/Aux.png", "COM1.jpg", "lpt9 .jpg", "con.tar.gz/a.jpg"])
def test_names_of_devices(tmp_path: Path, folder: Path, name: str) -> None:
    refused(pack(tmp_path / "device.zip", ("good.jpg", PHOTO), (info(name), b"")), folder, text.zip_device(name))


def test_names_that_only_look_like_devices_are_names(tmp_path: Path, folder: Path) -> None:
    path = pack(tmp_path / "names.zip", ("Connor.jpg", PHOTO), ("nullo/com10.jpg", PHOTO), ("a..b.jpg", PHOTO))
    assert unpack(path, folder, LIMITS, never_stop).photos == 3


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o600, stat.S_IFCHR | 0o600, stat.S_IFSOCK])
def test_links_and_special_files(tmp_path: Path, folder: Path, mode: int) -> None:
    path = pack(tmp_path / "link.zip", (info("link.jpg", mode), b"/etc/passwd"), ("link.jpg/a.jpg", PHOTO))
    refused(path, folder, text.zip_link("link.jpg"))


def test_names_with_control_characters(tmp_path: Path, folder: Path) -> None:
    for name in ("a\nb.jpg", "a\x1b[2Jb.jpg", "a\x7f.jpg"):
        with pytest.raises(ZipError, match="cannot be printed") as error:
            entry_path(info(name), 8)
        assert name not in str(error.value)  # what is said can be printed
    path = pack(tmp_path / "odd.zip", ("a.jpg", PHOTO))
    path.write_bytes(path.read_bytes().replace(b"a.jpg", b"\x00.jpg"))
    refused(path, folder, text.zip_odd_name("\0.jpg"))


def test_names_too_long_and_folders_too_deep(tmp_path: Path, folder: Path) -> None:
    deep = "/".join("abcdefghi") + ".jpg"
    refused(pack(tmp_path / "deep.zip", (deep, PHOTO)), folder, text.zip_too_deep(deep, 7), replace(LIMITS, depth=7))
    assert unpack(tmp_path / "deep.zip", folder, LIMITS, never_stop).photos == 1
    long = "a" * 300 + ".jpg"
    refused(pack(tmp_path / "long.zip", (long, PHOTO)), folder, text.zip_long_name(long))


def test_two_files_of_one_name_stop_at_the_second(tmp_path: Path, folder: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = pack(tmp_path / "twice.zip", ("a.jpg", PHOTO), ("a.jpg", b"other"))
    with pytest.raises(ZipError, match="twice"):
        unpack(path, folder, LIMITS, never_stop)
    assert (folder / "a.jpg").read_bytes() == PHOTO
    path = pack(tmp_path / "both.zip", ("b.jpg", PHOTO), ("b.jpg/c.jpg", PHOTO))
    with pytest.raises(ZipError, match="twice"):
        unpack(path, folder, LIMITS, never_stop)


def test_a_bomb_is_refused_by_what_it_declares(tmp_path: Path, folder: Path) -> None:
    path = pack(tmp_path / "bomb.zip", *((f"{i}.jpg", bytes(1_000_000)) for i in range(5)))
    assert path.stat().st_size < 10_000
    limits = replace(LIMITS, total=4_999_999)
    refused(path, folder, text.zip_bomb(4_999_999), limits)
    assert unpack(path, folder, replace(LIMITS, total=5_000_000), never_stop).photos == 5


def test_a_bomb_that_lies_is_cut_off(tmp_path: Path, folder: Path) -> None:
    """The table of contents promises ten bytes, and more than a hundred million are packed."""
    path = pack(tmp_path / "liar.zip", ("a.jpg", bytes(100_000_000)))
    declared = struct.pack("<L", 100_000_000)
    path.write_bytes(path.read_bytes().replace(declared, struct.pack("<L", 10)))
    with pytest.raises(ZipError) as error:
        unpack(path, folder, LIMITS, never_stop)
    assert str(error.value) in (text.zip_damaged(), text.zip_bomb(LIMITS.total))
    assert sum(file.stat().st_size for file in folder.rglob("*")) <= 10


def test_bytes_are_counted_while_they_are_written(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should `zipfile` ever give more than an entry declares."""
    path = pack(tmp_path / "more.zip", ("a.jpg", b"x" * 100))

    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(size)

    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: Endless())
    with pytest.raises(ZipError) as error:
        unpack(path, folder, replace(LIMITS, total=500_000), never_stop)
    assert str(error.value) == text.zip_bomb(500_000)
    assert (folder / "a.jpg").stat().st_size <= 500_000


def test_entries_that_share_their_bytes(tmp_path: Path, folder: Path) -> None:
    """A bomb as by Fifield 2019: many entries, one kernel."""
    path = pack(tmp_path / "shared.zip", ("a.jpg", bytes(10_000)), ("b.jpg", bytes(10_000)))
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = bytes(4)  # the second entry points to the first one's bytes
    path.write_bytes(content)
    with pytest.raises(ZipError) as error:
        unpack(path, folder, LIMITS, never_stop)
    assert str(error.value) == text.zip_damaged()


def test_too_many_files_and_photos(tmp_path: Path, folder: Path) -> None:
    path = pack(tmp_path / "many.zip", *((f"{i}.jpg", b"") for i in range(12)), ("a.txt", b""))
    refused(path, folder, text.zip_too_many_entries(13, 12), replace(LIMITS, entries=12))
    refused(path, folder, text.zip_too_many_photos(12, 11), replace(LIMITS, photos=11))


def test_a_table_of_contents_that_would_fill_the_memory_is_not_read(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "table.zip"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, DIRECTORY + 1, 0, 0)
    path.write_bytes(bytes(DIRECTORY + 1) + end)
    refused(path, folder, text.zip_many_entries())


def test_large_photos_are_left_out_and_counted(tmp_path: Path, folder: Path) -> None:
    path = pack(tmp_path / "large.zip", ("a.jpg", PHOTO), ("b.jpg", bytes(1001)), ("c.jpg", bytes(1002)))
    assert unpack(path, folder, replace(LIMITS, photo=1000), never_stop) == Unpacked(1, 0, 2)
    only = pack(tmp_path / "only.zip", ("b.jpg", bytes(1001)))
    refused(only, folder, text.zip_all_large(1000), replace(LIMITS, photo=1000))


def test_a_zip_that_is_too_large_is_not_opened(tmp_path: Path, folder: Path) -> None:
    path = pack(tmp_path / "heavy.zip", ("a.jpg", PHOTO))
    os.truncate(path, 2_000_000)
    refused(path, folder, text.zip_too_large(2_000_000, 1_000_000), replace(LIMITS, packed=1_000_000))


def test_passwords_and_unusual_ways_of_packing(tmp_path: Path, folder: Path) -> None:
    path = pack(tmp_path / "secret.zip", ("a.jpg", PHOTO), method=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    refused(path, folder, text.zip_password())
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        refused(pack(tmp_path / "odd.zip", ("a.jpg", PHOTO), method=method), folder, text.zip_unusual())


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18), b"Rar!\x1a\x07\x00" * 50])
def test_what_is_no_zip_or_holds_nothing(tmp_path: Path, folder: Path, content: bytes) -> None:
    path = tmp_path / "odd.zip"
    path.write_bytes(content)
    refused(path, folder, text.zip_no_photos() if content[:2] == b"PK" else text.zip_damaged())


def test_damage_anywhere_is_said(tmp_path: Path, folder: Path) -> None:
    whole = pack(tmp_path / "whole.zip", ("a.jpg", os.urandom(2000)), ("b.jpg", os.urandom(2000))).read_bytes()
    path = tmp_path / "damaged.zip"
    outcomes = set()
    for place in range(0, len(whole), 7):
        spoilt = bytearray(whole)
        spoilt[place] ^= 0xFF
        path.write_bytes(spoilt)
        (folder / str(place)).mkdir()
        try:
            unpack(path, folder / str(place), LIMITS, never_stop)
        except ZipError as error:
            outcomes.add(str(error))
    assert text.zip_damaged() in outcomes
    path.write_bytes(whole[:-30])
    (folder / "cut").mkdir()
    with pytest.raises(ZipError, match="damaged"):
        unpack(path, folder / "cut", LIMITS, never_stop)


def test_it_can_be_stopped_between_photos(tmp_path: Path, folder: Path) -> None:
    path = pack(tmp_path / "good.zip", *((f"{i}.jpg", PHOTO) for i in range(5)))
    asked = 0

    def stop() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(path, folder, LIMITS, stop)
    assert len(list(folder.iterdir())) == 2
