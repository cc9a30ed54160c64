"""The pickled sets: every way in which they are written, and everything that a pickle can do besides."""

import builtins
import io
import os
import pickle
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facecore.errors import PairListError
from facecore.verification import binset
from facecore.verification.binset import BinSet, read_bin

Reader = Callable[[bytes], BinSet]
SMALL = ([b"\xff\xd8'\"\\\n\r\t\0\xe9", b"photo"], [True])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("binset") / "set.bin"


@pytest.fixture(scope="module")
def read(place: Path) -> Reader:
    """Write a set and read it."""

    def read(data: bytes) -> BinSet:
        place.write_bytes(data)
        return read_bin(place)

    return read


@pytest.fixture(scope="module")
def jpegs(astronaut: np.ndarray) -> list[bytes]:
    """24 JPEGs of a face, each a little further to the right."""
    result = []
    for shift in range(24):
        buffer = io.BytesIO()
        Image.fromarray(astronaut[64:176, 160 + shift : 272 + shift]).save(buffer, "JPEG")
        result.append(buffer.getvalue())
    return result


def python_2(photos: list[bytes], same: list[bool], protocol: int) -> bytes:
    """What `cPickle.dumps((photos, same), protocol)` gave in Python 2, where bytes were its str."""
    count = iter(range(10**6))

    def put() -> bytes:
        number = next(count)
        if protocol == 0:
            return b"p%d\n" % number
        return b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<I", number)

    def string(value: bytes) -> bytes:
        if protocol == 0:
            quote = b'"' if b"'" in value and b'"' not in value else b"'"
            return b"S" + quote + b"".join(escaped(byte, quote) for byte in value) + quote + b"\n"
        short = len(value) < 256
        return (b"U" + bytes([len(value)]) if short else b"T" + struct.pack("<i", len(value))) + value

    def escaped(byte: int, quote: bytes) -> bytes:
        names = {0x5C: b"\\\\", 0x0A: b"\\n", 0x0D: b"\\r", 0x09: b"\\t", quote[0]: b"\\" + quote}
        return names.get(byte) or (bytes([byte]) if 32 <= byte < 127 else b"\\x%02x" % byte)

    def boolean(value: bool) -> bytes:
        return [b"\x89", b"\x88"][value] if protocol == 2 else b"I%02d\n" % value

    def listed(items: list[bytes]) -> bytes:
        if protocol == 0:
            return b"(l" + put() + b"".join(item + b"a" for item in items)
        return b"]" + put() + b"(" + b"".join(items) + b"e"

    inner = listed([string(photo) + put() for photo in photos]) + listed([boolean(value) for value in same])
    if protocol == 2:
        return b"\x80\x02" + inner + b"\x86" + put() + b"."
    return b"(" + inner + b"t" + put() + b"."


def mixed(count: int) -> list[bool]:
    return [i % 3 == 0 for i in range(count)]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", [list, tuple])
def test_sets_that_python_3_wrote(read: Reader, jpegs: list[bytes], protocol: int, kind: type) -> None:
    found = read(pickle.dumps((kind(jpegs), kind(mixed(12))), protocol))
    assert found.images == jpegs
    assert found.same.dtype == np.bool_
    assert found.same.tolist() == mixed(12)
    assert len(found) == 12


@pytest.mark.parametrize("protocol", range(3))
def test_sets_that_python_2_wrote(read: Reader, jpegs: list[bytes], protocol: int) -> None:
    photos, same = [*jpegs, *SMALL[0]], mixed(13)
    data = python_2(photos, same, protocol)
    assert pickle.loads(data, encoding="bytes") == (photos, same)
    found = read(data)
    assert found.images == photos
    assert found.same.tolist() == same


def test_more_photos_than_a_byte_can_number(read: Reader) -> None:
    photos, same = [b"%d" % i for i in range(1400)], mixed(700)
    for protocol in range(6):
        assert read(pickle.dumps((photos, same), protocol)).images == photos
    for protocol in range(3):
        data = python_2(photos, same, protocol)
        assert pickle.loads(data, encoding="bytes") == (photos, same)
        assert read(data).images == photos


