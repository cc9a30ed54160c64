"""What comes from outside with a call: files that were uploaded, and the numbers of faces."""

import os
from pathlib import Path
from typing import Any, Literal

MAX_BYTES = 20_000_000  # of a photo

Upload = dict[str, Any]  # what Gradio knows of a file: path, orig_name, size and more


class RefusedUpload(Exception):
    """A file that is not worked on.

    Attributes:
        reason: "missing": there is none; "no file": something else came; "gone": it was deleted; "too large".
        size: in bytes, where it is too large.
    """

    def __init__(self, reason: Literal["missing", "no file", "gone", "too large"], size: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.size = size


def upload_path(upload: object) -> str:
    """The path of an upload, which Gradio and `demo.safety` have found to lie in the folder of uploads.

    Raises:
        RefusedUpload: there is no file, it was deleted, or it is too large.
    """
    if not upload:
        raise RefusedUpload("missing")
    path = upload.get("path") if isinstance(upload, dict) else None
    if not isinstance(path, str) or not path:
        raise RefusedUpload("no file")
    try:
        size = os.path.getsize(path)
    except (OSError, ValueError) as error:
        raise RefusedUpload("gone") from error
    if size > MAX_BYTES:
        raise RefusedUpload("too large", size)
    return path


def upload_folder(upload: object) -> str:
    """The folder that Gradio has made for an upload, by which the page knows it again; empty where there is none."""
    path = upload.get("path") if isinstance(upload, dict) else None
    return Path(path).parent.name if isinstance(path, str) else ""


def face_number(given: object) -> int | None:
    """The number of a face, 0 where none was given; None where it is no whole number from 0.

    JSON knows no whole numbers, so that 1.0 is one.
    """
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1e6 or given != int(given):
        return None
    return int(given)
