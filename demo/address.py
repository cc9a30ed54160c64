"""Where the browser finds a file of the page's folder."""

from pathlib import Path
from urllib.parse import quote

from gradio.route_utils import API_PREFIX


def address(path: Path) -> str:
    """The address of a file, relative to the page."""
    return f"{API_PREFIX.removeprefix('/')}/file={quote(str(path))}"
