"""Gradio's page, but one that lets programs leave out the last values, and says in words when a file is none."""

from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState
from pydantic import ValidationError

from demo.api import text


class Page(gr.Blocks):
    """A page that answers calls where Gradio would write a traceback and answer with nothing."""

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> list[Any]:
        """The inputs of a call as its function takes them.

        Args:
            block_fn: the function that is called.
            inputs: what came, one for each of its components; for the last ones that are missing, as plain requests may
                leave them out, what the components hold at the start.
            state: of the visitor's session.
            explicit_call: whether another function of the page calls.

        Raises:
            gr.Error: something is no file where a file is expected.
        """
        inputs = [*inputs, *(getattr(component, "value", None) for component in block_fn.inputs[len(inputs) :])]
        try:
            prepared: list[Any] = await super().preprocess_data(block_fn, inputs, state, explicit_call)
            return prepared
        except ValidationError:  # only files have a form that is checked: all other inputs are plain values
            raise gr.Error(text.NOT_A_FILE, print_exception=False) from None
