"""What every protocol ends in: scores.csv, scores.json, figures.json and a report in one folder."""

import argparse
import errno
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eval.index import PairIndex
from eval.protocols.folds import FoldFigures, fold_figures
from eval.report.options import Options
from eval.report.write import write_report
from eval.results import write_record, write_scores
from eval.run import Run
from eval.scoring import Scored, Sides, score_pairs
from eval.summary import describe, figures, folds_usable
from facecore.errors import DataError
from facecore.recognizer import decision_threshold
from facecore.verification.pairs import Kind, PairSource

TOLD = 20
"""Photos without an embedding that are named on stderr."""


@dataclass(frozen=True)
class Protocol:
    """Which pairs are scored.

    Attributes:
        name: for file and folder names, such as "cfp-fp".
        title: for people.
        source: the pairs, all of them labelled.
        images: folder that their names are relative to; None where the photos lie in one file.
    """

    name: str
    title: str
    source: PairSource
    images: Path | None


def open_out(a: argparse.Namespace) -> Path:
    """The folder of the results, made now rather than after an hour's work.

    Raises:
        OSError: it cannot be made or written to.
    """
    out = Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(out))
    return out


def table_source(table: pd.DataFrame, name: str, kind: Kind = "csv") -> PairSource:
    """A list of pairs that exists in memory alone.

    Args:
        table: as `PairList.table`, with labels.
        name: where it came from.
        kind: what is told of it.
    """
    digest = hashlib.sha256(pairs_csv(table).encode()).hexdigest()
    return PairSource(kind, len(table) + 1, digest, name, None, lambda: iter([table]))


def pairs_csv(table: pd.DataFrame) -> str:
    """The pairs as a list that `eval.score` reads."""
    return str(table.assign(label=table["label"].astype(int)).to_csv(index=False, lineterminator="\n"))


def write_outcome(
    a: argparse.Namespace,
    run: Run,
    protocol: Protocol,
    index: PairIndex,
    embed: Callable[[], Sides],
    extra: dict[str, Any] | None = None,
    identity: str | tuple[str, str] = "auto",
) -> None:
    """Embed the photos, score the pairs, write everything into the folder `--out` and print the figures.

    Args:
        a: flags of the command line: out, far, threshold, no_report.
        run: that makes the embeddings.
        protocol: the pairs.
        index: the same as numbers.
        embed: gives the embeddings; called once it is known that the flags can be used.
        extra: more content for figures.json.
        identity: whose the photos are, for the intervals of the report: see `find_identities`.

    Raises:
        DataError: none of the photos is there.
        OSError: a file cannot be written.
        ValueError: `--far` or `--threshold` cannot be used.
    """
    out = Path(a.out)
    limit = decision_threshold(run.model, a.far, a.threshold)
    sides = embed()
    if protocol.images is not None and set(sides.status) <= {"missing", "outside_root"}:
        links = "outside_root" in sides.status
        advice = "they are links to places outside it: give --allow-outside" if links else "is it another folder?"
        first = next(iter(index.names))
        raise DataError(f"{protocol.images}: none of the list's photos is there, such as {first}: {advice}")
    scored = score_pairs(run, index, sides, a.far, a.threshold)
    result, folds = _figures(scored, limit)
    record = {**run.record(), **_record(protocol, scored, limit, result)}
    names = ("protocol", "model", "pairs", "images", "failed_pairs", "image_failures", "figures")
    content = {name: record[name] for name in names}
    content.update(title=protocol.title, folds=folds and folds.to_dict(), **(extra or {}))
    write_scores(scored.tables(protocol.source, quality=True), out / "scores.csv")
    write_record(record, out / "scores.json")
    write_record(content, out / "figures.json")
    tell_failures(index.names, scored.sides.status, scored.sides.problems)
    print(f"{protocol.title}: {len(scored):,} pairs of {scored.sides.images:,} photos, {scored.failed:,} pairs failed")
    lines = describe({name: value for name, value in result.items() if name != "fold_accuracy"})
    print("\n".join([*(folds.lines() if folds else []), *lines]))
    if not a.no_report:
        table = pd.concat(list(scored.tables(protocol.source, quality=True)), ignore_index=True)
        write_report(
            table, record, out, Options(protocol.title, identity=identity, pictures=protocol.images is not None)
        )
    print(f"wrote scores.csv, scores.json, figures.json{'' if a.no_report else ', report.html'} in {out}")


def _figures(scored: Scored, limit: float | None) -> tuple[dict[str, Any], FoldFigures | None]:
    """The figures over all pairs, and those over folds where there are such."""
    labelled, fold = scored.labelled(), scored.index.fold
    scores = np.where(np.isnan(scored.scores), -np.inf, scored.scores)
    same = labelled["label"].to_numpy(bool)
    if fold is None or not folds_usable(scores, same, fold):
        return figures(labelled.drop(columns="fold", errors="ignore"), limit), None
    return figures(labelled, limit), fold_figures(scores, same, fold)


def _record(protocol: Protocol, scored: Scored, limit: float | None, result: dict[str, Any]) -> dict[str, Any]:
    """What scores.json says besides the settings of the run."""
    return {
        "protocol": protocol.name,
        "threshold": limit,
        "image_root": None if protocol.images is None else str(protocol.images),
        "list": {"name": protocol.source.name, "kind": protocol.source.kind, "digest": protocol.source.digest},
        "pairs": len(scored),
        "images": scored.sides.images,
        "failed_pairs": scored.failed,
        "image_failures": scored.failures,
        "figures": result,
    }


def tell_failures(names: Iterable[str], status: Iterable[str], problems: dict[int, str]) -> None:
    """Name photos without an embedding on stderr, at most `TOLD`, and count them all."""
    bad = [
        (place, name, code) for place, (name, code) in enumerate(zip(names, status, strict=True)) if code[:2] != "ok"
    ]
    for place, name, code in bad[:TOLD]:
        print(f"{code}: {name}" + (f" ({problems[place]})" if place in problems else ""), file=sys.stderr)
    if bad:
        counts = ", ".join(f"{count:,} {code}" for code, count in Counter(code for _, _, code in bad).most_common())
        print(f"{len(bad):,} photos without an embedding: {counts}", file=sys.stderr)
