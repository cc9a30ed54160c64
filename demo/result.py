"""The result of a comparison as HTML: the answer first, then what it rests on."""

from collections.abc import Callable
from html import escape
from pathlib import Path

from demo import picture, text
from facecore.results import Comparison, Prepared
from facecore.verification.calibration import Verdict

Address = Callable[[Path], str]

# One symbol a verdict, so that it does not rest on colour alone: a tick, two lines apart, a wave, an exclamation mark.
_SYMBOLS: dict[Verdict | None, str] = {
    "same": '<path d="M5 12.5l4.5 4.5L19 7.5"/>',
    "different": '<path d="M6 9h12M6 15h12M15.5 5l-7 14"/>',
    "uncertain": '<path d="M4.5 13.5c2.5-4 5-4 7.5-1.5s5 2.5 7.5-1.5"/>',
    None: '<path d="M12 6v7.5M12 17.5v.1"/>',
}


def render(comparison: Comparison, rarest: float | None, folder: Path, address: Address) -> str:
    """The result as HTML.

    Args:
        comparison: of two photos.
        rarest: the largest N of "1 in N strangers" that the model's calibration can tell, None without a calibration.
        folder: where to write the pictures.
        address: from such a file to where the browser finds it.
    """
    kind = comparison.verdict or ("problem" if comparison.score is None else "unjudged")
    answer = f'<div class="fc-answer">{_heading(comparison)}{_reasons(comparison, rarest)}</div>'
    crops = _crops(comparison, folder, address)
    compared = comparison.score is not None
    photos = _photo("first", comparison.left, compared, folder, address)
    photos += _photo("second", comparison.right, compared, folder, address)
    photos = f'<div class="fc-photos">{photos}</div>' if photos else ""
    return f'<div class="fc-result fc-{kind}"><div class="fc-card">{answer}{crops}</div>{photos}</div>'


def _heading(comparison: Comparison) -> str:
    if comparison.score is None:
        words = text.NO_COMPARISON
    elif comparison.verdict is None:
        words = text.ONLY_A_SCORE
    else:
        words = text.VERDICTS[comparison.verdict]
    symbol = f'<svg class="fc-symbol" viewBox="0 0 24 24" aria-hidden="true">{_SYMBOLS[comparison.verdict]}</svg>'
    return f'<h2 class="fc-verdict">{symbol}<span>{escape(words)}</span></h2>'


def _reasons(comparison: Comparison, rarest: float | None) -> str:
    if comparison.score is None:
        lines = (comparison.why_not or "").splitlines()
        return "".join(f'<p class="fc-reason">{escape(line)}</p>' for line in lines)
    html = ""
    if comparison.verdict is not None and comparison.probability is not None:
        html += f'<p class="fc-likelihood">{escape(text.likelihood(comparison.probability, comparison.verdict))}</p>'
    if comparison.strangers is not None and rarest is not None:
        html += f'<p class="fc-rarity">{escape(text.rarity(comparison.strangers, rarest))}</p>'
    if comparison.verdict is None:
        html += f'<p class="fc-reason">{escape(text.NO_CALIBRATION)}</p>'
    return html + _scale(comparison.score, comparison.threshold)


def _scale(score: float, threshold: float | None) -> str:
    """Scores from 0 to 1 as a line, with the place of this one and of the threshold."""
    place = _percent(score)
    if threshold is None:
        return (
            f'<div class="fc-scale" aria-hidden="true"><i class="fc-mark" style="left:{place}"></i></div>'
            f'<p class="fc-score"><b>{text.score(score)}</b></p>'
        )
    return (
        f'<div class="fc-scale" aria-hidden="true"><i class="fc-zone" style="left:{_percent(threshold)}"></i>'
        f'<i class="fc-mark" style="left:{place}"></i></div>'
        f'<p class="fc-score"><b>{text.score(score)}</b><span>{text.same_from(threshold)}</span></p>'
    )


def _percent(score: float) -> str:
    return f"{100 * min(max(score, 0.0), 1.0):.1f}%"


def _crops(comparison: Comparison, folder: Path, address: Address) -> str:
    crops = [prepared.crop for prepared in (comparison.left, comparison.right) if prepared.crop is not None]
    if len(crops) < 2:
        return ""
    images = "".join(
        f'<img src="{escape(address(picture.save(crop, folder).path))}" alt="{escape(label)}" width="112" height="112">'
        for crop, label in zip(crops, text.PHOTO_LABELS.values(), strict=True)
    )
    return f'<figure class="fc-crops"><div>{images}</div><figcaption>{escape(text.COMPARED)}</figcaption></figure>'


def _photo(side: text.Side, prepared: Prepared, compared: bool, folder: Path, address: Address) -> str:
    if prepared.photo is None:
        return ""
    shown = picture.save(prepared.photo, folder)
    found = len(prepared.faces)
    return (
        f'<figure class="fc-photo"><div class="fc-frame"><img src="{escape(address(shown.path))}" '
        f'alt="{escape(text.description(side, found))}" width="{shown.width}" height="{shown.height}">'
        f"{picture.boxes(shown, prepared.faces, prepared.face)}</div>"
        f"<figcaption><b>{escape(text.PHOTO_LABELS[side])}</b> {escape(text.faces_found(found, compared))}</figcaption>"
        "</figure>"
    )
