"""The tab that compares two photos: its parts, and what happens on which press."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import gradio as gr

from demo import tabs, text, text_models, text_why
from demo.choices import MODEL_ID, SPEAK, costs, levels, strictness_choice
from demo.comparer import AT_ONCE, Answer, Comparer
from demo.examples import Examples
from demo.models import UnknownChoice
from demo.result import note
from demo.strictness import BALANCED
from demo.uploads import Upload
from facecore.files import FULL

Told = TypeVar("Told")

# The view says itself which pair it shows, by a key; when it is emptied, the pair can no longer be asked about.
_KEY = "document.querySelector('#fc-view [data-key]')?.dataset.key ?? ''"

# On the element that stays, since what is announced is a change inside a region that was there before. Gradio changes
# only what differs in it, so that the focus stays where it is and only the changes are read out.
_VIEW_JS = """
element.setAttribute('role', 'status');
element.setAttribute('aria-live', 'polite');
element.setAttribute('aria-atomic', 'false');
// While an answer is awaited, nothing else may be asked about what is shown: its answer could come after that one.
let held = 0;
const choices = [...document.querySelectorAll('#fc-strict, #fc-model')];
const setInert = inert => choices.forEach(choice => { choice.inert = inert; });
const release = () => {
  clearInterval(held);
  held = 0;
  setInert(false);
};
const hold = (whole = true) => {
  release();
  const since = Date.now();
  let worked = false;
  setInert(whole);
  held = setInterval(() => {
    const working = document.querySelector('#fc-view [data-testid="status-tracker"].translucent:not(.hide)');
    worked ||= Boolean(working);
    // Where no answer comes: the work has failed, or it was of a kind that shows no progress.
    if (!working && (worked || Date.now() - since > 5000)) release();
  }, 100);
};
watch('value', release);
// Of several choices of strictness or model the last one counts.
choices.forEach(choice => choice.addEventListener('change', () => hold(false)));
const isThere = (photo, place) => {
  const shown = document.querySelectorAll('#fc-inputs .fc-input')[place]?.querySelector('img[src*="file="]');
  return shown ? decodeURIComponent(shown.src).includes(`/${photo}/`) : !photo;
};
dropLate(() => element.querySelector('[data-photos]')?.dataset.photos.split(' ').every(isThere) ?? true);
watch('value', () => document.dispatchEvent(new Event('fc-shown')));
element.addEventListener('click', event => {
  const face = event.target.closest('button[data-face]');
  if (held || !face || face.getAttribute('aria-pressed') === 'true') return;
  const key = element.querySelector('[data-key]').dataset.key;
  hold();
  trigger('choose', {key, side: face.dataset.side, number: Number(face.dataset.face)});
});
// Room for what is asked for is made at the press itself, so that nothing jumps when it comes.
document.addEventListener('click', event => {
  const root = document.documentElement.classList;
  if (event.target.closest('#fc-compare, #fc-examples button')) {
    root.add('fc-asked');
    hold();
  }
  if (event.target.closest('#fc-why-button')) root.add('fc-why-asked');
});
"""

# What made a score must not stand beside another one, whichever of the two comes first.
_WHY_JS = f"""{SPEAK}
const compared = part => document.querySelector(part + ' [data-about]')?.dataset.about;
const drop = () => {{ if (compared('#fc-why') !== compared('#fc-view')) props.value = ''; }};
watch('value', () => {{ if (compared('#fc-why')) drop(); }});
document.addEventListener('fc-shown', drop);
"""

_CLEARED_JS = "() => { document.documentElement.classList.remove('fc-asked', 'fc-why-asked'); return [null, '']; }"


def tab(compare: Comparer, examples: Examples, model: gr.Radio) -> None:
    """Build the components into the Blocks that are open.

    Args:
        compare: does the work.
        examples: pairs to try.
        model: in which the visitor chooses a model.
    """
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
    # What is chosen stands above the button, so that the answer comes first below it.
    strictness, cost = strictness_choice(compare.models, model)
    button = gr.Button(text.COMPARE, variant="primary", size="lg", elem_id="fc-compare")
    view = gr.HTML(elem_id="fc-view", apply_default_css=False, js_on_load=tabs.LATE + _VIEW_JS)
    ask = gr.Button(text_why.WHY, elem_id="fc-why-button")
    why = gr.HTML(elem_id="fc-why", apply_default_css=False, js_on_load=_WHY_JS)
    with gr.Accordion(text.DETAILS, open=False, elem_id="fc-details"):
        details = gr.JSON(show_label=False, container=False)
    with gr.Column(elem_id="fc-examples"):
        gr.Markdown(text.EXAMPLES)
        with gr.Row():
            same = gr.Button(text.EXAMPLE_SAME, size="sm", min_width=260)
            different = gr.Button(text.EXAMPLE_DIFFERENT, size="sm", min_width=260)
        gr.Markdown(text.EXAMPLE_CREDITS, elem_classes="fc-small")
    # Not shown: faces for programs to choose, and what carries the key of the pair from the view to the server.
    left_face, right_face = (gr.Number(0, label=label, precision=0, visible=False) for label in text.FACE_LABELS)
    key = gr.Textbox(visible=False)

    work: dict[str, Any] = {
        "fn": _compared(compare),
        "inputs": [left, right, left_face, right_face, strictness, model],
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
    again: dict[str, Any] = {
        "preprocess": False,
        "concurrency_limit": AT_ONCE,
        "concurrency_id": "compare",
        "show_progress": "hidden",
        "api_visibility": "private",
    }
    view.choose(_chosen(compare), [strictness], [details, view], **again, trigger_mode="always_last")
    # One event for both, so that of all choices the last one counts.
    gr.on(
        [strictness.input, model.input],
        _rejudged(compare),
        [key, strictness, model],
        [details, view, strictness, cost],
        **again,
        trigger_mode="always_last",
        js=f"(key, strictness, model) => [{_KEY}, strictness, model]",
    )
    again["show_progress"] = "minimal"
    ask.click(_explained(compare), [key], [why], **again, js=f"() => [{_KEY}]")
    view.emptied(fn=None, js="() => null", outputs=details, api_visibility="private")
    # A verdict must not stand beside photos that it is not about.
    gr.on(
        [photo.input for photo in (left, right)] + [photo.clear for photo in (left, right)],
        fn=None,
        js=_CLEARED_JS,
        outputs=[details, view],
        api_visibility="private",
    )


def _compared(compare: Comparer) -> Callable[..., Answer]:
    def compared(
        left: Upload | None,
        right: Upload | None,
        left_face: int = 0,
        right_face: int = 0,
        strictness: str = BALANCED,
        model: str | None = None,
    ) -> Answer:
        with _told():
            return _unless_full(
                lambda: compare(left, right, left_face, right_face, strictness, model), lambda: compare.no_room(model)
            )

    return compared


def _chosen(compare: Comparer) -> Callable[..., object]:
    def chosen(strictness: str, event: gr.EventData) -> object:
        data = event._data if isinstance(event._data, dict) else {}

        def choose() -> object:
            answer = compare.choose(data.get("key"), data.get("side"), data.get("number"), strictness)
            return answer or _kept(text.FORGOTTEN)

        with _told():
            return _unless_full(choose, lambda: _kept(text.DISK_FULL))

    return chosen


def _rejudged(compare: Comparer) -> Callable[..., tuple[object, ...]]:
    """What happens when another strictness or another model was chosen: (details, view, strictness, cost)."""

    def rejudged(key: str, strictness: str, model: str, event: gr.EventData) -> tuple[object, ...]:
        switched = getattr(event.target, "elem_id", None) == MODEL_ID
        forgotten = text_models.PRESS_COMPARE if switched else text.FORGOTTEN

        def failed(why: str) -> tuple[object, object]:
            # What the former model said must not stand beside the name of this one.
            return (None, note(why)) if switched else _kept(why)

        with _told():
            offer = compare.models.pick(model)
            level = BALANCED if switched and strictness not in offer.settings else strictness
            shown: tuple[object, object] = (gr.skip(), gr.skip())
            if key:  # else nothing is shown yet
                shown = _unless_full(
                    lambda: compare.rejudge(key, level, model) or failed(forgotten), lambda: failed(text.DISK_FULL)
                )
            if not switched:
                return *shown, gr.skip(), gr.skip()
            return *shown, gr.Radio(levels(offer), value=level), costs(offer)[level]

    return rejudged


def _explained(compare: Comparer) -> Callable[[str], str]:
    def why(key: str) -> str:
        return _unless_full(lambda: compare.why(key), lambda: note(text.DISK_FULL))

    return why


def _kept(why: str) -> tuple[object, object]:
    """Leave details and view as they are and say why nothing happened."""
    gr.Warning(why)
    return gr.skip(), gr.skip()


def _unless_full(work: Callable[[], Told], full: Callable[[], Told]) -> Told:
    """What `work` gives, or what `full` does where there is no room for its pictures."""
    try:
        return work()
    except OSError as error:
        if error.errno not in FULL:
            raise
        return full()


@contextmanager
def _told() -> Iterator[None]:
    """Tell people what the server does not offer, without a traceback in its log."""
    try:
        yield
    except UnknownChoice as error:
        raise gr.Error(str(error), print_exception=False) from None
