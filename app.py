"""Compare two photos in the browser.

    python app.py [--host ADDRESS] [--port N] [--model NAME...] [--auth-file FILE] [--root-path PATH] [--mcp]

Runs unchanged as a Hugging Face Space.
"""

import os
import signal
import sys
from collections.abc import Sequence

from demo.options import read_options
from demo.own_folder import own_folder


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the page until interrupted. Returns 0, or 2 where it cannot be started; wrong usage exits with 2."""
    options = read_options(argv)
    # At start Gradio asks its own server whether it answers, and that must not go through the network's proxy.
    direct = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "localhost,127.0.0.1"]))
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = direct
    # Stopped by a container or a service manager, or with the terminal closed, the folder is removed as after Ctrl-C.
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        with own_folder() as folder:
            # Gradio reads these when it is imported, so they come first.
            os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
            os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
            from demo.page import StartError, serve

            try:
                serve(folder, options)
            except StartError as error:
                print(f"app.py: {error}", file=sys.stderr)
                return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
