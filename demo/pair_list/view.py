"""What became of a list, as HTML: the counts, the files, the photos that failed, and the report in a frame."""

from collections import Counter
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import numpy as np

from demo.pair_list import text
from demo.pair_list.work import ScoredList
from demo.text_models import compared_by
from eval.scoring import Scored, Unusable
from facecore.image import photo_name

Address = Callable[[Path], str]

SHOWN = 20  # photos that failed

# The report is a file that the browser would save, not show, so a script of the page puts it into the frame. The frame
# itself runs no scripts and belongs to no host ("sandbox" without any permission).
LOAD = """
const load = async () => {
  const frame = element.querySelector('iframe[data-report]');
  if (!frame || frame.srcdoc) return;
  const answer = await fetch(frame.dataset.report);
  frame.srcdoc = answer.ok ? await answer.text() : frame.dataset.gone;
};
watch('value', load);
"""


def sentence(words: str, problem: bool = True) -> str:
    """A page that holds one sentence alone, such as what is missing."""
    kind = "fc-list-problem" if problem else "fc-list-note"
    return f'<div class="fc-list"><p class="{kind} fc-said">{escape(words)}</p></div>'


def render(result: ScoredList, photo_bytes: int, address: Address) -> str:
    """The whole result.

    Args:
        result: of `work.ListScorer`.
        photo_bytes: the size over which photos were left out.
        address: from a file to where the browser finds it.
    """
    scored, unpacked = result.scored, result.unpacked
    lines = [
        text.photos_used(scored.sides.images, unpacked.ignored, unpacked.large, photo_bytes),
        _verdicts(scored, result.record["threshold"]),
        _judged(result),
        compared_by(scored.model.name),
    ]
    links = "".join(
        f'<a class="fc-download" href="{escape(address(path))}" download="{path.name}">{escape(words)}</a>'
        for path, words in ((result.scores, text.SCORES), (result.report, text.REPORT), (result.settings, text.RECORD))
    )
    frame = (
        f'<iframe class="fc-report" title="{escape(text.REPORT_HEAD)}" sandbox="" '
        f'data-report="{escape(address(result.report))}" data-gone="{escape(text.REPORT_GONE)}"></iframe>'
    )
    return (
        f'<div class="fc-list"><h2 class="fc-said">{escape(text.headline(len(scored), scored.failed))}</h2>'
        + "".join(f'<p class="fc-said">{escape(line)}</p>' for line in lines)
        + f'<p class="fc-files">{links}</p>{_failures(scored.costliest())}'
        f"<h3>{escape(text.REPORT_HEAD)}</h3>{frame}</div>"
    )


def _verdicts(scored: Scored, threshold: float | None) -> str:
    calibration = scored.model.calibration
    if calibration is None or threshold is None:
        return text.no_verdicts()
    counts = Counter(calibration.verdicts(scored.scores[np.isfinite(scored.scores)]))
    return text.decisions(counts["same"], counts["uncertain"], counts["different"], threshold)


def _judged(result: ScoredList) -> str:
    figures = result.record["figures"]
    if not figures:
        return text.no_labels() if result.scored.index.label is None else text.one_kind()
    if "accuracy_at_threshold" not in figures:
        return text.judged_without_threshold(figures["genuine"], figures["impostors"])
    return text.right(figures["accuracy_at_threshold"], figures["genuine"], figures["impostors"], result.scored.failed)


def _failures(unusable: Sequence[Unusable]) -> str:
    if not unusable:
        return ""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in text.FAILED_COLUMNS)
    rows = "".join(
        f'<tr><th scope="row">{escape(photo_name(photo.name))}</th><td>{photo.pairs:,}</td>'
        f"<td>{escape(text.why(photo.status, photo.problem))}</td></tr>"
        for photo in unusable[:SHOWN]
    )
    rest = len(unusable) - SHOWN
    more = f"<p>{escape(text.failed_more(rest))}</p>" if rest > 0 else ""
    return (
        f'<h3>{escape(text.FAILED_HEAD)}</h3><div class="fc-failed" role="region" tabindex="0" '
        f'aria-label="{escape(text.FAILED_HEAD)}"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f"</div>{more}"
    )
