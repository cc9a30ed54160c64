"""A sorted set as HTML: groups with their faces, photos that cannot be used, and the table of all pairs."""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import numpy as np

from demo import picture
from demo.photo_set import text
from demo.photo_set.colours import STEPS, step
from demo.photo_set.work import Photo, SortedSet
from demo.text_models import compared_by
from facecore.verification.calibration import Calibration, Verdict

Address = Callable[[Path], str]

# One sign a verdict, so that it does not rest on colour alone; "different" is the rule and has none.
_TICK = '<path d="M3 8.5l3.2 3.2L13 5"/>'
_WAVE = '<path d="M2.5 9c2-3.2 3.6-3.2 5.5-1s3.5 2.2 5.5-1"/>'
_SIGNS: dict[str, str] = {"same": _TICK, "uncertain": _WAVE}


def sentence(words: str) -> str:
    """A page that holds one sentence alone, such as what is missing."""
    return f'<div class="fc-set"><p class="fc-set-problem fc-said">{escape(words)}</p></div>'


def unusable(photos: Sequence[Photo], words: str) -> str:
    """A page for a set of which nothing can be compared."""
    return f'<div class="fc-set"><p class="fc-set-problem fc-said">{escape(words)}</p>{_problems(photos)}</div>'


def render(result: SortedSet, calibration: Calibration | None, folder: Path, table: Path, address: Address) -> str:
    """The whole result.

    Args:
        result: of `work.sort_set`.
        calibration: the model's.
        folder: where pictures of faces are written.
        table: the CSV, for the link to it.
        address: from such a file to where the browser finds it.
    """
    faces = {place: _face(result.photos[result.usable[place]], folder, address) for place in result.grouping.order}
    link = f'<a class="fc-download" href="{escape(address(table))}" download="{table.name}">{escape(text.DOWNLOAD)}</a>'
    return (
        f'<div class="fc-set">{_answer(result)}{_groups(result, faces)}{_problems(result.photos)}'
        f"{_matrix(result, calibration, faces)}<p>{link}</p></div>"
    )


def _face(photo: Photo, folder: Path, address: Address) -> str:
    assert photo.crop is not None
    shown = picture.save(photo.crop, folder)
    return escape(address(shown.path))


def _answer(result: SortedSet) -> str:
    groups = result.grouping.groups
    if groups is None or result.threshold is None:
        return f'<h2 class="fc-said">{escape(text.NO_GROUPS)}</h2><p class="fc-said">{escape(text.NO_CALIBRATION)}</p>'
    several = [places for places in groups if len(places) > 1]
    head = text.headline(len(several), len(groups) - len(several))
    same, uncertain = _between(result, groups)
    more = text.across(same, uncertain)
    made_by = compared_by(result.scored.model.name)
    return (
        f'<h2 class="fc-said">{escape(head)}</h2>'
        + (f'<p class="fc-said">{escape(more)}</p>' if more else "")
        + f'<p class="fc-set-soft">{escape(text.rule(result.threshold))} {escape(made_by)}</p>'
    )


def _between(result: SortedSet, groups: Sequence[Sequence[int]]) -> tuple[int, int]:
    """How many pairs of different groups are called the same person, and how many are too close to call."""
    group_of = {place: number for number, places in enumerate(groups) for place in places}
    index = result.scored.index
    across = [group_of[left] != group_of[right] for left, right in zip(index.left, index.right, strict=True)]
    decisions = result.table()["decision"][np.array(across, bool)].tolist()
    return decisions.count("same"), decisions.count("uncertain")


def _groups(result: SortedSet, faces: dict[int, str]) -> str:
    groups = result.grouping.groups
    if groups is None:
        return ""
    several = [places for places in groups if len(places) > 1]
    alone = [place for places in groups if len(places) == 1 for place in places]
    blocks = [
        _group(result, faces, places, text.group(number, len(places))) for number, places in enumerate(several, 1)
    ]
    if alone:
        blocks.append(_group(result, faces, alone, text.ALONE))
    return f'<div class="fc-groups">{"".join(blocks)}</div>'


def _group(result: SortedSet, faces: dict[int, str], places: Sequence[int], heading: str) -> str:
    items = ""
    for place in places:
        name = result.photos[result.usable[place]].name
        items += (
            f'<li><img src="{faces[place]}" alt="{escape(text.face(name))}" width="88" height="88">'
            f'<span title="{escape(name)}">{escape(name)}</span></li>'
        )
    return f'<section class="fc-group"><h3>{escape(heading)}</h3><ul>{items}</ul></section>'


def _problems(photos: Sequence[Photo]) -> str:
    items = "".join(
        f'<li class="fc-said"><b>{escape(photo.name)}</b> {escape(photo.error)}</li>'
        for photo in photos
        if photo.error is not None
    )
    if not items:
        return ""
    return f'<section class="fc-unusable"><h3 class="fc-said">{escape(text.UNUSABLE)}</h3><ul>{items}</ul></section>'


