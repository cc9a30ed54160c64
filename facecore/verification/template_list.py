"""Lists of templates: several photos of a person that are compared as one, as IJB-B and IJB-C give them.

One file says which photos a template has, the other which templates are compared (Whitelam et al. 2017, Maze et al.
2018, and the shorter form in which insightface passes their protocols on):

    members                                            pairs
    1.jpg 1 69544              photo, template, media  1 11065 1                 two templates, and a label
    TEMPLATE_ID,SUBJECT_ID,FILENAME,SIGHTING_ID,...    ENROLL_TEMPLATE_ID,VERIF_TEMPLATE_ID
    anna,anna/1.jpg            template, photo         anna,berta                in our own lists

Photos with one media number are frames of one video. IJB-C has 470,000 members and 15,658,489 pairs.
"""

import io
import os
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from facecore.verification.csvlist import LABEL_COLUMNS, plain_name
from facecore.verification.fields import LABELS, to_columns, to_labels, to_paths
from facecore.verification.listfile import SEPARATORS, WHITESPACE, ListFile, line_error
from facecore.verification.listtext import open_list

TEMPLATE_COLUMNS = ("templateid", "template", "tid")
IMAGE_COLUMNS = ("filename", "file", "image", "path", "name", "img", "photo")
MEDIA_COLUMNS = ("mediaid", "media", "mid", "sightingid")
SUBJECT_COLUMNS = ("subjectid", "subject", "person", "identity")
PAIR_COLUMNS = (
    ("enrolltemplateid", "veriftemplateid"),
    ("template1", "template2"),
    ("templateid1", "templateid2"),
    ("left", "right"),
)
"""Names are compared without regard to case, spaces, hyphens and underscores; of two that fit, the first counts."""

_SAMPLE = 200
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}[ \t]*$")
_WORDS = pa.array(list(LABELS))
_MEANINGS = np.array(list(LABELS.values()))


@dataclass(frozen=True)
class TemplateMembers:
    """Which photos the templates have: T templates, M members, in the order of the list.

    Attributes:
        ids: (T,) text, the id of each template, in the order in which they first appear.
        template: (M,) int32, the template of each member, as a place in `ids`.
        image: (M,) text, the photo of each member, as written; one that a template names twice is there twice.
        media: (M,) int32 or None, equal for members whose photos are frames of one video; a member without is alone.
        subject: (T,) int32 or None, equal for templates of one person.
    """

    ids: pd.Index
    template: np.ndarray
    image: pd.Series
    media: np.ndarray | None
    subject: np.ndarray | None


@dataclass(frozen=True)
class _Layout:
    """How lines are built: the separator, the fields of a line, and the place of each field that is used."""

    separator: str
    width: int
    start: int
    places: tuple[int | None, ...]


def read_templates(path: str | os.PathLike[str]) -> TemplateMembers:
    """Read which photos the templates have.

    With a header, its columns are those of `TEMPLATE_COLUMNS`, `IMAGE_COLUMNS` and, where there are such,
    `MEDIA_COLUMNS` and `SUBJECT_COLUMNS`; others, such as the boxes of IJB's metadata, are left aside. Without, a line
    is `template image [media]`, or `image template [media]` where only the first field ends like a photo's name.

    Raises:
        PairListError: the file cannot be read, a line is not of its form, an id or a name is empty, or a template has
            two subjects.
    """
    layout: _Layout | None = None
    ids: dict[str, int] = {}
    media: dict[str, int] = {}
    subjects: dict[str, int] = {}
    subject_of: list[int] = []
    templates, images, medias = [], [], []
    members = 0
    for block in open_list(path).blocks():
        start = 0
        if layout is None:
            layout = _member_layout(block)
            start = layout.start
        columns = to_columns(block, block.split(layout.separator, start), layout.width, start)
        template, image, medium, subject = (None if place is None else columns[place] for place in layout.places)
        assert template is not None  # both are found in every layout
        assert image is not None
        images.append(pd.Series(to_paths(block, image, start), dtype="str"))
        templates.append(_codes(block, template, ids, start, "template"))
        if medium is not None:
            # For a member without: a name that no media can have, since text has no such character.
            own = (text.strip(" \t") or f"\0{members + i}" for i, text in enumerate(medium))
            medias.append(np.fromiter((media.setdefault(text, len(media)) for text in own), np.int32, len(medium)))
        if subject is not None:
            people = _codes(block, subject, subjects, start, "subject")
            subject_of += [-1] * (len(ids) - len(subject_of))
            for i, (one, person) in enumerate(zip(templates[-1].tolist(), people.tolist(), strict=True)):
                if subject_of[one] not in (-1, person):
                    raise block.error(start + i, f"template {template[i].strip()!r} had another subject before")
                subject_of[one] = person
        members += len(image)
    if layout is None or not members:
        raise line_error(os.fspath(path), 1, "the list has a header and no member of a template below it")
    return TemplateMembers(
        pd.Index(list(ids), dtype="str"),
        np.concatenate(templates),
        pd.concat(images, ignore_index=True),
        np.concatenate(medias) if medias else None,
        np.array(subject_of, dtype=np.int32) if subject_of else None,
    )


