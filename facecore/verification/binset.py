"""The pickled `.bin` sets of face recognition papers, photos and labels in one file: lfw, cfp_fp, agedb_30, calfw, ...

A set is a pickle of `(photos, same)`: 2 N encoded photos as bytes, and N booleans; pair i is of the photos 2 i and
2 i + 1. A pickle is a program, and Python's own unpickler runs it: even with all classes refused, a file of some ten
bytes can make it ask for many gigabytes. So these files are read by a small machine of our own that knows the
instructions which lists, tuples, byte strings, booleans and integers are made of, in the protocols 0 to 5 of Python 2
and 3, and no others. Nothing in a file can name a function or a class, with one exception: Python 3 writes bytes in the
protocols 0 to 2 as a call of `_codecs.encode(text, "latin1")`, and that is done here, without calling anything.

The instructions and what they do: the standard library's `pickletools` and PEP 307, 3154 and 574.
"""

import codecs
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from facecore.errors import PairListError

MAX_BYTES = 2 << 30
"""Size of a file; the largest sets in use have under 200 MB."""

MAX_PHOTOS = 200_000
"""Photos in a set; the largest in use has 14,000."""

FOLDS = 10

MAX_PHOTO_BYTES = 64 << 20
"""Size of one photo."""

_STEPS_PER_PHOTO = 16  # bytes in the protocols 0 and 1 of Python 3, the longest form, take 11
_LONGEST_LINE = 6 * MAX_PHOTO_BYTES  # in protocol 0 a byte is written with up to six characters
_LONGEST_NUMBER = 20  # characters of an integer as text
_REPR = re.compile(rb"""(?:[^\\]+|\\(?:x[0-9a-f]{2}|[\\'"nrt]))*+""")  # what Python 2 put between quotes


@dataclass(frozen=True)
class BinSet:
    """The photos and labels of a set.

    Attributes:
        images: 2 N encoded photos (JPEG or PNG); pair i is of `images[2 * i]` and `images[2 * i + 1]`.
        same: (N,) bool, whether pair i shows one person.
        fold: (N,) int64 from 1 to 10: ten consecutive blocks of equal size, as the papers use them; where N is no
            multiple of ten, the first blocks have a pair more. With fewer than ten pairs each is a fold.
    """

    images: list[bytes]
    same: np.ndarray
    fold: np.ndarray

    def __len__(self) -> int:
        return len(self.same)


def read_bin(path: str | os.PathLike[str]) -> BinSet:
    """Read a `.bin` set; nothing in it is run.

    Raises:
        PairListError: the file is missing, too large or truncated, is no pickle, holds anything besides lists, tuples,
            bytes, booleans and integers, or its photos and labels do not match.
    """
    name = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise PairListError(f"{name}: {size:,} bytes; a set of at most {MAX_BYTES:,} is read")
            content = _Machine(file, size, name).run()
    except FileNotFoundError:
        raise PairListError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise PairListError(f"{name}: this is a folder; a .bin set is a file") from None
    except (OSError, ValueError) as error:
        raise PairListError(f"{name}: cannot be read: {error}") from error
    return _checked(content, name)


def _checked(content: object, name: str) -> BinSet:
    if not isinstance(content, (list, tuple)) or len(content) != 2:
        raise PairListError(f"{name}: a .bin set is a pair of two lists, (photos, same), and this is {_kind(content)}")
    photos, labels = content
    for part, what in ((photos, "photos"), (labels, "labels")):
        if not isinstance(part, (list, tuple)):
            raise PairListError(f"{name}: the {what} of a .bin set stand in a list, and this is {_kind(part)}")
    images = [photo for photo in photos if isinstance(photo, bytes) and photo]
    if len(images) < len(photos):
        bad = next(i for i, photo in enumerate(photos) if not isinstance(photo, bytes) or not photo)
        raise PairListError(f"{name}: photo {bad} is {_kind(photos[bad])}, and must be the bytes of a JPEG or PNG")
    bad_label = next((i for i, label in enumerate(labels) if not isinstance(label, int) or label not in (0, 1)), None)
    if bad_label is not None:
        shown = labels[bad_label] if isinstance(labels[bad_label], int) else _kind(labels[bad_label])
        raise PairListError(f"{name}: label {bad_label} is {shown}, and must be true or false")
    if len(images) != 2 * len(labels):
        problem = f"{len(images)} photos and {len(labels)} labels; there must be two photos for each label"
        raise PairListError(f"{name}: {problem}")
    if not images:
        raise PairListError(f"{name}: the set is empty")
    blocks = np.array_split(np.arange(len(labels)), FOLDS)
    fold = np.repeat(np.arange(1, FOLDS + 1), [len(block) for block in blocks])
    return BinSet(images, np.array(labels, dtype=np.bool_), fold)


