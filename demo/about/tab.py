"""The tab "About"."""

import gradio as gr

from demo.about import view
from demo.models import Models


def tab(models: Models, model: gr.Radio) -> None:
    """Build what is said about the chosen model into the tab that is open.

    Args:
        models: of which something is said.
        model: in which one of them is chosen.
    """
    told = {offer.name: view.render(offer.recognizer.model) for offer in models}
    shown = gr.HTML(told[models.default.name], elem_id="fc-about", apply_default_css=False)
    if len(models) > 1:
        model.change(
            lambda name: told[name],
            model,
            shown,
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=None,
        )