def read_template_pairs(path: str | os.PathLike[str], members: TemplateMembers) -> pd.DataFrame:
    """Read which templates are compared; IJB-C's 15.7 million lines took 7 s of one core and 640 MB.

    A line is two ids and perhaps a label; with a header, its columns are one of `PAIR_COLUMNS`, and
    `csvlist.LABEL_COLUMNS`.

    Returns:
        Columns left and right (categorical: the categories are `members.ids`, the codes places in them) and label
        (nullable boolean): from the list, or where it has none from the subjects of `members`, or missing without both.

    Raises:
        PairListError: the file cannot be read, a line is not of its form, no template has an id, or a label is none.
    """
    layout: _Layout | None = None
    ids = pa.array(members.ids.to_numpy(dtype=object), type=pa.string())
    place_of = {text: place for place, text in enumerate(members.ids)}
    lefts, rights, labels = [], [], []
    for block in open_list(path).blocks():
        start = 0
        if layout is None:
            layout = _pair_layout(block, place_of)
            start = layout.start
        if len(block.records) == start:
            continue
        found = _read_fast(block, layout, start, ids)
        left, right, label = _read_slowly(block, layout, start, place_of) if found is None else found
        lefts.append(left)
        rights.append(right)
        labels.append(label)
    if not lefts or layout is None:
        raise line_error(os.fspath(path), 1, "the list has a header and no pair below it")
    left, right = np.concatenate(lefts), np.concatenate(rights)
    kind = pd.CategoricalDtype(members.ids)
    table = pd.DataFrame({"left": pd.Categorical.from_codes(left, dtype=kind)})
    table["right"] = pd.Categorical.from_codes(right, dtype=kind)
    if layout.places[2] is not None:
        table["label"] = pd.array(np.concatenate(labels), dtype="boolean")
    elif members.subject is not None:
        table["label"] = pd.array(members.subject[left] == members.subject[right], dtype="boolean")
    return table


def _codes(file: ListFile, column: list[str], known: dict[str, int], start: int, what: str) -> np.ndarray:
    """The place of each text among those known, to which new ones are added."""
    texts = [text.strip(" \t") for text in column]
    if "" in texts:
        raise file.error(start + texts.index(""), f"the {what}'s id is empty")
    if file.quoted and any("\n" in text for text in texts):
        broken = next(i for i, text in enumerate(texts) if "\n" in text)
        raise file.error(start + broken, "a quote is not closed: an id goes on in the next line")
    return np.fromiter((known.setdefault(text, len(known)) for text in texts), np.int32, len(texts))


def _first_of(names: tuple[str, ...], found: list[str]) -> int | None:
    return next((found.index(name) for name in names if name in found), None)


