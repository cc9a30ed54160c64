"""What all command lines share: exit codes, and errors without tracebacks.

0 done, 2 wrong usage or input that cannot be read, 3 the result could not be written, 130 interrupted.
"""

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence

from facecore.errors import FacecoreError

DONE = 0
BAD_INPUT = 2
NOT_WRITTEN = 3
INTERRUPTED = 130


def run_command(
    parser: argparse.ArgumentParser, command: Callable[[argparse.Namespace], int], argv: Sequence[str] | None
) -> int:
    """Parse `argv` (None: those of the process), run the command and turn errors into a message and an exit code.

    The parser must have a flag `--debug`, which shows the traceback.
    """
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as end:  # argparse has printed the usage and what is wrong
        return end.code if isinstance(end.code, int) else BAD_INPUT
    try:
        return command(arguments)
    except (FacecoreError, ValueError) as error:
        return _fail(parser, arguments, str(error), BAD_INPUT)
    except OSError as error:
        name = f": {error.filename}" if error.filename else ""
        return _fail(parser, arguments, f"cannot read or write{name}: {error.strerror or error}", NOT_WRITTEN)
    except KeyboardInterrupt:
        return _fail(parser, arguments, "interrupted", INTERRUPTED)


def _fail(parser: argparse.ArgumentParser, arguments: argparse.Namespace, message: str, code: int) -> int:
    if arguments.debug:
        traceback.print_exc()
    print(f"{parser.prog}: {message}", file=sys.stderr)
    return code
