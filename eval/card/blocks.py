"""The parts of a card that are written by a program: each stands between two comments, which Markdown does not show."""

from collections.abc import Mapping

from facecore.errors import DataError

BEGIN, END = "<!-- begin {} (python -m eval.card) -->", "<!-- end {} -->"


def fill(text: str, blocks: Mapping[str, str]) -> str:
    """A card with some of its blocks written anew; all else stays, letter for letter.

    Args:
        text: the card.
        blocks: the new content by the block's name.

    Raises:
        DataError: the card has no place for one of the blocks, or a block without an end.
    """
    for name, content in blocks.items():
        begin, end = BEGIN.format(name), END.format(name)
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not opened:
            raise DataError(f"the card has no place for {name!r}: put the lines {begin} and {end} where it belongs")
        if not closed:
            raise DataError(f"the card's block {name!r} does not end: put the line {end} after it")
        text = f"{before}{begin}\n\n{content.strip()}\n\n{end}{after}"
    return text


def empty(name: str) -> str:
    """A block with nothing in it yet."""
    return f"{BEGIN.format(name)}\n\n{END.format(name)}"
