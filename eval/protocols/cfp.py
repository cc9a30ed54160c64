"""Celebrities in Frontal-Profile in the Wild (Sengupta et al. 2016): frontal photos with frontal or profile ones."""

import argparse
from pathlib import Path

import pandas as pd

from eval.index import read_index
from eval.protocols.outcome import Protocol, open_out, table_source, write_outcome
from eval.resolve import Resolver
from eval.run import open_run
from eval.scoring import embed_names
from facecore.command_line import DONE
from facecore.errors import DataError
from facecore.verification.cfp import cfp_candidates, cfp_root, read_cfp

LOOKED_AT = 50
"""Names by which the layout of another image folder is found."""


def run_cfp(a: argparse.Namespace) -> int:
    """What `python -m eval.protocols cfp` does."""
    open_out(a)
    table = read_cfp(a.folder, a.protocol)
    root = cfp_root(a.folder)
    if a.images is not None:
        root = a.images
        table = rename_photos(table, root)
    source = table_source(table, str(a.folder))
    index = read_index(source)
    protocol = Protocol(f"cfp-{a.protocol.lower()}", f"CFP-{a.protocol}", source, root)
    with open_run(a, face="centre") as run:
        resolver = Resolver(root, a.allow_outside)
        write_outcome(a, run, protocol, index, lambda: embed_names(run, index.names, resolver))
    return DONE


def rename_photos(table: pd.DataFrame, root: Path) -> pd.DataFrame:
    """The table with the names that its photos have under another folder, which may be that of Data or of Images.

    Raises:
        DataError: none of the photos is there.
    """
    names = pd.concat([table["left"], table["right"]]).drop_duplicates().tolist()
    forms = max(len(cfp_candidates(name)) for name in names)
    for form in range(forms):
        if any((root / cfp_candidates(name)[form]).is_file() for name in names[:LOOKED_AT] if _has(name, form)):
            return table.assign(**{side: [_named(name, form) for name in table[side]] for side in ("left", "right")})
    raise DataError(
        f"--images {root}: none of the protocol's photos is there, such as {', '.join(cfp_candidates(names[0]))}"
    )


def _has(name: str, form: int) -> bool:
    return form < len(cfp_candidates(name))


def _named(name: str, form: int) -> str:
    candidates = cfp_candidates(name)
    return candidates[min(form, len(candidates) - 1)]
