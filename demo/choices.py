"""The controls in which a visitor chooses a model, and how strict it is to be."""

import json

import gradio as gr

from demo import text_models, text_scale
from demo.models import Models, Offer
from demo.result import note
from demo.strictness import BALANCED

MODEL_ID = "fc-model"
"""Of the choice of a model; scripts and styles know it too."""

SPEAK = "element.setAttribute('role', 'status'); element.setAttribute('aria-live', 'polite');"
"""JavaScript for an element whose changes are read out."""


def model_choice(models: Models) -> gr.Radio:
    """The choice of a model; not shown where there is only one."""
    choices = [(text_models.choice(offer.name, offer.licence), offer.name) for offer in models]
    with gr.Column(elem_id="fc-models", visible=len(models) > 1):
        return gr.Radio(choices, value=models.default.name, label=text_models.MODEL, elem_id=MODEL_ID)


def strictness_choice(models: Models, model: gr.Radio) -> tuple[gr.Radio, gr.HTML]:
    """The choice of strictness, and what the chosen one costs; not shown where no model leaves anything to choose.

    Args:
        models: what is offered.
        model: in which one of them is chosen.
    """
    with gr.Column(elem_id="fc-strict", visible=any(len(offer.settings) > 1 for offer in models)):
        strictness = gr.Radio(
            levels(models.default), value=BALANCED, label=text_scale.STRICTNESS, elem_id="fc-strictness"
        )
        told = {offer.name: costs(offer) for offer in models}
        cost = gr.HTML(
            told[models.default.name][BALANCED], elem_id="fc-cost", apply_default_css=False, js_on_load=SPEAK
        )
        strictness.change(
            fn=None,
            js=f"(name, model) => ({json.dumps(told)})[model][name]",
            inputs=[strictness, model],
            outputs=cost,
            api_visibility="private",
        )
    return strictness, cost


def levels(offer: Offer) -> list[tuple[str, str]]:
    """What can be chosen with a model: words and names."""
    return [(text_scale.STRICTNESS_LABELS[name], name) for name in offer.settings or (BALANCED,)]


def costs(offer: Offer) -> dict[str, str]:
    """What each strictness of a model costs, as HTML by its name."""
    calibration = offer.calibration
    if calibration is None:
        return {BALANCED: ""}
    counted = calibration.thresholds[0]
    source = text_scale.measured_on(counted.genuine, counted.impostors)
    return {
        name: note(f"{text_scale.cost(setting.missed, setting.strangers, calibration.rarest)} {source}")
        for name, setting in offer.settings.items()
    }
