"""The `.bin` sets of face recognition papers (lfw, cfp_fp, agedb_30, calfw, cplfw): ten folds, photos in the file."""

import argparse

import pandas as pd

from eval.index import read_index
from eval.protocols.outcome import Protocol, open_out, table_source, write_outcome
from eval.run import open_run
from eval.scoring import embed_bytes
from facecore.command_line import DONE
from facecore.verification.binset import BinSet, read_bin


def run_bin(a: argparse.Namespace) -> int:
    """What `python -m eval.protocols bin` does."""
    open_out(a)
    pictures = read_bin(a.file)
    table, firsts = bin_table(pictures)
    source = table_source(table, str(a.file))
    index = read_index(source)
    protocol = Protocol(f"bin-{a.file.stem}", a.file.name, source, None)
    with open_run(a, face="centre") as run:
        photos = [pictures.images[firsts[name]] for name in index.names]
        write_outcome(a, run, protocol, index, lambda: embed_bytes(run, photos))
    return DONE


def bin_table(pictures: BinSet) -> tuple[pd.DataFrame, dict[str, int]]:
    """The pairs as a table, and the place in the set of the photo behind each name.

    Photos with the same bytes get one name, their first place: so the figures know that they are one photo.
    """
    first: dict[bytes, int] = {}
    names = [f"{first.setdefault(photo, place):06d}" for place, photo in enumerate(pictures.images)]
    table = pd.DataFrame(
        {
            "left": names[::2],
            "right": names[1::2],
            "label": pd.array(pictures.same, dtype="boolean"),
            "fold": pictures.fold,
        }
    )
    return table, {f"{place:06d}": place for place in first.values()}
