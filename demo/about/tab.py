"""The tab "About"."""

import gradio as gr

from demo.about import view
from facecore.checkpoint import Model


def tab(model: Model) -> None:
    """Build what is said about `model` into the tab that is open."""
    gr.HTML(view.render(model), elem_id="fc-about", apply_default_css=False)
