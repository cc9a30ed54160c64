"""The tab "A set of photos", and the function behind its button."""

import shutil
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr

from demo import tabs
from demo.address import address
from demo.models import Models, UnknownChoice
from demo.photo_set import text, view
from demo.photo_set.work import FEWEST, MOST, read_photos, sort_set
from demo.text import DISK_FULL
from demo.uploads import MAX_BYTES, Upload
from eval.results import write_scores
from facecore.files import FULL
from facecore.recognizer import FaceRecognizer

READERS = 2  # photos that are read at once
FILE = "scores.csv"

Answer = tuple[dict[str, Any], str, str | None]
Sort = Callable[..., Answer]

_PROGRESS = gr.Progress()


def sorter(models: Models, uploads: Path) -> Sort:
    """The function behind the button: photos and a model -> what the API gives, HTML, and the path of the CSV.

    Args:
        models: do the work.
        uploads: the folder that the page may serve files from; pictures and the CSV go there.
    """
    # These threads stay, since the detector loads its network once for each thread.
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="photo-set")

    def photo_set(photos: list[Upload] | None, model: str | None = None, progress: gr.Progress = _PROGRESS) -> Answer:
        try:
            recognizer = models.pick(model).recognizer
        except UnknownChoice as error:
            return _nothing(str(error))
        details, shown, table = sort(recognizer, photos or [], progress)
        return details, tabs.about(photos or [], shown), table

    def sort(recognizer: FaceRecognizer, given: list[Upload], progress: gr.Progress) -> Answer:
        if not FEWEST <= len(given) <= MOST:
            few = len(given) < FEWEST
            return _nothing(text.too_few(len(given), FEWEST) if few else text.too_many(len(given), MOST))
        progress((0, len(given)), desc=text.WORKING, unit="photos")
        read = read_photos(
            recognizer, given, pool, lambda done: progress((done, len(given)), desc=text.WORKING, unit="photos")
        )
        result = sort_set(recognizer, read)
        if result is None:
            answer = _nothing(text.none_usable())
            answer[0]["photos"] = [{"name": p.name, "status": p.status, "error": p.error} for p in read]
            return answer[0], view.unusable(read, text.none_usable()), None
        folder = uploads / uuid.uuid4().hex
        try:
            folder.mkdir(parents=True)
            # A table for people, who open it in a spreadsheet.
            write_scores(result.scored.tables(result.source), folder / FILE, spreadsheet_safe=True)
            shown = view.render(result, recognizer.calibration, folder, folder / FILE, address)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)  # half a result takes room that others need
            if error.errno not in FULL:
                raise
            return _nothing(DISK_FULL)
        return result.to_dict(), shown, str(folder / FILE)

    return photo_set


def _nothing(words: str) -> Answer:
    return {"why_not": words, "photos": [], "order": [], "groups": None, "pairs": []}, view.sentence(words), None


def tab(sort: Sort, model: gr.Radio) -> None:
    """Build the components into the tab that is open.

    Args:
        sort: does the work.
        model: in which the visitor chooses a model.
    """
    gr.Markdown(f"{text.INTRODUCTION}\n\n{text.limits(FEWEST, MOST, MAX_BYTES)}", elem_classes="fc-tab-head")
    photos = gr.File(
        label=text.PHOTOS,
        file_count="multiple",
        file_types=["image", ".heic", ".heif"],
        height=240,
        elem_id="fc-set-photos",
    )
    button = gr.Button(text.BUTTON, variant="primary", size="lg", elem_id="fc-set-button")
    shown = gr.HTML(
        label="view",
        elem_id="fc-set-view",
        apply_default_css=False,
        js_on_load=tabs.late("#fc-set-photos") + tabs.ANNOUNCE + tabs.room("set", "#fc-set-photos", 1),
    )
    table = gr.File(label="table", visible=False)
    with gr.Accordion(text.DETAILS, open=False, elem_id="fc-set-details"):
        details = gr.JSON(label="result", show_label=False, container=False)
    button.click(
        sort,
        inputs=[photos, model],
        outputs=[details, shown, table],
        # Limits, errors and the names of files are ours, see the tab that compares two photos.
        preprocess=False,
        api_name="photo_set",
        api_description=text.API_DESCRIPTION,
        concurrency_limit=1,
        concurrency_id="photo_set",
        show_progress_on=shown,
        scroll_to_output=True,
    )
    # Groups must not stand beside photos that they are not about.
    gr.on(
        [photos.upload, photos.delete, photos.clear],
        fn=None,
        js=tabs.emptied("set"),
        outputs=[details, shown, table],
        api_visibility="private",
    )
    shown.emptied(fn=None, js="() => [null, null]", outputs=[details, table], api_visibility="private")
