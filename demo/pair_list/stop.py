"""Whether anybody still waits for the result of what runs."""

import time
from collections.abc import Callable

from gradio.context import LocalContext


class StoppedError(Exception):
    """Nobody waits any more: the visitor pressed Stop, cancelled the job, or left."""


class TooSlowError(Exception):
    """The time is up."""


def go_on_check(seconds: float) -> Callable[[], None]:
    """A function that raises once the event that is being worked on is no longer wanted.

    Gradio forgets an event when it is cancelled, by the page or by a program, and marks it when the visitor leaves; the
    thread that works on it is not told, and must ask. Called outside of any event, there is nobody who could leave.

    Args:
        seconds: after which the work is given up.

    The function raises `StoppedError` or `TooSlowError`.
    """
    blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None) or ""
    events = blocks._queue.event_ids_to_events if blocks is not None and event_id else None
    end = time.monotonic() + seconds

    def check() -> None:
        if events is not None:
            event = events.get(event_id)
            if event is None or not event.alive:
                raise StoppedError
        if time.monotonic() > end:
            raise TooSlowError

    return check
