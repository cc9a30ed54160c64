import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facecore.errors import PairListError
from facecore.verification import listtext
from facecore.verification.listtext import open_list
from facecore.verification.pairs import open_pairs, read_pairs

SMALL = 16  # bytes at once, so that every list of these tests has many blocks


def _write(folder: Path, content: bytes) -> Path:
    path = folder / "pairs.txt"
    path.write_bytes(content)
    return path


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listtext.ListText.blocks, "__defaults__", (SMALL,))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blocks_are_the_whole_in_pieces(tmp_path: Path, encoding: str, end: str) -> None:
    lines = ["# a comment", "ä/1.jpg b.jpg", "", "Müller.jpg c.jpg", "x.jpg y.jpg", "   ", "last.jpg ö.jpg"]
    text = open_list(_write(tmp_path, end.join(lines).encode(encoding)))
    whole = text.whole()
    blocks = list(text.blocks(SMALL))
    assert len(blocks) > 2
    assert [record for block in blocks for record in block.records] == list(whole.records)
    assert [number for block in blocks for number in block.numbers] == list(whole.numbers) == [2, 4, 5, 7]
    assert text.lines == len(lines)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.text(alphabet='ab ",#\t\né\r', max_size=12), max_size=12))
def test_block_sizes_change_nothing(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = _write(tmp_path_factory.mktemp("lists"), "\n".join(lines).encode())

    def read(size: int) -> tuple[list[str], list[int]] | str:
        try:
            blocks = list(open_list(path).blocks(size))
        except PairListError as error:
            return str(error)
        return [r for block in blocks for r in block.records], [n for block in blocks for n in block.numbers]

    assert read(3) == read(SMALL) == read(1 << 20)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "content",
    [
        "a.jpg b.jpg 1\nc.jpg d.jpg 0\ne.jpg f.jpg 1\n",
        'left,right,label,fold,,note\na.jpg,"b,\n.jpg",1,1,,\nc.jpg,d.jpg,,2,,"x ""y"""\ne.jpg,f.jpg,0,2,,z\n',
        "Id,Category\na.jpg b.jpg,1\nc.jpg d.jpg,0\ne.jpg f.jpg,1\n",
        "1 2\nAnn 1 2\nBob 3 4\nAnn 1 Bob 2\nBob 1 Ann 1\n".replace("1 2\n", "2\n", 1),
    ],
)
def test_tables_are_the_list_in_pieces(tmp_path: Path, content: str) -> None:
    path = _write(tmp_path, content.encode())
    try:
        expected = read_pairs(path).table
    except PairListError as error:
        with pytest.raises(PairListError, match=str(error).split(":")[-2].strip()):
            list(open_pairs(path).tables())
        return
    source = open_pairs(path)
    for _ in range(2):  # as often as needed
        tables = list(source.tables())
        for column in expected:
            values = [value for table in tables for value in table[column].astype(object)]
            assert [str(value) for value in values] == [str(value) for value in expected[column].astype(object)]


@pytest.mark.usefixtures("small_blocks")
def test_a_column_without_name_is_kept_if_a_later_line_uses_it(tmp_path: Path) -> None:
    content = "left,right,,\na.jpg,b.jpg,,\nc.jpg,d.jpg,,\ne.jpg,f.jpg,late,\n"
    tables = list(open_pairs(_write(tmp_path, content.encode())).tables())
    assert all(list(table) == ["left", "right", "column 3"] for table in tables)


@pytest.mark.usefixtures("small_blocks")
def test_a_late_line_is_named(tmp_path: Path) -> None:
    source = open_pairs(_write(tmp_path, b"a.jpg b.jpg\n" * 50 + b"only-one.jpg\n"))
    with pytest.raises(PairListError, match="line 51: ") as caught:
        list(source.tables())
    assert caught.value.line == 51


def test_bytes_of_another_encoding_are_named_by_line(tmp_path: Path) -> None:
    path = _write(tmp_path, b"\xef\xbb\xbfa.jpg b.jpg\n" * 1 + b"c.jpg d.jpg\n" * 9 + b"\xff.jpg e.jpg\n")
    with pytest.raises(PairListError, match="line 11: the file begins as UTF-8"):
        open_list(path)


def test_what_comes_through_a_pipe_can_be_read_twice(tmp_path: Path) -> None:

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"a.jpg b.jpg\nc.jpg d.jpg\n",))
    writer.start()
    source = open_pairs(pipe)
    writer.join()
    for _ in range(2):
        assert sum(len(table) for table in source.tables()) == 2


@pytest.mark.parametrize("after", ["b.jpg c.jpg\na.jpg b.jpg\n", "a.jpg b.jpg\n"])
def test_a_list_that_changes_meanwhile_is_not_read_on(tmp_path: Path, after: str) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("a.jpg b.jpg\nb.jpg c.jpg\n")
    source = open_pairs(path)
    assert len(list(source.tables())) == 1
    path.write_text(after)
    then = path.stat().st_mtime + 10
    os.utime(path, (then, then))
    with pytest.raises(PairListError, match="was changed while it was in use"):
        list(source.tables())
