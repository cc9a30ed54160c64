"""The pair lists of Labeled Faces in the Wild (Huang et al. 2007; format in the data set's own README).

    10      300                       View 2: folds, pairs of a kind in each; View 1: only the pairs of a kind
    Name    1       4                 genuine: two photos of one person
    NameA   3       NameB   5         impostor

Each fold has its genuine and its impostor pairs in one piece. Photos are called Name/Name_0001.jpg.
"""

import posixpath
import re

import numpy as np
import pandas as pd

from facecore.verification.listfile import ListFile, line_error

_HEADER = re.compile(r"[ \t]*([1-9]\d{0,8})(?:[ \t]+([1-9]\d{0,8}))?[ \t]*", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_SUFFIXES = (".jpg", ".png", ".webp", ".jpeg")


def looks_like_lfw(file: ListFile) -> bool:
    """Whether the first line is a header of one or two integers and the second a pair by name and number.

    A list of photos whose names are numbers ("1 2") is none: its second line looks like its first.
    """
    return len(file.records) > 1 and _HEADER.fullmatch(file.records[0]) is not None and _pair(file, 1) is not None


def headless(file: ListFile) -> bool:
    """Whether the list begins with a pair by name and number, without the header."""
    return _pair(file, 0) is not None


def lfw_table(file: ListFile) -> pd.DataFrame:
    """Columns left, right (Name/Name_0001.jpg), label (boolean) and, where the header has two numbers, fold (from 1).

    Without a header nothing can be counted, and there are no folds.

    Raises:
        PairListError: a line is no pair by name and number, or there are not as many as the header says.
    """
    header = _HEADER.fullmatch(file.records[0])
    pairs = []
    for record in range(1 if header else 0, len(file.records)):
        pair = _pair(file, record)
        if pair is None:
            raise file.error(record, "an LFW list needs `Name 1 4` or `NameA 3 NameB 5`")
        pairs.append(pair)
    table = pd.DataFrame(pairs, columns=["left", "right", "label"]).astype({"label": "boolean"})
    if header is None:
        return table
    folds, each = (1, int(header[1])) if header[2] is None else (int(header[1]), int(header[2]))
    _check_counts(file, table["label"].to_numpy(dtype=np.bool_), folds, each)
    if header[2] is not None:
        table["fold"] = np.repeat(np.arange(1, folds + 1), 2 * each)
    return table


def lfw_candidates(path: str) -> list[str]:
    """Where the photo that an LFW list calls `Name/Name_0001.jpg` may lie, the likeliest first.

    With each of the suffixes .jpg, .png, .webp and .jpeg in the person's folder, then the same without the folder.
    """
    base = posixpath.splitext(path)[0]
    bases = [base, posixpath.basename(base)]
    return [base + suffix for base in dict.fromkeys(bases) for suffix in _SUFFIXES]


def _pair(file: ListFile, record: int) -> tuple[str, str, bool] | None:
    line = file.records[record]
    fields = [field.strip(" ") for field in line.split("\t")] if "\t" in line else line.split(" ")
    fields = [field for field in fields if field]
    if len(fields) == 3:
        left, i, j = fields
        right = left
    elif len(fields) == 4:
        left, i, right, j = fields
    else:
        return None
    if not (_NUMBER.fullmatch(i) and _NUMBER.fullmatch(j)):
        return None
    return _photo(left, i), _photo(right, j), len(fields) == 3


def _photo(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"


def _check_counts(file: ListFile, genuine: np.ndarray, folds: int, each: int) -> None:
    promised = 2 * folds * each
    if genuine.size > promised:
        raise file.error(promised + 1, f"the first line promises {promised} pairs, and this line is one too many")
    if genuine.size < promised:
        problem = f"the list ends after {genuine.size} pairs, and its first line promises {promised}"
        raise line_error(file.name, file.numbers[-1], problem)
    by_fold = genuine.reshape(folds, 2 * each)
    surplus = np.where(by_fold, by_fold.cumsum(axis=1), (~by_fold).cumsum(axis=1)).reshape(-1) > each
    if surplus.any():
        first = int(surplus.argmax())
        kind = "genuine" if genuine[first] else "impostor"
        problem = f"fold {first // (2 * each) + 1} has more than the {each} {kind} pairs that the first line promises"
        raise file.error(first + 1, problem)