def _matrix(result: SortedSet, calibration: Calibration | None, faces: dict[int, str]) -> str:
    order, count = result.grouping.order, len(result.usable)
    index = result.scored.index
    scores, verdicts = np.ones((count, count)), np.full((count, count), "", object)
    scores[index.left, index.right] = scores[index.right, index.left] = result.scored.scores
    decisions = result.table()["decision"].to_numpy(object)
    verdicts[index.left, index.right] = verdicts[index.right, index.left] = decisions
    low = _low(result, calibration)
    group_of = _group_numbers(result)
    names = {place: result.photos[result.usable[place]].name for place in order}
    head = "".join(
        f'<th scope="col"><img src="{faces[place]}" alt="" width="44" height="44"><span aria-hidden="true">{row}</span>'
        f'<span class="fc-hidden">{escape(names[place])}</span></th>'
        for row, place in enumerate(order, 1)
    )
    body = ""
    for row, place in enumerate(order):
        cells = "".join(
            _cell(scores[place, other], verdicts[place, other], low, _edges(group_of, order, row, column))
            if other != place
            else f'<td class="fc-itself{_edges(group_of, order, row, row)}">'
            f'<span class="fc-hidden">{escape(text.ITSELF)}</span></td>'
            for column, other in enumerate(order)
        )
        body += (
            f'<tr><th scope="row"><img src="{faces[place]}" alt="" width="44" height="44">'
            f'<span title="{escape(names[place])}"><b aria-hidden="true">{row + 1}</b> {escape(names[place])}</span>'
            f"</th>{cells}</tr>"
        )
    caption = text.caption(count) if result.grouping.groups is not None else text.caption_without_groups(count)
    return (
        f'<section class="fc-pairs"><h3>{escape(text.MATRIX)}</h3>{_legend(low, result.threshold is not None)}'
        f'<div class="fc-matrix" role="region" tabindex="0" aria-label="{escape(text.MATRIX_FRAME)}">'
        f"<table><caption>{escape(caption)}</caption>"
        f'<thead><tr><th scope="col"><span class="fc-hidden">{escape(text.CORNER)}</span></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _cell(score: float, verdict: Verdict | str, low: float, edges: str) -> str:
    sign = ""
    if verdict in _SIGNS:
        sign = f'<svg viewBox="0 0 16 16" aria-hidden="true">{_SIGNS[verdict]}</svg>'
    words = {"same": text.verdict("same"), "different": text.verdict("different")}
    words["uncertain"] = text.verdict("uncertain")
    hidden = f'<span class="fc-hidden">, {escape(words[verdict])}</span>' if verdict in words else ""
    return f'<td class="fc-step-{step(score, low)}{edges}">{score:z.2f}{hidden}{sign}</td>'


def _group_numbers(result: SortedSet) -> dict[int, int]:
    """The group of each place; photos on their own have none."""
    groups = result.grouping.groups or ()
    return {place: number for number, places in enumerate(groups) if len(places) > 1 for place in places}


def _edges(group_of: dict[int, int], order: Sequence[int], row: int, column: int) -> str:
    """Classes for the frame around a group, which is drawn by the cells at its edges."""
    group = group_of.get(order[row])
    if group is None or group_of.get(order[column]) != group:
        return ""

    def outside(place: int) -> bool:
        return not 0 <= place < len(order) or group_of.get(order[place]) != group

    edges = {"top": outside(row - 1), "bottom": outside(row + 1)}
    edges |= {"left": outside(column - 1), "right": outside(column + 1)}
    return "".join(f" fc-{name}" for name, there in edges.items() if there)


def _low(result: SortedSet, calibration: Calibration | None) -> float:
    """Where the scale of colours begins: at the median score of strangers, or else at the lowest score here."""
    if calibration is None:
        return min(float(result.scored.scores.min()), 0.99)
    counts = np.cumsum(calibration.histograms.impostor)
    middle = int(np.searchsorted(counts, counts[-1] / 2))
    width = (calibration.histograms.high - calibration.histograms.low) / len(counts)
    return min(calibration.histograms.low + (middle + 0.5) * width, 0.99)


def _legend(low: float, verdicts: bool) -> str:
    swatches = "".join(f'<i class="fc-step-{number}"></i>' for number in range(STEPS))
    bar = (
        f'<p class="fc-bar"><span>{low:z.2f} <small>{escape(text.LEGEND_LOW)}</small></span>'
        f'<span class="fc-swatches" aria-hidden="true">{swatches}</span>'
        f"<span>1.00 <small>{escape(text.LEGEND_HIGH)}</small></span></p>"
    )
    if not verdicts:
        return f'<div class="fc-legend">{bar}</div>'
    keys = "".join(
        f'<span><svg viewBox="0 0 16 16" aria-hidden="true">{sign}</svg> {escape(words)}</span>'
        for sign, words in ((_TICK, text.KEY_SAME), (_WAVE, text.KEY_UNCERTAIN))
    )
    return f'<div class="fc-legend">{bar}<p class="fc-keys">{keys}<span>{escape(text.KEY_DIFFERENT)}</span></p></div>'
