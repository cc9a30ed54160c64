"""What calibration.json says of a model: thresholds, and how well they do on pairs that had no part in them."""

from typing import Any

from eval.card.words import percent, table, with_interval
from facecore.verification.calibration import Calibration, Threshold
from facecore.verification.intervals import wilson

ALL = "all"


def meaning(calibration: Calibration, digest: str) -> str:
    """The weights that it is about, the map to probabilities, the thresholds, and the shipped one on the other half."""
    genuine = calibration.thresholds[0].genuine
    impostors = calibration.thresholds[0].impostors
    sign = "-" if calibration.offset < 0 else "+"
    lines = [
        f"Measured on this model as it is stored: {calibration.source['data']}, {genuine:,} genuine and {impostors:,} "
        "impostor pairs. Probability of the same person, both answers equally likely before: "
        f"1 / (1 + exp(-({calibration.scale:.3f} x score {sign} {abs(calibration.offset):.3f}))).",
        "",
        table(
            ["FAR", "threshold (95 % interval)", "false accepts", "TAR (95 % interval)"],
            map(_threshold, calibration.thresholds),
        ),
        "",
        f"Shipped threshold: {calibration.threshold:.4f}.",
    ]
    if at := calibration.evidence.get(ALL, {}).get("at_threshold"):
        total = calibration.evidence[ALL]["impostors"]
        low, high = (f"{100 * end:.3f}" for end in at["far_interval"])
        lines[-1] += (
            f" On pairs of other people and photos it accepts {at['false_accepts']:,} of {total:,} impostor pairs (FAR "
            f"{percent(at['far'], 3)}, {low} to {high}) and {with_interval(at['tar'], at['tar_interval'])} of the "
            "genuine ones."
        )
    lines += ["", f"SHA-256 of configuration and weights: `{digest}`."]
    return "\n".join(lines)


def accuracy(calibration: Calibration, flipped: Calibration | None = None) -> str:
    """AUC, EER and TAR for each pool of impostors; once more with mirror images, where those have a calibration."""
    if not calibration.evidence:
        return "Nothing was measured on pairs other than those of the calibration."
    note = "Intervals are Wilson's at 95 % and take pairs as independent; people and photos stand in many pairs, so "
    parts = [_pools(calibration.evidence), f"{note}that the true ones are wider."]
    if flipped and flipped.evidence:
        ways = f"--flip (threshold {flipped.threshold:.4f}; the network takes twice as long)"
        parts += [f"With the mirror image of each face, {ways}:", _pools(flipped.evidence)]
    return "\n\n".join(parts)


def _pools(pools: dict[str, Any]) -> str:
    rates = [at["target"] for at in pools[ALL]["tar_at_far"]]
    head = ["impostors", "pairs (genuine / impostor)", "AUC", "EER", *(f"TAR at FAR {rate:g}" for rate in rates)]
    return table(head, ([_pool(name, pools), *_figures(figures)] for name, figures in pools.items()))


def _threshold(at: Threshold) -> list[str]:
    if at.threshold is None or at.interval is None or at.true_accepts is None:
        return [f"{at.far:g}", at.reason or "not known", "", ""]
    low, high = at.interval
    tar = with_interval(at.true_accepts / at.genuine, wilson(at.true_accepts, at.genuine))
    return [
        f"{at.far:g}", f"{at.threshold:.4f} ({low:.4f} to {high:.4f})", f"{at.false_accepts:,} of {at.impostors:,}", tar
    ]  # fmt: skip


def _pool(name: str, pools: dict[str, Any]) -> str:
    return "both" if name == ALL and len(pools) == 3 else name


def _figures(figures: dict[str, Any]) -> list[str]:
    tar = [
        with_interval(at["tar"], at["tar_interval"]) + (" *few*" if at["few"] else "") for at in figures["tar_at_far"]
    ]
    counts = f"{figures['genuine']:,} / {figures['impostors']:,}"
    return [counts, f"{figures['auc']:.4f}", percent(figures["eer"]), *tar]