@pytest.mark.parametrize(
    "label", [b"I1\n", b"L1L\n", b"K\x01", b"M\x01\x00", b"J\x01\0\0\0", b"\x8a\x01\x01", b"I01\n"]
)
def test_labels_may_be_integers(read: Reader, label: bytes) -> None:
    data = b"(]U\x01aaU\x01ba]" + label + b"at."
    assert pickle.loads(data, encoding="bytes") == ([b"a", b"b"], [1])
    assert read(data).same.tolist() == [True]


@pytest.mark.parametrize(("pairs", "sizes"), [(20, [2] * 10), (23, [3] * 3 + [2] * 7), (3, [1, 1, 1])])
def test_folds_are_ten_consecutive_blocks(read: Reader, pairs: int, sizes: list[int]) -> None:
    fold = read(pickle.dumps(([b"x"] * 2 * pairs, [True] * pairs))).fold
    assert fold.tolist() == sorted(fold.tolist())
    assert np.bincount(fold)[1:].tolist() == sizes


@pytest.mark.data
def test_a_set_made_from_lfw(read: Reader, shared_data: Path) -> None:
    files = sorted((shared_data / "lfw_fold1").glob("*/*.jpg"))[:600]
    photos, same = [file.read_bytes() for file in files], mixed(300)
    for data in (python_2(photos, same, 2), pickle.dumps((photos, same), 4)):
        found = read(data)
        assert found.images == photos
        assert found.same.tolist() == same
    assert Image.open(io.BytesIO(found.images[599])).size == (250, 250)