def _member_layout(file: ListFile) -> _Layout:
    for separator in SEPARATORS:
        names = [plain_name(name) for name in file.fields(0, separator)]
        template, image = _first_of(TEMPLATE_COLUMNS, names), _first_of(IMAGE_COLUMNS, names)
        if template is not None and image is not None:
            others = _first_of(MEDIA_COLUMNS, names), _first_of(SUBJECT_COLUMNS, names)
            return _Layout(separator, len(names), 1, (template, image, *others))
    best: _Layout | None = None
    most = 0
    for separator in SEPARATORS:
        rows = [file.fields(record, separator) for record in range(min(_SAMPLE, len(file.records)))]
        width = len(rows[0])
        fit = [row for row in rows if len(row) == width and width in (2, 3) and all(row)]
        if len(fit) > most:
            first, second = (sum(_SUFFIX.search(row[place]) is not None for row in fit) for place in (0, 1))
            order = (1, 0) if first > second else (0, 1)
            best, most = _Layout(separator, width, 0, (*order, 2 if width == 3 else None, None)), len(fit)
    if best is None:
        columns = "TEMPLATE_ID and FILENAME"
        problem = f"a line must hold a template's id, a photo and perhaps a media number; or a header name {columns}"
        raise file.error(0, problem)
    return best


def _pair_layout(file: ListFile, known: dict[str, int]) -> _Layout:
    for separator in SEPARATORS:
        names = [plain_name(name) for name in file.fields(0, separator)]
        for left, right in PAIR_COLUMNS:
            if left in names and right in names:
                places = names.index(left), names.index(right), _first_of(LABEL_COLUMNS, names)
                return _Layout(separator, len(names), 1, places)
    possible = []
    for separator in SEPARATORS:
        row = [field.strip(" \t") for field in file.fields(0, separator)]
        if len(row) in (2, 3):
            layout = _Layout(separator, len(row), 0, (0, 1, 2 if len(row) == 3 else None))
            possible.append((sum(field in known for field in row[:2]), layout))
    if not possible:
        columns = "ENROLL_TEMPLATE_ID and VERIF_TEMPLATE_ID"
        raise file.error(
            0, f"a line must hold the ids of two templates and perhaps a label; or a header name {columns}"
        )
    return max(possible, key=lambda one: one[0])[1]


def _read_fast(
    file: ListFile, layout: _Layout, start: int, ids: pa.StringArray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The codes of both templates and the labels; None where a line needs a closer look."""
    text = "\n".join(file.records[start:] if start else file.records)
    if file.quoted or (layout.separator == WHITESPACE and ("\t" in text or "  " in text)):
        return None
    names = [str(place) for place in range(layout.width)]
    used = [str(place) for place in layout.places if place is not None]
    data = text.encode()
    try:
        table = csv.read_csv(
            io.BytesIO(data),
            csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            csv.ParseOptions(delimiter=layout.separator, quote_char=False),
            csv.ConvertOptions(column_types=dict.fromkeys(used, pa.string()), include_columns=used),
        )
    except pa.ArrowInvalid:
        return None
    columns = [pc.utf8_trim(column, " \t") for column in table.columns]
    left, right = (pc.index_in(column, value_set=ids) for column in columns[:2])
    if left.null_count or right.null_count or len(left) != len(file.records) - start:
        return None
    if len(columns) == 2:
        return left.to_numpy(), right.to_numpy(), np.zeros(0, dtype=np.bool_)
    label = pc.index_in(columns[2], value_set=_WORDS)
    return None if label.null_count else (left.to_numpy(), right.to_numpy(), _MEANINGS[label.to_numpy()])


def _read_slowly(
    file: ListFile, layout: _Layout, start: int, place_of: dict[str, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for every line that can be read; an error for the first that cannot."""
    columns = to_columns(file, file.split(layout.separator, start), layout.width, start)
    sides = []
    for place in layout.places[:2]:
        assert place is not None  # the ids are found in every layout
        texts = [text.strip(" \t") for text in columns[place]]
        bad = next((i for i, text in enumerate(texts) if text not in place_of), None)
        if bad is not None:
            raise file.error(start + bad, f"no template has the id {texts[bad][:40]!r}")
        sides.append(np.fromiter((place_of[text] for text in texts), np.int32, len(texts)))
    label = layout.places[2]
    if label is None:
        return sides[0], sides[1], np.zeros(0, dtype=np.bool_)
    return sides[0], sides[1], to_labels(file, columns[label], start).to_numpy(dtype=np.bool_)
