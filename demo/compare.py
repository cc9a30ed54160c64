"""The tab that compares two photos, and the function behind its button."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from gradio.route_utils import API_PREFIX

from demo import result, text
from demo.examples import Examples
from facecore.errors import FacecoreError, ImageError, NoFaceError
from facecore.image import photo_name
from facecore.recognizer import FaceRecognizer
from facecore.results import Prepared

MAX_BYTES = 20_000_000
AT_ONCE = 2  # comparisons; each decodes and searches its two photos in parallel

Upload = dict[str, Any]  # what Gradio knows of a file: path, orig_name, size and more
Compare = Callable[[Upload | None, Upload | None], tuple[dict[str, Any], str]]


def comparer(recognizer: FaceRecognizer, uploads: Path) -> Compare:
    """The function behind the button: two uploads -> what the API gives, and HTML.

    Args:
        recognizer: does the work.
        uploads: the folder that the page may serve files from; pictures of the result go there.
    """
    # These threads stay, since the detector loads its network once for each thread.
    pool = ThreadPoolExecutor(2 * AT_ONCE, thread_name_prefix="prepare")
    rarest = recognizer.calibration.rarest if recognizer.calibration else None

    def compare(left: Upload | None, right: Upload | None) -> tuple[dict[str, Any], str]:
        first = pool.submit(prepare, recognizer, "first", left)
        second = pool.submit(prepare, recognizer, "second", right)
        comparison = recognizer.judge(first.result(), second.result())
        uploads.mkdir(parents=True, exist_ok=True)
        return comparison.to_dict(), result.render(comparison, rarest, uploads, address)

    return compare


def prepare(recognizer: FaceRecognizer, side: text.Side, upload: Upload | None) -> Prepared:
    """One photo on its way, with an error that says which photo it is and names no path of the server's."""
    path = upload["path"] if upload else None
    if not path:
        return Prepared("unreadable", error=ImageError(text.missing(side)))
    try:
        size = os.path.getsize(path)
    except FileNotFoundError:
        return Prepared("unreadable", error=ImageError(text.gone(side)))
    if size > MAX_BYTES:
        return Prepared("unreadable", error=ImageError(text.too_large(side, size, MAX_BYTES)))
    prepared = recognizer.prepare(path)
    return replace(prepared, error=_for_people(prepared.error, side, path)) if prepared.error else prepared


def _for_people(error: FacecoreError, side: text.Side, path: str) -> FacecoreError:
    if isinstance(error, NoFaceError):
        return NoFaceError(text.no_face(side))
    return type(error)(text.unreadable(side, str(error).removeprefix(f"{photo_name(path)}: ")))


def address(path: Path) -> str:
    """Where the browser finds a file of the page's folder, relative to the page."""
    return f"{API_PREFIX.removeprefix('/')}/file={quote(str(path))}"


def tab(compare: Compare, examples: Examples) -> None:
    """Build the components into the Blocks that are open."""
    gr.Markdown(text.NOTICE, elem_id="fc-notice")
    with gr.Row(elem_id="fc-inputs"):
        left, right = (
            gr.Image(
                type="filepath",
                label=label,
                sources=["upload", "webcam", "clipboard"],
                placeholder=text.PHOTO_PLACEHOLDER,
                buttons=[],
                height=300,
                min_width=240,
                elem_classes="fc-input",
            )
            for label in text.PHOTO_LABELS.values()
        )
    button = gr.Button(text.COMPARE, variant="primary", size="lg", elem_id="fc-compare")
    view = gr.HTML(
        elem_id="fc-view",
        apply_default_css=False,
        # On the element that stays, since what is announced is a change inside a region that was there before.
        js_on_load="element.setAttribute('role', 'status'); element.setAttribute('aria-live', 'polite');",
    )
    with gr.Column(elem_id="fc-examples"):
        gr.Markdown(text.EXAMPLES)
        with gr.Row():
            same = gr.Button(text.EXAMPLE_SAME, size="sm", min_width=260)
            different = gr.Button(text.EXAMPLE_DIFFERENT, size="sm", min_width=260)
        gr.Markdown(text.EXAMPLE_CREDITS, elem_classes="fc-small")
    with gr.Accordion(text.DETAILS, open=False, elem_id="fc-details"):
        details = gr.JSON(show_label=False, container=False)

    work: dict[str, Any] = {
        "fn": compare,
        "inputs": [left, right],
        "outputs": [details, view],
        # Gradio would open the file first, to turn and convert it: limits, errors and the reading of EXIF would be
        # Gradio's, and the score could differ from that of the same file elsewhere.
        "preprocess": False,
        "concurrency_limit": AT_ONCE,
        "concurrency_id": "compare",
        "show_progress_on": view,
        "scroll_to_output": True,
    }
    button.click(**work, api_name="compare", api_description=text.API_DESCRIPTION)
    for choice, pair in ((same, examples.same), (different, examples.different)):
        paths = tuple(str(path) for path in pair)
        loaded = choice.click(
            lambda paths=paths: paths, outputs=[left, right], show_progress="hidden", api_visibility="private"
        )
        loaded.then(**work, api_visibility="private")
    # A verdict must not stand beside photos that it is not about.
    gr.on(
        [photo.input for photo in (left, right)] + [photo.clear for photo in (left, right)],
        fn=None,
        js="() => [null, '']",
        outputs=[details, view],
        api_visibility="private",
    )
