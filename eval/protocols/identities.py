"""A folder with a folder of photos for each person: pairs made from it, and scored."""

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from eval.index import read_index
from eval.protocols.everyone import score_everyone
from eval.protocols.outcome import Protocol, open_out, pairs_csv, table_source, write_outcome
from eval.protocols.people import People, read_people
from eval.protocols.sampling import count_pairs, genuine_pairs, impostor_pairs, shuffled
from eval.resolve import Resolver
from eval.results import write_record
from eval.run import open_run
from eval.scoring import embed_names
from facecore.command_line import DONE
from facecore.files import write_text


def run_identities(a: argparse.Namespace) -> int:
    """What `python -m eval.protocols identities` does."""
    out = open_out(a)
    people = read_people(a.folder)
    print(f"{a.folder}: {len(people.names):,} photos of {len(people.people):,} people", file=sys.stderr)
    return _everyone(a, people, out) if a.all_impostors else _sample(a, people, out)


def make_pairs(people: People, count: int, seed: int, impostors: int | None = None) -> pd.DataFrame:
    """A balanced list: as many genuine as impostor pairs, and nobody and no photo in many more than others.

    It depends on the names of folders and photos and on the seed alone. People take turns, and so do the photos of each
    (see `sampling`), so that one person of whom there are hundreds of photos counts no more than another.

    Args:
        people: the photos.
        count: pairs of either kind; fewer of both where there are fewer of one.
        seed: another one gives other pairs.
        impostors: so many impostor pairs instead, or as many as there are.

    Returns:
        Columns left, right, label; genuine pairs first.

    Raises:
        ValueError: a count is under 1.
    """
    if count < 1 or (impostors is not None and impostors < 1):
        raise ValueError("at least one pair of either kind is needed: --pairs and --impostors must be 1 or more")
    possible, possible_impostors = count_pairs(people.sizes)
    if impostors is None:
        count = impostors = min(count, possible, possible_impostors)
    else:
        count, impostors = min(count, possible), min(impostors, possible_impostors)
    photos = shuffled(people.names, seed, "photos")
    order = shuffled(people.people, seed, "people")
    by_person = [photos[people.codes[photos] == person] for person in range(len(people.people))]
    in_order = [by_person[person] for person in order]
    lefts, rights = zip(genuine_pairs(in_order, count), impostor_pairs(in_order, impostors), strict=True)
    names = np.array(people.names, object)
    return pd.DataFrame(
        {
            "left": names[np.concatenate(lefts)],
            "right": names[np.concatenate(rights)],
            "label": pd.array(np.repeat([True, False], [count, impostors]), dtype="boolean"),
        }
    )


def _sample(a: argparse.Namespace, people: People, out: Path) -> int:
    table = make_pairs(people, a.pairs, a.seed, a.impostors)
    genuine = int(table["label"].sum())
    impostors = len(table) - genuine
    if genuine < a.pairs or impostors < (a.impostors or a.pairs):
        asked = f"{a.pairs:,} and {a.impostors or a.pairs:,}"
        print(f"only {genuine:,} genuine and {impostors:,} impostor pairs can be made, not {asked}", file=sys.stderr)
    write_text(out / "pairs.csv", pairs_csv(table))
    source = table_source(table, "pairs.csv")
    index = read_index(source)
    title = f"{a.folder.absolute().name}, {genuine:,} genuine and {impostors:,} impostor pairs"
    protocol = Protocol("identities", title, source, a.folder)
    with open_run(a) as run:
        resolver = Resolver(a.folder, a.allow_outside)
        write_outcome(a, run, protocol, index, lambda: embed_names(run, index.names, resolver), {"seed": a.seed})
    return DONE


def _everyone(a: argparse.Namespace, people: People, out: Path) -> int:
    with open_run(a) as run:
        result = score_everyone(a, run, people, out)
        record = run.record()
    digest = hashlib.sha256("\n".join(people.names).encode()).hexdigest()
    content = {
        **record,
        "protocol": "identities",
        "image_root": str(a.folder),
        "list": {"name": "photos.csv", "kind": "all pairs", "digest": digest},
        "all_pairs": result.to_dict(),
    }
    write_record(content, out / "figures.json")
    print(f"wrote figures.json, photos.csv in {out}")
    return DONE
