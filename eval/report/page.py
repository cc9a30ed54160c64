"""report.html: one file without a request to anywhere."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from eval.report.comparison import Comparison
from eval.report.figure import FigureSet
from eval.report.groups import Group, Spread
from eval.report.style import CSS
from eval.report.tables import cards, comparison_table, esc, facts, figures_table, groups_table, tar_table
from eval.report.worst import Mistake, Thumbnails, Worst

OPEN_PICTURES = 6
"""So many pairs are shown at once; the others are folded away."""

# Nothing but what is in the file may be loaded, whatever a name in it should try.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Plot:
    """A picture, or why there is none.

    Attributes:
        name: of the file, without ending.
        title: for people.
        caption: how to read it; what is missing where there is no picture.
        light: PNG, empty where there is none.
        dark: PNG, empty where there is none.
    """

    name: str
    title: str
    caption: str
    light: bytes = b""
    dark: bytes = b""


@dataclass(frozen=True)
class Page:
    """All that the page shows.

    Attributes:
        title: heading.
        lead: one sentence that says what was found.
        warnings: what a reader must know before the figures.
        about: names and values: what was measured.
        figures: of all labelled pairs; None where there are none.
        scored_only: without failed pairs; None where none failed, or nothing is left.
        scored_note: why it is None.
        plots: pictures.
        groups: figures of groups, and by what.
        spread: of false match rates over groups.
        comparison: with another model.
        worst: mistakes; None where they are not wanted or there are no labels.
        thumbnails: pictures of photos.
        picture_note: why there are no pictures, or whose they are.
        methods: how the figures were made.
        provenance: names and values: how the scores were made.
    """

    title: str
    lead: str
    warnings: Sequence[str]
    about: Sequence[tuple[str, str]]
    figures: FigureSet | None = None
    scored_only: FigureSet | None = None
    scored_note: str = ""
    plots: Sequence[Plot] = ()
    by: str = ""
    groups: Sequence[Group] = ()
    spread: Spread | None = None
    comparison: Comparison | None = None
    worst: Worst | None = None
    thumbnails: Thumbnails = field(default_factory=lambda: Thumbnails(None))
    picture_note: str = ""
    methods: Sequence[str] = ()
    provenance: Sequence[tuple[str, str]] = ()


def make_page(page: Page) -> str:
    """The whole document."""
    parts = [
        f"<h1>{esc(page.title)}</h1>",
        f'<p class="lead">{esc(page.lead)}</p>',
        cards(page.figures) if page.figures else "",
        *(f'<p class="warning">{esc(text)}</p>' for text in page.warnings),
        _section("What was measured", facts(page.about)),
        _figures(page),
        _section("Curves", _plots(page.plots)),
        _groups(page),
        _comparison(page),
        _worst(page),
        _section("How the figures are made", "".join(f"<p>{esc(text)}</p>" for text in page.methods)),
        _section("How the scores were made", facts(page.provenance)) if page.provenance else "",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{esc(page.title)}</title><style>{CSS}</style></head>\n<body>\n" + "\n".join(filter(None, parts)) + "\n"
        "</body></html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{esc(title)}</h2>{content}</section>"


def _figures(page: Page) -> str:
    if page.figures is None:
        return ""
    failed = page.figures.failed
    first = "All pairs" + ("; a failed pair is a non-match and an error" if failed else "")
    content = f"<h3>{first}</h3>{figures_table(page.figures)}{tar_table(page.figures)}"
    if page.scored_only is not None:
        content += f"<h3>Without the pairs that failed ({failed:,})</h3>"
        content += figures_table(page.scored_only) + tar_table(page.scored_only)
    return _section("Figures", content + (f"<p>{esc(page.scored_note)}</p>" if page.scored_note else ""))


def _plots(plots: Sequence[Plot]) -> str:
    shown = [
        f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{_uri(p.dark)}">'
        f'<img src="{_uri(p.light)}" alt="{esc(p.title)}"></picture>'
        f"<figcaption><b>{esc(p.title)}.</b> {esc(p.caption)}</figcaption></figure>"
        for p in plots
        if p.light
    ]
    missing = [f'<p class="soft">{esc(p.title)}: {esc(p.caption)}</p>' for p in plots if not p.light]
    return f'<div class="plots">{"".join(shown)}</div>' + "".join(missing)


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _groups(page: Page) -> str:
    if not page.groups:
        return ""
    content = groups_table(page.groups)
    if page.spread is not None:
        ratio = page.spread.ratio
        start = "" if ratio is None else f"Largest false match rate over the geometric mean: {ratio:.2f}, "
        content = f"<p>{esc(start + page.spread.note)}.</p>" + content
    return _section(f"By {page.by}", content)


def _comparison(page: Page) -> str:
    if page.comparison is None:
        return ""
    c = page.comparison
    words = f"{c.b} against {c.a} on the same {c.pairs:,} pairs. The difference is the second minus the first; both "
    words += (
        "come from the same people in every draw of the bootstrap. Differences of shares are in percentage points; "
    )
    words += "where one is bold, its interval leaves out 0."
    content = f"<p>{esc(words)}</p>{comparison_table(c)}" + (f"<p>{esc(c.note)}</p>" if c.note else "")
    return _section("Two models", content)


def _worst(page: Page) -> str:
    if page.worst is None:
        return ""
    content = f'<p class="soft">{esc(page.picture_note)}</p>' if page.picture_note else ""
    kinds = (
        (page.worst.false_accepts, "false accepts", "Different people with the highest scores"),
        (page.worst.false_rejects, "false rejects", "The same person with the lowest scores"),
    )
    for mistakes, name, extreme in kinds:
        shown, total = len(mistakes.pairs), mistakes.total
        title = f"{extreme} ({shown})" if total is None else f"The worst {shown} of {total:,} {name}"
        if total == 0:
            title = f"No {name}; {extreme[0].lower()}{extreme[1:]} ({shown})" if shown else f"No {name}"
        content += f"<h3>{esc(title)}</h3>{_pairs(mistakes.pairs, page.thumbnails)}"
    return _section("Worst mistakes", content)


def _pairs(mistakes: Sequence[Mistake], thumbnails: Thumbnails) -> str:
    blocks = [_pair(mistake, thumbnails) for mistake in mistakes]
    first, rest = "".join(blocks[:OPEN_PICTURES]), "".join(blocks[OPEN_PICTURES:])
    folded = f'<details><summary>{len(blocks) - OPEN_PICTURES} more</summary><div class="pairs">{rest}</div></details>'
    return f'<div class="pairs">{first}</div>' + (folded if rest else "")


def _pair(mistake: Mistake, thumbnails: Thumbnails) -> str:
    sides = "".join(
        f'<div>{_thumb(name, thumbnails)}<small class="break">{esc(name)}</small></div>'
        for name in (mistake.left, mistake.right)
    )
    return (
        f'<div class="pair"><div class="sides">{sides}</div>Score {mistake.score:.4f}, pair {mistake.row + 1:,}</div>'
    )


def _thumb(name: str, thumbnails: Thumbnails) -> str:
    if not thumbnails.wanted:
        return ""
    uri, problem = thumbnails.get(name)
    inside = f'<img src="{uri}" alt="">' if uri else esc(problem)
    return f'<div class="thumb">{inside}</div>'