def _kind(value: object) -> str:
    if isinstance(value, (list, tuple, bytes)):
        return f"a {type(value).__name__} of length {len(value)}"
    return "text" if isinstance(value, _Text) else f"of type {type(value).__name__}"


@dataclass(frozen=True)
class _Text:
    """A string of Python 3: only what `_codecs.encode` is given, and never a photo. Kept as its bytes in latin-1."""

    value: bytes


class _Function:
    """The place of `_codecs.encode` on the stack; there is one, and it cannot be called."""


_ENCODE = _Function()


class _Machine:
    """Carries out the instructions of one pickle.

    A list can be put into itself, and tuples can be nested as deep as the file is long: nothing here follows what an
    item holds, so neither does harm. Steps are counted, which bounds the memory besides the photos' own bytes.
    """

    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        self.file, self.size, self.name = file, size, name
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}

    def run(self) -> object:
        """The object that the pickle makes."""
        for _ in range(_STEPS_PER_PHOTO * MAX_PHOTOS):
            code = self.read(1)
            if code == b".":
                return self.pop()
            step = _STEPS.get(code)
            if step is None:
                raise self.refuse(f"the instruction {code!r} is not one that makes lists, bytes or booleans")
            step(self)
        raise PairListError(f"{self.name}: more than {MAX_PHOTOS:,} photos, or no set of photos at all")

    def refuse(self, problem: str) -> PairListError:
        """The error for what stands just before the present place."""
        place = f"{self.name}, byte {self.file.tell():,}"
        return PairListError(f"{place}: {problem}. Only a pickle of (list of JPEG bytes, list of booleans) is read")

    def ended(self) -> PairListError:
        """The error for a file that is too short."""
        return PairListError(f"{self.name}: the file ends in the middle, or is no pickle")

    def read(self, count: int) -> bytes:
        """So many bytes; a length beyond the file's end is found before memory is asked for."""
        if count > self.size - self.file.tell():
            raise self.ended()
        if count > MAX_PHOTO_BYTES:
            raise self.refuse(f"a photo of {count:,} bytes; at most {MAX_PHOTO_BYTES:,} are read")
        return self.file.read(count)

    def number(self, width: int, signed: bool = False) -> int:
        """An integer of so many bytes, the lowest first."""
        return int.from_bytes(self.read(width), "little", signed=signed)

    def line(self) -> bytes:
        """The rest of the line, without its end."""
        text = self.file.readline(_LONGEST_LINE)
        if not text.endswith(b"\n"):
            raise self.ended()
        return text[:-1]

    def decimal(self) -> int:
        """A line with an integer."""
        text = self.line()
        digits = text.removesuffix(b"L").removeprefix(b"-")
        if not digits.isdigit() or len(digits) > _LONGEST_NUMBER:
            raise self.refuse(f"{text[:40]!r} is no integer")
        return int(text.removesuffix(b"L"))

    def push(self, value: object) -> None:
        """Put a value on top."""
        self.stack.append(value)

    def pop(self) -> object:
        """Take the top value above the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise self.refuse("an item is asked for, and there is none")
        return self.stack.pop()

    def pop_to_mark(self) -> list[object]:
        """Take all values above the last mark, and the mark."""
        if not self.marks:
            raise self.refuse("the start of a list is asked for, and there is none")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def remember(self, key: int) -> None:
        """Keep the top value under a number."""
        value = self.pop()
        self.memo[key] = value
        self.push(value)

    def recall(self, key: int) -> None:
        """Push what was kept."""
        if key not in self.memo:
            raise self.refuse(f"item {key} is asked for, and was never kept")
        self.push(self.memo[key])


def _protocol(m: _Machine) -> None:
    version = m.number(1)
    if version > 5:
        raise m.refuse(f"protocol {version} is not known")


def _frame(m: _Machine) -> None:
    m.number(8)  # how much to read ahead; nothing is read ahead here


def _mark(m: _Machine) -> None:
    m.marks.append(len(m.stack))


def _tuple(count: int) -> Callable[[_Machine], None]:
    def step(m: _Machine) -> None:
        items = [m.pop() for _ in range(count)]
        m.push(tuple(reversed(items)))

    return step


def _append(items: list[object], m: _Machine) -> None:
    target = m.pop()
    if not isinstance(target, list):
        raise m.refuse("an item is added to something that is no list")
    target.extend(items)
    m.push(target)


def _int(m: _Machine) -> None:
    place = m.file.tell()
    text = m.line()
    if text in (b"00", b"01"):  # booleans in the protocols 0 and 1
        m.push(text == b"01")
        return
    m.file.seek(place)
    m.push(m.decimal())


def _long(m: _Machine) -> None:
    width = m.number(1)
    if width > 8:
        raise m.refuse(f"an integer of {width} bytes")
    m.push(m.number(width, signed=True))


def _bytes(width: int, signed: bool = False) -> Callable[[_Machine], None]:
    def step(m: _Machine) -> None:
        length = m.number(width, signed)
        if length < 0:
            raise m.refuse("bytes of negative length")
        m.push(m.read(length))

    return step


def _quoted(m: _Machine) -> None:
    """A string of Python 2 in protocol 0: what its repr() gave."""
    text = m.line()
    if len(text) < 2 or text[:1] not in (b"'", b'"') or text[-1:] != text[:1]:
        raise m.refuse("a string without quotes")

    if _REPR.fullmatch(text, 1, len(text) - 1) is None:  # whatever else Python's decoder would let pass
        raise m.refuse("a string with an escape that Python 2 does not write")
    m.push(codecs.escape_decode(text[1:-1])[0])


def _text(data: bytes, encoding: str, m: _Machine) -> None:
    try:
        m.push(_Text(data.decode(encoding).encode("latin-1")))
    except UnicodeError:
        raise m.refuse("text that stands for no bytes") from None


def _global(m: _Machine) -> None:
    """A function or class by name. Nothing is imported."""
    module, name = m.line(), m.line()
    if (module, name) != (b"_codecs", b"encode"):
        raise m.refuse(f"the file asks for {module[:60]!r}, {name[:60]!r}, which is not allowed: it may be malicious")
    m.push(_ENCODE)


def _reduce(m: _Machine) -> None:
    """A call; only that of `_codecs.encode` with text and "latin1"."""
    arguments, function = m.pop(), m.pop()
    if function is not _ENCODE:
        raise m.refuse("a call of something that is no function, which is not allowed: it may be malicious")
    if not isinstance(arguments, tuple) or len(arguments) != 2 or not all(isinstance(a, _Text) for a in arguments):
        raise m.refuse("_codecs.encode is called with something besides text and a codec")
    text, codec = arguments
    if codec.value != b"latin1":
        raise m.refuse(f"_codecs.encode is called with the codec {codec.value[:40]!r}, and only latin1 is allowed")
    m.push(text.value)  # no copy, so that a file cannot ask for one text again and again


_STEPS: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _protocol,
    b"\x95": _frame,
    b"(": _mark,
    b"]": lambda m: m.push([]),
    b"l": lambda m: m.push(m.pop_to_mark()),
    b"a": lambda m: _append([m.pop()], m),
    b"e": lambda m: _append(m.pop_to_mark(), m),
    b")": lambda m: m.push(()),
    b"t": lambda m: m.push(tuple(m.pop_to_mark())),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"I": _int,
    b"L": lambda m: m.push(m.decimal()),
    b"J": lambda m: m.push(m.number(4, signed=True)),
    b"K": lambda m: m.push(m.number(1)),
    b"M": lambda m: m.push(m.number(2)),
    b"\x8a": _long,
    b"S": _quoted,
    b"T": _bytes(4, signed=True),
    b"U": _bytes(1),
    b"B": _bytes(4),
    b"C": _bytes(1),
    b"\x8e": _bytes(8),
    b"V": lambda m: _text(m.line(), "raw-unicode-escape", m),
    b"X": lambda m: _text(m.read(m.number(4)), "utf-8", m),
    b"c": _global,
    b"R": _reduce,
    b"p": lambda m: m.remember(m.decimal()),
    b"q": lambda m: m.remember(m.number(1)),
    b"r": lambda m: m.remember(m.number(4)),
    b"\x94": lambda m: m.remember(len(m.memo)),
    b"g": lambda m: m.recall(m.decimal()),
    b"h": lambda m: m.recall(m.number(1)),
    b"j": lambda m: m.recall(m.number(4)),
}