class Call:
    """Something that its pickle replaces by a call."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


def malicious(marker: Path) -> dict[str, bytes]:
    """Pickles that make the marker as soon as they are loaded."""
    command = f"touch '{marker}'"
    line = repr(command).encode()
    makes = f"open({str(marker)!r}, 'w').close()"
    result = {
        "INST": b"(S" + line + b"\nios\nsystem\n.",
        "OBJ": b"(cos\nsystem\nS" + line + b"\no.",
        "STACK_GLOBAL": b"\x80\x04\x8c\x05posix\x8c\x06system\x93X" + struct.pack("<I", len(command)) + command.encode()
        + b"\x85R.",
    }  # fmt: skip
    for protocol in range(6):
        result[f"os.system {protocol}"] = pickle.dumps(([Call(os.system, command), b"x"], [True]), protocol)
        result[f"eval {protocol}"] = pickle.dumps((SMALL[0], [Call(builtins.eval, makes)]), protocol)
    return result


@pytest.mark.parametrize("name", malicious(Path("unused")))
def test_nothing_is_run(read: Reader, marker: Path, name: str) -> None:
    data = malicious(marker)[name]
    pickle.loads(data, encoding="bytes")
    assert marker.exists(), "the test's own pickle does no harm, and so shows nothing"
    marker.unlink()
    with pytest.raises(PairListError, match=r"set\.bin, byte [\d,]+: .*Only a pickle of"):
        read(data)
    assert not marker.exists()


LATIN = b"c_codecs\nencode\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (LATIN + b"(Vabc\nVrot13\ntR.", "codec b'rot13'"),
        (LATIN + b"(Vabc\nVlatin1\nVignore\ntR.", "something besides text and a codec"),
        (LATIN + b"(Vabc\ntR.", "something besides text and a codec"),
        (LATIN + b"(S'abc'\nVlatin1\ntR.", "something besides text and a codec"),
        (LATIN + b"(Vabc\nI5\ntR.", "something besides text and a codec"),
        (LATIN + b"]R.", "something besides text and a codec"),
        (LATIN + LATIN + b"R.", "something besides text and a codec"),
        (LATIN + b"(V\\u4eba\nVlatin1\ntR.", "stands for no bytes"),
        (LATIN + b"(V\\uZZZZ\nVlatin1\ntR.", "stands for no bytes"),
        (b"X\x01\0\0\0\xff.", "stands for no bytes"),
        (b"c_codecs\ndecode\n.", "'decode', which is not allowed"),
        (b"c_codecs\nencode.__call__\n.", "not allowed"),
        (b"c__builtin__\nbytes\n(tR.", "not allowed"),
        (b"S'x'\n(tR.", "no function"),
        (b"]}b.", "instruction b'}'"),
        (b"]]b.", "instruction b'b'"),
        (b"Pid\n.", "instruction b'P'"),
        (b"S'x'\nQ.", "instruction b'Q'"),
        (b"\x82\x01.", "instruction"),
        (b"\x83\x01\0.", "instruction"),
        (b"N.", "instruction b'N'"),
        (b"G\0\0\0\0\0\0\0\0.", "instruction b'G'"),
        (b"\x80\x06].", "protocol 6"),
        (b"\x8b\xff\xff\xff\x7f.", "instruction"),
        (b"\x8a\x09" + bytes(9) + b".", "an integer of 9 bytes"),
        (b"I" + b"9" * 5000 + b"\n.", "no integer"),
        (b"I--1\n.", "no integer"),
        (b"I\n.", "no integer"),
        (b"T\xff\xff\xff\xff.", "negative length"),
        (b"Sabc\n.", "without quotes"),
        (b"S'a\"\n.", "without quotes"),
        (b"S'\\'\n.", "escape"),
        (b"S'\\q'\n.", "escape"),
        (b"S'\\x4'\n.", "escape"),
        (b"S'\\101'\n.", "escape"),
        (b"h\x07.", "item 7 is asked for, and was never kept"),
        (b"p0\n.", "an item is asked for, and there is none"),
        (b".", "an item is asked for, and there is none"),
        (b"](\x85.", "an item is asked for, and there is none"),
        (b"]t.", "the start of a list"),
        (b"S'a'\nS'b'\na.", "no list"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "instruction"),
        (b"PK\x03\x04 a zip file\n", "instruction b'P'"),
    ],
)
def test_other_instructions_are_refused(read: Reader, data: bytes, message: str) -> None:
    with pytest.raises(PairListError, match=rf"set\.bin, byte [\d,]+: .*{message}") as caught:
        read(data)
    assert caught.value.line is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([b"a", b"b"], "photos of a .bin set stand in a list, and this is a bytes of length 1"),
        (b"ab", "a pair of two lists.*a bytes of length 2"),
        (([b"a", b"b"],), "a pair of two lists.*a tuple of length 1"),
        (([b"a", b"b"], [True], []), "a tuple of length 3"),
        (5, "of type int"),
        ("text", "this is text"),
        (([b"a", b"b"], True), "labels .* of type bool"),
        (([b"a", b"b", b"c"], [True]), "3 photos and 1 labels"),
        (([b"a", b"b"], [True, False]), "2 photos and 2 labels"),
        (([], []), "empty"),
        (([b"a", b""], [True]), "photo 1 is a bytes of length 0"),
        (([b"a", "b"], [True]), "photo 1 is text"),
        (([b"a", [b"b"]], [True]), "photo 1 is a list of length 1"),
        (([b"a", b"b"], [2]), "label 0 is 2"),
        (([b"a", b"b"], [b"1"]), "label 0 is a bytes of length 1"),
    ],
)
def test_what_the_pickle_holds_must_be_a_set(read: Reader, content: object, message: str) -> None:
    with pytest.raises(PairListError, match=message):
        read(pickle.dumps(content, 3))


def test_arrays_are_refused_by_name(read: Reader) -> None:
    for protocol in range(6):
        with pytest.raises(PairListError, match=r"numpy|instruction"):
            read(pickle.dumps(([np.zeros(9, np.uint8), b"x"], [True]), protocol))
        with pytest.raises(PairListError, match=r"numpy|instruction"):
            read(pickle.dumps((SMALL[0], [np.bool_(True)]), protocol))


@pytest.mark.parametrize("protocol", range(6))
def test_a_file_that_is_cut_off_anywhere(read: Reader, protocol: int) -> None:
    whole = [pickle.dumps(SMALL, protocol)] + ([python_2(*SMALL, protocol)] if protocol < 3 else [])
    for data in whole:
        assert read(data).images == SMALL[0]
        for end in range(len(data)):
            with pytest.raises(PairListError, match="the file ends in the middle"):
                read(data[:end])


@pytest.mark.parametrize(
    "start",
    [
        b"\x8e" + struct.pack("<Q", 1 << 40),
        b"\x8e" + b"\xff" * 8,
        b"B\xff\xff\xff\xff",
        b"X\xff\xff\xff\xff",
        b"T\xff\xff\xff\x7f",
        b"V" + b"a" * 1000,
    ],
)
def test_lengths_beyond_the_end_ask_for_no_memory(read: Reader, start: bytes) -> None:
    assert peak(lambda: refused(read, b"\x80\x04" + start + b"x.")) < 1_000_000


def test_large_numbers_of_items_ask_for_no_memory(read: Reader) -> None:
    data = pickle.dumps(SMALL, 2)
    far = data.replace(b"q\x00", b"r\xff\xff\xff\xff")
    assert far != data
    assert peak(lambda: read(far)) < 1_000_000
    assert read(far).images == SMALL[0]


def test_one_text_used_again_and_again_stays_one(read: Reader) -> None:
    again = b"h\x00h\x01h\x02\x86R"
    text = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20)
    start = LATIN + b"q\x00" + text + b"q\x01X\x06\0\0\0latin1q\x02("
    photos = b"](" + again * 200 + b"e](" + b"\x88" * 100 + b"e"
    data = start + photos + b"\x86."
    found: list[BinSet] = []
    assert peak(lambda: found.append(read(data))) < 20_000_000
    assert len(found[0].images) == 200
    assert found[0].images[199] == b"a" * (1 << 20)


def test_deep_nesting_and_a_list_in_itself(read: Reader) -> None:
    refused(read, b")" + b"\x85" * 100_000 + b".")
    refused(read, b"(" * 100_000 + b"t" * 100_000 + b".")
    refused(read, b"]q\x00h\x00ah\x00a.")
    refused(read, b"]q\x00h\x00ah\x00\x86.")


def test_limits(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pickle.dumps(([b"x" * 100] * 40, [True] * 20), 4)
    assert len(read(data)) == 20
    monkeypatch.setattr(binset, "MAX_PHOTO_BYTES", 99)
    with pytest.raises(PairListError, match="a photo of 100 bytes; at most 99"):
        read(data)
    monkeypatch.undo()
    monkeypatch.setattr(binset, "MAX_PHOTOS", 2)
    with pytest.raises(PairListError, match="more than 2 photos"):
        read(data)
    monkeypatch.undo()
    monkeypatch.setattr(binset, "MAX_BYTES", len(data) - 1)
    with pytest.raises(PairListError, match=f"{len(data)} bytes; a set of at most {len(data) - 1}"):
        read(data)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PairListError, match="there is no such file"):
        read_bin(tmp_path / "missing.bin")
    with pytest.raises(PairListError, match="folder"):
        read_bin(tmp_path)
    with pytest.raises(PairListError, match="cannot be read"):
        read_bin("nul\0.bin")


@settings(max_examples=200, deadline=None, database=None)
@given(st.data(), st.sampled_from([pickle.dumps(SMALL, p) for p in range(6)] + [python_2(*SMALL, p) for p in range(3)]))
def test_changed_bytes_give_a_set_or_a_pair_list_error(read: Reader, data: st.DataObject, original: bytes) -> None:
    changed = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed)))
        codes = st.sampled_from(
            [bytes([code]) for code in b"\x80\x95(]lae)t\x85\x86\x88\x89ILJKMSTUBCVXcRpqr\x94ghj.0"]
        )
        changed[place : place + data.draw(st.integers(0, 2))] = data.draw(st.one_of(codes, st.binary(max_size=3)))
    check(read, bytes(changed))


@settings(max_examples=200, deadline=None, database=None)
@given(st.binary(max_size=60))
def test_any_bytes_give_a_set_or_a_pair_list_error(read: Reader, data: bytes) -> None:
    check(read, data)


def check(read: Reader, data: bytes) -> None:
    try:
        found = read(data)
    except PairListError:
        return
    assert len(found.images) == 2 * len(found.same) > 0


def refused(read: Reader, data: bytes) -> None:
    with pytest.raises(PairListError):
        read(data)


def peak(action: Callable[[], object]) -> int:
    """Bytes that Python asked for at most, besides those in use before."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
