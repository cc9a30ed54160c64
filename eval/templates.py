"""Pairs of templates: several photos of a person compared as one."""

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eval.index import PairIndex
from eval.resolve import Resolver
from eval.run import Run
from eval.scoring import Sides, embed_names
from facecore.files import sha256
from facecore.verification.pairs import PairSource
from facecore.verification.template_list import TemplateMembers, read_template_pairs, read_templates
from facecore.verification.templates import templates

BLOCK = 100_000


@dataclass(frozen=True)
class TemplateList:
    """A list of pairs of templates.

    Attributes:
        members: which photos each template has.
        index: the pairs; its names are the templates' ids.
        source: the pairs once more, in pieces.
    """

    members: TemplateMembers
    index: PairIndex
    source: PairSource


def open_templates(pairs: str | os.PathLike[str], members: str | os.PathLike[str]) -> TemplateList:
    """Read both files of a template protocol.

    Raises:
        PairListError: a line of either cannot be read, or a template is compared that has no photos.
    """
    described = read_templates(members)
    table = read_template_pairs(pairs, described)

    def tables() -> Iterator[pd.DataFrame]:
        for begin in range(0, len(table), BLOCK):
            part = table.iloc[begin : begin + BLOCK].reset_index(drop=True)
            yield part.assign(left=part["left"].astype("str"), right=part["right"].astype("str"))

    index = PairIndex(
        [str(name) for name in described.ids],
        table["left"].cat.codes.to_numpy(np.int32),
        table["right"].cat.codes.to_numpy(np.int32),
        table["label"].astype("Int8").fillna(-1).to_numpy(np.int8) if "label" in table else None,
        None,
    )
    source = PairSource("template", len(table), sha256(pairs), os.fspath(pairs), None, tables)
    return TemplateList(described, index, source)


def embed_templates(run: Run, described: TemplateList, resolver: Resolver, by_quality: bool = False) -> Sides:
    """One embedding for each template: the mean over its photos that have one.

    A template without any has the status of its first photo. Its quality is the mean over its photos.

    Args:
        run: embeds the photos, each once in however many templates it is.
        described: the templates.
        resolver: finds the photos.
        by_quality: whether photos count by their quality.
    """
    members, count = described.members, len(described.index.names)
    places, names = pd.factorize(members.image)
    photos = embed_names(run, [str(name) for name in names], resolver)
    photo_quality = photos.quality[places].astype(np.float64)
    weights = photo_quality if by_quality else None
    matrix = templates(photos.matrix, members.template, count, rows=places, weights=weights, media=members.media)
    known = np.isfinite(photo_quality)
    total = np.bincount(members.template[known], photo_quality[known], count)
    with np.errstate(invalid="ignore"):
        quality = total / np.bincount(members.template[known], minlength=count)
    first = np.full(count, -1)
    first[members.template[::-1]] = places[::-1]  # the last one written stays: the first member
    failed = ~np.isfinite(matrix[:, 0])
    status = np.where(failed, photos.status[first], "ok")
    problems = {
        place: photos.problems[photo]
        for place, photo in enumerate(first.tolist())
        if failed[place] and photo in photos.problems
    }
    left_out = int(np.isnan(photos.matrix[places, 0]).sum())
    return dataclasses.replace(
        photos,
        matrix=matrix,
        status=status,
        quality=quality.astype(np.float32),
        problems=problems,
        left_out=left_out,
    )
