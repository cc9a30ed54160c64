"""The tab "A list of pairs", and the function behind its button."""

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from demo import tabs
from demo.address import address
from demo.models import UnknownChoice
from demo.pair_list import text, view
from demo.pair_list.stop import StoppedError, TooSlowError, go_on_check
from demo.pair_list.unzip import Limits
from demo.pair_list.work import LIST_LINES, ListScorer, RefusedError, ScoredList
from demo.text import DISK_FULL
from demo.uploads import Upload
from facecore.errors import FacecoreError
from facecore.files import FULL
from facecore.image import photo_name

MINUTES = 8
"""After which a list is given up, so that photos that were unpacked are gone within the ten minutes promised."""
FAILURES = 100  # photos that failed that the JSON names

Answer = tuple[dict[str, Any], str, list[str] | None]
Score = Callable[..., Answer]

_PROGRESS = gr.Progress()


def list_scorer(scorer: ListScorer, uploads: Path) -> Score:
    """The function behind the button: list, zip and model -> what the API gives, HTML, and the paths of three files.

    Args:
        scorer: does the work.
        uploads: the folder that the page may serve files from; the results go there.
    """

    def pair_list(
        pairs: Upload | None,
        photos: Upload | None,
        model: str | None = None,
        request: gr.Request | None = None,
        progress: gr.Progress = _PROGRESS,
    ) -> Answer:
        details, shown, files = score(pairs, photos, model, request, progress)
        return details, tabs.about([pairs, photos], shown), files

    def score(
        pairs: Upload | None,
        photos: Upload | None,
        model: str | None,
        request: gr.Request | None,
        progress: gr.Progress,
    ) -> Answer:
        if not pairs or not photos:
            return _nothing(text.missing(bool(pairs), bool(photos)))
        listed, archive = Path(pairs["path"]), Path(photos["path"])
        if not listed.is_file() or not archive.is_file():
            return _nothing(text.gone())
        go_on = go_on_check(60 * MINUTES)
        session = (request.session_hash or "") if request else ""

        def tell(what: str, done: int, total: int) -> None:
            progress((done, total), desc=what, unit="")

        out = uploads / uuid.uuid4().hex
        try:
            out.mkdir(parents=True)
            result = scorer.score(listed, _name(pairs), archive, out, session, go_on, tell, model)
        except (RefusedError, UnknownChoice) as error:
            answer = _nothing(str(error))
        except StoppedError:
            answer = _nothing(text.STOPPED)
        except TooSlowError:
            answer = _nothing(text.too_slow(MINUTES))
        except FileNotFoundError:
            answer = _nothing(text.gone())
        except FacecoreError:
            answer = _nothing(text.nothing_scored())
        except OSError as error:
            if error.errno not in FULL:
                raise
            answer = _nothing(DISK_FULL)
        else:
            files = [str(path) for path in (result.scores, result.settings, result.report)]
            return _details(result), view.render(result, scorer.limits.photo, address), files
        finally:
            if out.is_dir() and not any(out.iterdir()):
                shutil.rmtree(out, ignore_errors=True)
        return answer

    return pair_list


def _name(upload: Upload) -> str:
    return photo_name(str(upload.get("orig_name") or "pairs")[:200])


def _nothing(words: str) -> Answer:
    return {"why_not": words}, view.sentence(words, problem=words != text.STOPPED), None


def _details(result: ScoredList) -> dict[str, Any]:
    record = {name: value for name, value in result.record.items() if name not in ("image_root", "templates")}
    failures = [
        {"photo": photo.name, "status": photo.status, "pairs": photo.pairs, "problem": photo.problem}
        for photo in result.scored.costliest()[:FAILURES]
    ]
    return {"why_not": None, **record, "failures": failures, "archive": vars(result.unpacked)}


def tab(score: Score, limits: Limits, model: gr.Radio) -> None:
    """Build the components into the tab that is open.

    Args:
        score: does the work.
        limits: what a zip may hold.
        model: in which the visitor chooses a model.
    """
    words = text.limits(limits.packed, limits.photos, limits.total, limits.photo, LIST_LINES)
    gr.Markdown(f"{text.INTRODUCTION}\n\n{words}", elem_classes="fc-tab-head")
    with gr.Row(elem_id="fc-list-inputs"):
        pairs = gr.File(
            label=text.LIST, file_types=[".txt", ".csv", ".tsv", ".lst", ".list"], height=180, min_width=240
        )
        photos = gr.File(label=text.ZIP, file_types=[".zip"], height=180, min_width=240)
    with gr.Accordion(text.FORMATS, open=False):
        gr.Markdown(text.FORMATS_TEXT)
    with gr.Row():
        button = gr.Button(text.BUTTON, variant="primary", size="lg", elem_id="fc-list-button", scale=4)
        stop = gr.Button(text.STOP, size="lg", elem_id="fc-list-stop", scale=1, min_width=120, interactive=False)
    shown = gr.HTML(
        label="view",
        elem_id="fc-list-view",
        apply_default_css=False,
        js_on_load=tabs.late("#fc-list-inputs") + tabs.ANNOUNCE + view.LOAD + tabs.room("list", "#fc-list-inputs", 2),
    )
    files = gr.File(label="files", visible=False, file_count="multiple")
    with gr.Accordion(text.DETAILS, open=False, elem_id="fc-list-details"):
        details = gr.JSON(label="result", show_label=False, container=False)

    def switch(running: bool) -> tuple[gr.Button, gr.Button]:
        return gr.Button(interactive=not running), gr.Button(interactive=running)

    outputs = [details, shown, files]
    quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}
    button.click(lambda: switch(True), outputs=[button, stop], **quick)
    running = button.click(
        score,
        inputs=[pairs, photos, model],
        outputs=outputs,
        preprocess=False,  # limits, errors and names are ours, see the tab that compares two photos
        api_name="pair_list",
        api_description=text.API_DESCRIPTION,
        concurrency_limit=1,
        concurrency_id="pair_list",
        show_progress_on=shown,
        scroll_to_output=True,
    )
    running.then(lambda: switch(False), outputs=[button, stop], **quick)
    stop.click(
        lambda: (None, view.sentence(text.STOPPED, problem=False), None, *switch(False)),
        outputs=[*outputs, button, stop],
        cancels=[running],
        **quick,
    )
    # A report must not stand beside files that it is not about.
    gr.on(
        [file.upload for file in (pairs, photos)] + [file.clear for file in (pairs, photos)],
        fn=None,
        js=tabs.emptied("list"),
        outputs=outputs,
        api_visibility="private",
    )
    shown.emptied(fn=None, js="() => [null, null]", outputs=[details, files], api_visibility="private")
