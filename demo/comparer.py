"""The work behind the tab that compares two photos: comparing, choosing other faces, judging anew, explaining."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from demo import heat, result, text, text_scale, text_why
from demo.models import Models, Offer, UnknownChoice
from demo.pair import Pair, Photo
from demo.recent import Recent
from demo.strictness import BALANCED, Setting, judged
from demo.uploads import MAX_BYTES, RefusedUpload, Upload, face_number, upload_folder, upload_path
from facecore.errors import FacecoreError, FaceError, ImageError, NoFaceError
from facecore.explain import explain
from facecore.image import photo_name
from facecore.recognizer import FaceRecognizer
from facecore.results import Comparison, Prepared

MOST_FACES = 40  # of one photo among which can be chosen
AT_ONCE = 2  # comparisons; each decodes and searches its two photos in parallel

Answer = tuple[dict[str, Any], str]
"""What the API gives, and the page's view of it as HTML."""


class Comparer:
    """Compares uploads. Safe to use from several threads.

    Args:
        models: do the work.
        uploads: the folder that the page may serve files from; pictures of the result go there.
    """

    def __init__(self, models: Models, uploads: Path) -> None:
        self.models = models
        self._uploads = uploads
        self._recent: Recent[Pair] = Recent()
        # These threads stay, since the detector loads its network once for each thread.
        self._pool = ThreadPoolExecutor(2 * AT_ONCE, thread_name_prefix="prepare")

    def __call__(
        self,
        left: Upload | None,
        right: Upload | None,
        left_face: object = 0,
        right_face: object = 0,
        strictness: object = BALANCED,
        model: object = None,
    ) -> Answer:
        """Compare two uploads.

        Args:
            left: the first photo; None where there is none.
            right: the second photo.
            left_face: which face of the first photo, 0 the largest.
            right_face: which face of the second photo.
            strictness: one of the model's settings.
            model: the name of the one to compare with; None for the first of `models`.

        Raises:
            UnknownChoice: there is no such model, or no such strictness for it.
            OSError: the pictures of the result cannot be written.
        """
        offer = self.models.pick(model)
        setting = _setting(offer, strictness)
        self._uploads.mkdir(parents=True, exist_ok=True)
        sides = (("first", left, left_face), ("second", right, right_face))
        first, second = [
            waiting.result()
            for waiting in [self._pool.submit(self._photo, offer.recognizer, *cast(Any, side)) for side in sides]
        ]
        pair = _compared(offer, first, second)
        return self._answer(offer, pair, setting, self._recent.keep(pair, pair.size))

    def choose(self, key: object, side: object, number: object, strictness: object) -> Answer | None:
        """Compare another face of a pair that is remembered, by the model that compared it last.

        Args:
            key: of the pair, as the page's view holds it.
            side: "first" or "second".
            number: of the face, 0 the largest.
            strictness: one of the model's settings.

        Returns:
            None where the pair was forgotten or has no such face.

        Raises:
            UnknownChoice: there is no such strictness for the model.
            OSError: the pictures of the result cannot be written; what is remembered stays as it was.
        """
        pair = self._remembered(key)
        if pair is None or side not in ("first", "second"):
            return None
        offer = self.models.pick(pair.model)
        setting = _setting(offer, strictness)
        chosen = pair.first if side == "first" else pair.second
        face = face_number(number)
        if face is None or face >= len(chosen.choices):
            return None
        chosen = replace(chosen, chosen=face)
        first, second = (chosen, pair.second) if side == "first" else (pair.first, chosen)
        pair = _compared(offer, first, second)
        answer = self._answer(offer, pair, setting, str(key))
        self._recent.change(str(key), pair)  # last, since what is remembered must be what the page shows
        return answer

    def rejudge(self, key: object, strictness: object, model: object = None) -> Answer | None:
        """Judge a pair that is remembered by another setting, or by another model.

        Args:
            key: as in `choose`.
            strictness: one of the model's settings.
            model: the name of the model; None for the first.

        Returns:
            None where the pair was forgotten, or where this model wants its faces cut out in another way.

        Raises:
            UnknownChoice: there is no such model, or no such strictness for it.
            OSError: as in `choose`.
        """
        offer = self.models.pick(model)
        setting, pair = _setting(offer, strictness), self._remembered(key)
        if pair is None or pair.cut != offer.recognizer.preparer.version:
            return None
        if pair.model == offer.name:
            return self._answer(offer, pair, setting, str(key))
        pair = _compared(offer, pair.first, pair.second)
        answer = self._answer(offer, pair, setting, str(key))
        self._recent.change(str(key), pair)
        return answer

    def why(self, key: object) -> str:
        """What made the score of a pair that is remembered, as HTML; a sentence where it cannot be told.

        Raises:
            OSError: the pictures cannot be written.
        """
        pair = self._remembered(key)
        if pair is None:
            return result.note(text.FORGOTTEN if key else text_why.NOT_COMPARED)
        prepared = pair.first.prepared, pair.second.prepared
        crops = [side.crop for side in prepared if side.crop is not None]
        if len(crops) < 2:
            return result.note(text_why.NOT_COMPARED)
        aligned = all(side.face is not None for side in prepared)
        explanation = explain(self.models.pick(pair.model).recognizer, crops[0], crops[1])
        return heat.render(explanation, crops, aligned, self._uploads, pair.about(str(key)))

    def no_room(self, model: object = None) -> Answer:
        """What is answered where the disk is full, in the form of any comparison that could not be made."""
        nothing = dict.fromkeys(("verdict", "score", "probability", "threshold", "strangers", "left", "right"))
        details = {**nothing, "model": self.models.pick(model).name, "why_not": text.DISK_FULL}
        return details, result.problem(text.DISK_FULL)

    def _remembered(self, key: object) -> Pair | None:
        return self._recent.get(key) if isinstance(key, str) else None

    def _photo(self, recognizer: FaceRecognizer, side: text.Side, upload: Upload | None, number: object) -> Photo:
        photo = self._read(recognizer, side, upload, face_number(number))
        return replace(photo, upload=upload_folder(upload))

    def _read(self, recognizer: FaceRecognizer, side: text.Side, upload: Upload | None, number: int | None) -> Photo:
        choices = prepare(recognizer, side, upload)
        if choices[0].crop is None:
            return Photo.of(choices, 0, self._uploads)
        if number is None:
            error = FaceError(text.no_face_number(side))
        elif number >= len(choices):
            told = text.no_such_face(side, number, len(choices))
            error = FaceError(told if choices[0].faces else text.no_face_chosen_from(side))
        else:
            return Photo.of(choices, number, self._uploads)
        refused = Prepared("no_face", choices[0].photo, choices[0].faces, error=error)
        return Photo.of((refused,), 0, self._uploads)

    def _answer(self, offer: Offer, pair: Pair, setting: Setting | None, key: str) -> Answer:
        comparison: Comparison = judged(pair.comparison, setting)
        view = result.View(pair, comparison, setting, offer.calibration, offer.limits, key, self._uploads)
        return comparison.to_dict(), result.render(view)


