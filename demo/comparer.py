"""The work behind the tab that compares two photos: comparing, choosing other faces, judging anew, explaining."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from demo import heat, result, text, text_scale, text_why
from demo.pair import Pair, Photo
from demo.recent import Recent
from demo.strictness import BALANCED, Setting, judged, settings
from demo.uploads import MAX_BYTES, RefusedUpload, Upload, face_number, upload_folder, upload_path
from facecore.errors import FacecoreError, FaceError, ImageError, NoFaceError
from facecore.explain import explain
from facecore.image import photo_name
from facecore.quality_limits import read_limits
from facecore.recognizer import FaceRecognizer
from facecore.results import Comparison, Prepared

MOST_FACES = 40  # of one photo among which can be chosen
AT_ONCE = 2  # comparisons; each decodes and searches its two photos in parallel

Answer = tuple[dict[str, Any], str]
"""What the API gives, and the page's view of it as HTML."""


class UnknownSetting(ValueError):
    """A strictness that the model does not offer; the message is for people."""


class Comparer:
    """Compares uploads. Safe to use from several threads.

    Args:
        recognizer: does the work.
        uploads: the folder that the page may serve files from; pictures of the result go there.

    Attributes:
        settings: the choices of strictness that the model offers.

    Raises:
        ModelError: the model's quality.json cannot be used.
    """

    def __init__(self, recognizer: FaceRecognizer, uploads: Path) -> None:
        self.settings = settings(recognizer.calibration)
        self.calibration = recognizer.calibration
        self._recognizer, self._uploads = recognizer, uploads
        self._limits = read_limits(recognizer.model.directory, recognizer.feature_dim)
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
    ) -> Answer:
        """Compare two uploads.

        Args:
            left: the first photo; None where there is none.
            right: the second photo.
            left_face: which face of the first photo, 0 the largest.
            right_face: which face of the second photo.
            strictness: one of `settings`.

        Raises:
            UnknownSetting: there is no such strictness for this model.
            OSError: the pictures of the result cannot be written.
        """
        setting = self._setting(strictness)
        self._uploads.mkdir(parents=True, exist_ok=True)
        sides = (("first", left, left_face), ("second", right, right_face))
        first, second = [
            waiting.result() for waiting in [self._pool.submit(self._photo, *cast(Any, side)) for side in sides]
        ]
        pair = self._compared(first, second)
        return self._answer(pair, setting, self._recent.keep(pair, pair.size))

    def choose(self, key: object, side: object, number: object, strictness: object) -> Answer | None:
        """Compare another face of a pair that is remembered.

        Args:
            key: of the pair, as the page's view holds it.
            side: "first" or "second".
            number: of the face, 0 the largest.
            strictness: one of `settings`.

        Returns:
            None where the pair was forgotten or has no such face.

        Raises:
            UnknownSetting: there is no such strictness for this model.
            OSError: the pictures of the result cannot be written; what is remembered stays as it was.
        """
        setting, pair = self._setting(strictness), self._remembered(key)
        if pair is None or side not in ("first", "second"):
            return None
        chosen = pair.first if side == "first" else pair.second
        face = face_number(number)
        if face is None or face >= len(chosen.choices):
            return None
        chosen = replace(chosen, chosen=face)
        first, second = (chosen, pair.second) if side == "first" else (pair.first, chosen)
        pair = self._compared(first, second)
        answer = self._answer(pair, setting, str(key))
        self._recent.change(str(key), pair)  # last, since what is remembered must be what the page shows
        return answer

    def rejudge(self, key: object, strictness: object) -> Answer | None:
        """Judge a pair that is remembered by another setting; the arguments and what comes back are as in `choose`."""
        setting, pair = self._setting(strictness), self._remembered(key)
        return None if pair is None else self._answer(pair, setting, str(key))

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
        explanation = explain(self._recognizer, crops[0], crops[1])
        return heat.render(explanation, crops, aligned, self._uploads, pair.about(str(key)))

    def no_room(self) -> Answer:
        """What is answered where the disk is full, in the form of any comparison that could not be made."""
        nothing = dict.fromkeys(("verdict", "score", "probability", "threshold", "strangers", "left", "right"))
        details = {**nothing, "model": self._recognizer.model.name, "why_not": text.DISK_FULL}
        return details, result.problem(text.DISK_FULL)

    def _setting(self, strictness: object) -> Setting | None:
        name = BALANCED if strictness is None else strictness
        if isinstance(name, str) and name in self.settings:
            return self.settings[name]
        if name == BALANCED:
            return None  # without a calibration there is nothing to be strict about
        raise UnknownSetting(text_scale.unknown_strictness(self.settings))

    def _remembered(self, key: object) -> Pair | None:
        return self._recent.get(key) if isinstance(key, str) else None

    def _photo(self, side: text.Side, upload: Upload | None, number: object) -> Photo:
        photo = self._read(side, upload, face_number(number))
        return replace(photo, upload=upload_folder(upload))

    def _read(self, side: text.Side, upload: Upload | None, number: int | None) -> Photo:
        choices = prepare(self._recognizer, side, upload)
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

    def _compared(self, first: Photo, second: Photo) -> Pair:
        comparison = self._recognizer.judge(first.prepared, second.prepared)
        crops = [photo.prepared.crop for photo in (first, second) if photo.prepared.crop is not None]
        told = self._limits.hidden is not None and len(crops) == 2
        return Pair(first, second, comparison, tuple(self._recognizer.features(crops)) if told else None)

    def _answer(self, pair: Pair, setting: Setting | None, key: str) -> Answer:
        comparison: Comparison = judged(pair.comparison, setting)
        view = result.View(pair, comparison, setting, self.calibration, self._limits, key, self._uploads)
        return comparison.to_dict(), result.render(view)


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
