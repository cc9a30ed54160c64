"""Sections on pairs that were scored: what `python -m eval.protocols` left in a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.card.results import check_weights, read_result
from eval.card.words import percent, picture, table, with_interval
from facecore.errors import DataError

RELIABILITY = "evidence/reliability.png"
CURVES = {"roc": "evidence/lfw-roc.png", "det": "evidence/lfw-det.png"}
LEAST_FAR = 1e-3
"""The lowest rate that View 2's 3,000 impostor pairs carry."""


@dataclass(frozen=True)
class Scored:
    """The results of one protocol.

    Attributes:
        folder: where they lie.
        report: content of report.json.
        figures: content of figures.json.
    """

    folder: Path
    report: dict[str, Any]
    figures: dict[str, Any]

    @property
    def numbers(self) -> dict[str, Any]:
        """The report's figures by name."""
        found: dict[str, Any] = self.report["figures"]
        return found

    def value(self, name: str, digits: int = 1) -> str:
        """A figure with its interval, as the report has it: a share in percent, anything else with `digits` digits."""
        figure = self.numbers[name]
        if figure["value"] is None:
            return f"not known ({figure['note']})"
        scale, unit = (100, " %") if figure["share"] else (1, "")
        text = f"{scale * figure['value']:.{digits}f}{unit}"
        if figure["interval"]:
            low, high = (f"{scale * end:.{digits}f}" for end in figure["interval"])
            text += f" ({low} to {high})"
        return text


def read_scored(folder: Path, digest: str, protocol: str) -> Scored:
    """The results in a folder.

    Args:
        folder: that `eval.protocols` wrote.
        digest: of the model whose card it is.
        protocol: what the protocol's name must begin with.

    Raises:
        DataError: it holds no such results, or those of another model.
    """
    command = "python -m eval.protocols with a report"
    report, figures = (read_result(folder / f"{name}.json", command) for name in ("report", "figures"))
    check_weights(folder, report.get("record"), digest)
    name = str(figures.get("protocol"))
    if not name.startswith(protocol):
        raise DataError(f"{folder}: holds the protocol {name}, and {protocol} is needed here")
    return Scored(folder, report, figures)


def calibration_words(scored: Scored) -> tuple[str, dict[str, Path]]:
    """How far the probabilities can be believed; returns the section and its pictures."""
    error = scored.report["curves"]["reliability"]["calibration_error"]
    text = (
        f"{scored.figures['title']} ({scored.numbers['genuine']:,} genuine, {scored.numbers['impostors']:,} impostor "
        "pairs, both kinds with equal weight), people and photos that had no part in the calibration: "
        f"Cllr {scored.value('cllr', 3)} bits, {scored.value('min_cllr', 3)} at its minimum, which the best "
        "calibration of these very scores would give; 1 would be the cost of knowing nothing. Mean distance of the "
        f"probabilities from the shares that they stand for: {percent(error)}. Intervals (95 %) know that people and "
        f"photos stand in many pairs.\n\n{picture(RELIABILITY, 'Probabilities against shares of genuine pairs')}"
    )
    return text, {RELIABILITY: scored.folder / "reliability.png"}


def lfw_words(scored: Scored) -> tuple[str, dict[str, Path]]:
    """LFW's View 2, and all pairs where they were scored; returns the section and its pictures."""
    folds = scored.figures["folds"]["accuracy"]
    failed = scored.numbers["failed"]
    text = (
        f"**{percent(folds['mean'], 2)} (standard error {100 * folds['standard_error']:.2f})** over ten folds, the "
        f"threshold of each from the other nine; AUC {scored.value('auc', 4)}, EER {scored.value('eer', 2)}, accuracy "
        f"at the shipped threshold {scored.value('accuracy')}. No face was found in a photo of {failed:,} of "
        f"{scored.figures['pairs']:,} pairs, which count as not matching"
    )
    without = scored.report["figures_without_failed"]
    if without:
        tar = {at["target"]: at["tar"]["value"] for at in without["tar_at_far"]}
        text += (
            f" (without them: EER {percent(without['eer']['value'], 2)}, TAR {percent(tar[LEAST_FAR])} at FAR 1e-3, "
            f"accuracy at the shipped threshold {percent(without['accuracy']['value'])})"
        )
    rows = [_tar_row(at) for at in scored.numbers["tar_at_far"]]
    parts = [text + ".", table(["View 2: at FAR", "TAR (95 % interval)", "false accepts"], rows)]
    if everyone := scored.figures.get("all_pairs"):
        rows = [
            [f"{at['target']:g}", percent(at["tar"]), f"{at['false_accepts']:,}" + (" *few*" if at["few"] else "")]
            for at in everyone["tar"]
        ]
        parts.append(
            f"All pairs of its {everyone['photos']:,} photos ({everyone['failed_photos']:,} without a face), "
            f"{everyone['genuine']:,} genuine and {everyone['impostors']:,} impostor ones:"
        )
        parts.append(table(["all pairs: at FAR", "TAR", "false accepts"], rows))
    parts.append(" ".join(picture(name, f"LFW, View 2: {curve.upper()} curve") for curve, name in CURVES.items()))
    return "\n\n".join(parts), {name: scored.folder / f"{curve}.png" for curve, name in CURVES.items()}


def _tar_row(at: dict[str, Any]) -> list[str]:
    tar, few = at["tar"], " *few*" if at["few"] else ""
    if tar["value"] is None:
        return [f"{at['target']:g}", tar["note"], ""]
    return [f"{at['target']:g}", with_interval(tar["value"], tar["interval"]), f"{at['false_accepts']:,}{few}"]
