"""Gradio's page, but one that says in words when a program sends something else than a file."""

from typing import Any

import gradio as gr
from pydantic import ValidationError

from demo.api import text


class Page(gr.Blocks):
    """A page whose calls are answered in a sentence where Gradio would write a traceback and answer with nothing."""

    async def preprocess_data(self, *args: Any, **kwargs: Any) -> Any:
        """The inputs of a call as its function takes them.

        Raises:
            gr.Error: something is no file where a file is expected.
        """
        try:
            return await super().preprocess_data(*args, **kwargs)
        except ValidationError:  # only files have a form that is checked: all other inputs are plain values
            raise gr.Error(text.NOT_A_FILE, print_exception=False) from None
