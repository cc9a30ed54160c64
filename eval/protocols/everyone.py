"""All pairs of all photos of a folder: embedded once each, then compared in blocks."""

import argparse
from pathlib import Path

import pandas as pd

from eval.protocols.allpairs import AllPairs, all_pairs
from eval.protocols.outcome import tell_failures
from eval.protocols.people import People
from eval.run import Run
from facecore.files import write_text
from facecore.recognizer import decision_threshold
from facecore.verification.metrics import TarAtFar


def score_everyone(a: argparse.Namespace, run: Run, people: People, out: Path) -> AllPairs:
    """Compare each photo with each other one, print the figures, and write photos.csv: what went in.

    Args:
        a: flags of the command line: far, threshold.
        run: embeds the photos.
        people: the photos.
        out: folder for photos.csv.

    Raises:
        OSError: the file cannot be written.
        ValueError: `--far` or `--threshold` cannot be used.
    """
    limit = decision_threshold(run.model, a.far, a.threshold)
    found = run.embed(people.files)
    table = pd.DataFrame(
        {
            "photo": people.names,
            "person": [people.people[code] for code in people.codes],
            "status": found.status,
            "quality": [f"{value:.6f}" if value == value else "" for value in found.quality.tolist()],
        }
    )
    write_text(out / "photos.csv", table.to_csv(index=False, lineterminator="\n"))
    tell_failures(people.names, found.status, found.problems)
    result = all_pairs(found.matrix, people.codes, threshold=limit)
    print("\n".join(describe_everyone(result)))
    return result


def describe_everyone(result: AllPairs) -> list[str]:
    """The figures in lines for a terminal."""
    lines = [
        f"all pairs: {result.photos:,} photos of {result.people:,} people ({result.failed_photos:,} photos failed), "
        f"{result.genuine:,} genuine and {result.impostors:,} impostor pairs "
        f"({result.failed_genuine:,} and {result.failed_impostors:,} failed)"
    ]
    if result.auc is not None:
        lines.append(f"AUC {result.auc:.6f}")
    lines += [_line(at) for at in result.tar]
    if result.at_threshold is not None:
        at = result.at_threshold.to_dict()
        far, tar = (at[name] if at[name] is not None else float("nan") for name in ("far", "tar"))
        rates = f"FAR {far:.2g} ({at['false_accepts']:,} false accepts), TAR {100 * tar:.2f} %"
        lines.append(f"at the threshold used, {at['threshold']:.4f}: {rates}")
    if result.failed_photos:
        lines.append("without the photos that failed:")
        lines += [f"  {_line(at)}" for at in result.tar_scored]
    return lines


def _line(at: TarAtFar) -> str:
    few = ", few" if at.few else ""
    accepts = f"{at.false_accepts:,} of {at.impostors:,}{few}"
    return f"TAR {100 * at.tar:.2f} % at FAR {at.target:g} ({accepts}), threshold {at.threshold:.4f}"
