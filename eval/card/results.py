"""Results of other commands, taken only where they were measured on the very weights whose card it is."""

import json
from pathlib import Path
from typing import Any

from facecore.errors import DataError


def read_result(path: Path, command: str) -> dict[str, Any]:
    """The content of a file that a command left.

    Raises:
        DataError: it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no results of {command}: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: no results of {command}: not an object")
    return content


def check_weights(path: Path, record: object, digest: str) -> None:
    """Refuse what was measured on other weights.

    Args:
        path: of the results.
        record: what they say of how they came about.
        digest: of the model whose card it is.

    Raises:
        DataError: the record names another model, or none, or mirror images counted: the card's figures are without.
    """
    model = record.get("model") if isinstance(record, dict) else None
    if not isinstance(model, dict) or "digest" not in model:
        raise DataError(f"{path}: does not say what model it was measured on; make the results anew")
    found = str(model["digest"])
    if found != digest:
        raise DataError(f"{path}: was measured on other weights (digest {found[:12]}, the model's is {digest[:12]})")
    if model.get("flip"):
        raise DataError(f"{path}: was measured with --flip, and a card has that in its table of accuracy alone")
