"""The result of a comparison as HTML: the answer first, then what it rests on, and whether to trust it."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from demo import picture, scale, text, text_trust
from demo.address import address
from demo.pair import Pair, Photo
from demo.strictness import Setting
from facecore.quality_limits import QualityLimits, concerns
from facecore.results import Comparison
from facecore.verification.calibration import Calibration, Verdict

# One symbol a verdict, so that it does not rest on colour alone: a tick, two lines apart, a wave, an exclamation mark.
_SYMBOLS: dict[Verdict | None, str] = {
    "same": '<path d="M5 12.5l4.5 4.5L19 7.5"/>',
    "different": '<path d="M6 9h12M6 15h12M15.5 5l-7 14"/>',
    "uncertain": '<path d="M4.5 13.5c2.5-4 5-4 7.5-1.5s5 2.5 7.5-1.5"/>',
    None: '<path d="M12 6v7.5M12 17.5v.1"/>',
}


@dataclass(frozen=True)
class View:
    """What is shown.

    Attributes:
        pair: the two photos.
        comparison: of them, judged as it is to be shown.
        setting: by which it was judged; None without a calibration.
        calibration: what the model's scores mean; None without one.
        limits: from which measures on a photo is warned of.
        key: by which the page asks for more about this pair.
        folder: where to write pictures.
    """

    pair: Pair
    comparison: Comparison
    setting: Setting | None
    calibration: Calibration | None
    limits: QualityLimits
    key: str
    folder: Path


def render(view: View) -> str:
    """The result as HTML. Its parts keep their places, so that a browser can change one without losing the focus."""
    comparison = view.comparison
    compared = comparison.score is not None
    kind = comparison.verdict or ("unjudged" if compared else "problem")
    answer = f'<div class="fc-answer">{_heading(comparison)}{_reasons(view)}</div>'
    photos = "".join(_photo(side, photo, compared) for side, photo in _sides(view.pair))
    return (
        f'<div class="fc-result fc-{kind}{" fc-scored" if compared else ""}" data-key="{escape(view.key)}" '
        f'data-about="{escape(view.pair.about(view.key))}" data-photos="{escape(view.pair.uploads)}">'
        f'<div class="fc-card">{answer}{_crops(view)}</div>{_trust(view)}'
        f'<div class="fc-photos">{photos}</div></div>'
    )


def problem(sentence: str) -> str:
    """The result where nothing is known, not even of the photos, but why that is."""
    answer = f'<div class="fc-answer">{_title(text.NO_COMPARISON, None)}{_reason(sentence)}</div>'
    return f'<div class="fc-result fc-problem"><div class="fc-card">{answer}</div></div>'


def note(sentence: str) -> str:
    """A sentence where something else was asked for."""
    return f'<p class="fc-note">{escape(sentence)}</p>'


def _heading(comparison: Comparison) -> str:
    if comparison.score is None:
        words = text.NO_COMPARISON
    elif comparison.verdict is None:
        words = text.ONLY_A_SCORE
    else:
        words = text.VERDICTS[comparison.verdict]
    return _title(words, comparison.verdict)


def _title(words: str, verdict: Verdict | None) -> str:
    symbol = f'<svg class="fc-symbol" viewBox="0 0 24 24" aria-hidden="true">{_SYMBOLS[verdict]}</svg>'
    return f'<h2 class="fc-verdict">{symbol}<span>{escape(words)}</span></h2>'


def _reason(sentence: str) -> str:
    return f'<p class="fc-reason">{escape(sentence)}</p>'


def _reasons(view: View) -> str:
    comparison, calibration = view.comparison, view.calibration
    if comparison.score is None:
        lines = (comparison.why_not or "").splitlines()
        return "".join(_reason(line) for line in lines)
    html = ""
    if comparison.verdict is not None and comparison.probability is not None:
        html += f'<p class="fc-likelihood">{escape(text.likelihood(comparison.probability, comparison.verdict))}</p>'
    if comparison.strangers is not None and calibration is not None:
        html += f'<p class="fc-rarity">{escape(text.rarity(comparison.strangers, calibration.rarest))}</p>'
    if comparison.verdict is None:
        html += _reason(text.NO_CALIBRATION)
    low = view.setting.low if view.setting else None
    return html + scale.render(comparison.score, low, comparison.threshold, calibration)


def _crops(view: View) -> str:
    if view.comparison.score is None:
        return ""
    images = ""
    for side, photo in _sides(view.pair):
        crop, shown = photo.prepared.crop, photo.shown
        assert crop is not None
        assert shown is not None
        # Named after the photo and the face, so that the same picture keeps its address.
        path = picture.save(crop, view.folder, f"{shown.path.stem}-{photo.chosen}").path
        images += (
            f'<img src="{escape(address(path))}" alt="{escape(text.crop_description(side))}" width="128" height="128">'
        )
    return f'<figure class="fc-crops"><div>{images}</div><figcaption>{escape(text.COMPARED)}</figcaption></figure>'


def _trust(view: View) -> str:
    """What is wrong with the photos, and who looks alike."""
    comparison = view.comparison
    if comparison.score is None:
        return ""
    warnings, whole = "", False
    for (side, photo), features in zip(_sides(view.pair), view.pair.features or (None, None), strict=True):
        prepared = photo.prepared
        whole = whole or prepared.face is None
        # What tells covered faces knows aligned ones alone: a whole photo would often be taken for a covered face.
        known = None if prepared.face is None else features
        for concern in concerns(prepared.quality, view.limits, known) if prepared.quality else ():
            which, words = text_trust.warning(side, concern)
            warnings += f"<li><b>{escape(which)}</b> {escape(words)}</li>"
    if warnings:
        told = f"<ul>{warnings}</ul><p>{escape(text_trust.consequence(comparison.verdict))}</p>"
    else:
        told = f"<p>{escape(text_trust.nothing_found(whole))}</p>"
    alike = text_trust.look_alikes(comparison.verdict)
    alike = f"<p>{escape(alike)}</p>" if alike else ""
    kind = "doubt" if warnings else "fine"
    return f'<section class="fc-trust fc-{kind}"><h3>{escape(text_trust.HEADING)}</h3>{told}{alike}</section>'


def _photo(side: text.Side, photo: Photo, compared: bool) -> str:
    shown, faces = photo.shown, photo.prepared.faces
    if shown is None:
        return ""
    choosable = compared and len(photo.choices) > 1
    caption = text.faces_found(len(faces), photo.chosen if compared else None, choosable)
    buttons = picture.buttons(shown, faces[: len(photo.choices)], photo.chosen, side) if choosable else ""
    drawing = picture.boxes(shown, faces, photo.prepared.face)
    return (
        f'<figure class="fc-photo"><div class="fc-frame"><div class="fc-fit" style="{_fit(shown)}">'
        f'<img src="{escape(address(shown.path))}" alt="{escape(text.description(side, len(faces)))}" '
        f'width="{shown.width}" height="{shown.height}">{drawing}{buttons}</div></div>'
        f"<figcaption><b>{escape(text.PHOTO_LABELS[side])}</b> {escape(caption)}</figcaption></figure>"
    )


def _fit(shown: picture.Picture) -> str:
    """The largest area of the photo's shape that fits into the frame; the frame's height is the theme's."""
    ratio = f"{shown.width} / {shown.height}"
    return f"aspect-ratio: {ratio}; width: min(100%, calc(var(--fc-frame) * {ratio}))"


def _sides(pair: Pair) -> Iterable[tuple[text.Side, Photo]]:
    return zip(text.SIDES, (pair.first, pair.second), strict=True)
