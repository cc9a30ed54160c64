"""The tab "About" as HTML. It rests on the model alone and is made once."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from demo.about import pictures, text
from demo.about.card import Card, GroupRate, read_card
from eval.report import plots
from facecore.checkpoint import Model
from facecore.verification.calibration import Calibration

RATES = (1e-2, 1e-3, 1e-4)  # of the table's columns


def render(model: Model) -> str:
    """Everything on the tab."""
    card = read_card(model)
    parts = [
        _part(text.PHOTOS_HEAD, _items(text.PHOTOS)),
        _part(text.USE_HEAD, _items(text.USE)),
        _part(text.LIMITS_HEAD, _items(text.LIMITS)),
        _part(text.ACCURACY_HEAD, _accuracy(model.calibration, card) + _plots(model.calibration)),
        _part(text.AGE_HEAD, _ages(card.ages)),
        _part(text.MODEL_HEAD, _model(model, card)),
    ]
    return f'<div class="fc-about">{"".join(parts)}</div>'


def _part(head: str, html: str) -> str:
    return f"<section><h2>{escape(head)}</h2>{html}</section>"


def _items(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _paragraph(words: str) -> str:
    return f"<p>{escape(words)}</p>"


def _model(model: Model, card: Card) -> str:
    width = model.network.embedding_dim
    lines = [
        text.model(model.name, model.config.architecture, model.input.size, width),
        text.training(card.training.get("samples"), card.training.get("hours")),
        text.licence(card.licence),
    ]
    return "".join(map(_paragraph, lines)) + f'<p class="fc-digest">SHA-256 {escape(model.digest)}</p>'


def _accuracy(calibration: Calibration | None, card: Card) -> str:
    if calibration is None:
        return _paragraph(text.NO_CALIBRATION)
    try:
        rows = [_row(name, figures) for name, figures in _widest_first(card.pools)]
        first = next(iter(_widest_first(card.pools)), None)
        words = ""
        if first is not None:
            there = first[1]["at_threshold"]
            words = text.at_threshold(calibration.threshold, float(there["far"]), float(there["tar"]))
    except (KeyError, TypeError, ValueError):  # evidence of another form than ours
        return _paragraph(text.NO_EVIDENCE)
    if not rows:
        return _paragraph(text.NO_EVIDENCE)
    return _paragraph(words) + _table(text.TABLE_FRAME, text.COLUMNS, rows) + _note(text.TABLE_NOTE)


def _widest_first(pools: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return sorted(pools.items(), key=lambda pool: -int(pool[1]["impostors"]))


def _row(name: str, figures: dict[str, Any]) -> list[str]:
    found = {float(entry["target"]): entry.get("tar") for entry in figures["tar_at_far"]}
    shares = [found.get(rate) for rate in RATES]
    cells = ["–" if share is None else text.percent(float(share)) for share in shares]
    pairs = text.pairs(int(figures["genuine"]), int(figures["impostors"]))
    return [text.POOLS.get(name, name), pairs, text.percent(float(figures["eer"])), *cells]


def _ages(ages: Sequence[GroupRate] | None) -> str:
    if ages is None:
        return _paragraph(text.AGES_NOT_MEASURED)
    rows = [
        [
            rate.name,
            text.percent(rate.rate, 2) + (f" ({text.FEW})" if rate.few else ""),
            text.interval(rate.low, rate.high),
        ]
        for rate in ages
    ]
    return _paragraph(text.ages(ages)) + _table(text.AGE_FRAME, text.AGE_COLUMNS, rows)


def _table(frame: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="fc-table" role="region" tabindex="0" aria-label="{escape(frame)}"><table><thead><tr>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
    )


def _note(words: str) -> str:
    return f'<p class="fc-note">{escape(words)}</p>'


def _plots(calibration: Calibration | None) -> str:
    if calibration is None:
        return ""
    shown = [
        (text.SPREAD_HEAD, pictures.spread(calibration), text.SPREAD_ALT, text.SPREAD_NOTE),
        (text.ERRORS_HEAD, pictures.errors(calibration), text.ERRORS_ALT, text.ERRORS_NOTE),
    ]
    figures = "".join(_plot(head, draw, alt, note) for head, draw, alt, note in shown if draw is not None)
    return f'<div class="fc-plots">{figures}</div>'


def _plot(head: str, draw: plots.Draw, alt: str, note: str) -> str:
    images = "".join(
        f'<img class="fc-{dress.name}" src="{pictures.address(draw, dress)}" alt="{escape(alt)}" width="774" '
        'height="594">'
        for dress in plots.DRESSES
    )
    return f"<figure><h3>{escape(head)}</h3>{images}<figcaption>{escape(note)}</figcaption></figure>"