def _setting(offer: Offer, strictness: object) -> Setting | None:
    name = BALANCED if strictness is None else strictness
    for offered, setting in offer.settings.items():
        if offered == name:
            return setting
    if name == BALANCED:
        return None  # without a calibration there is nothing to be strict about
    raise UnknownChoice(text_scale.unknown_strictness(offer.settings))


def _compared(offer: Offer, first: Photo, second: Photo) -> Pair:
    comparison = offer.recognizer.judge(first.prepared, second.prepared)
    crops = [photo.prepared.crop for photo in (first, second) if photo.prepared.crop is not None]
    told = offer.limits.hidden is not None and len(crops) == 2
    features = tuple(offer.recognizer.features(crops)) if told else None
    return Pair(first, second, comparison, offer.recognizer.preparer.version, features)


def prepare(recognizer: FaceRecognizer, side: text.Side, upload: Upload | None) -> tuple[Prepared, ...]:
    """The faces of one upload, largest first; or one alone with an error that names no path of the server's.

    Args:
        recognizer: finds them.
        side: which photo it is.
        upload: None where there is none.
    """
    try:
        path = upload_path(upload)
    except RefusedUpload as refused:
        words = {"gone": text.gone(side), "too large": text.too_large(side, refused.size, MAX_BYTES)}
        return (Prepared("unreadable", error=ImageError(words.get(refused.reason, text.missing(side)))),)
    return tuple(
        replace(prepared, error=_for_people(prepared.error, side, path)) if prepared.error else prepared
        for prepared in recognizer.prepare_each(path, MOST_FACES)
    )


def _for_people(error: FacecoreError, side: text.Side, path: str) -> FacecoreError:
    if isinstance(error, NoFaceError):
        return NoFaceError(text.no_face(side))
    return type(error)(text.unreadable(side, str(error).removeprefix(f"{photo_name(path)}: ")))
