"""The endpoints "faces" and "embed", which have no part on the page."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from demo.api import text
from demo.comparer import AT_ONCE
from demo.models import Models, UnknownChoice
from demo.uploads import MAX_BYTES, RefusedUpload, face_number, upload_path
from facecore.errors import FacecoreError, ImageError
from facecore.faces.align import align
from facecore.faces.quality import measure
from facecore.image import load, photo_name
from facecore.recognizer import FaceRecognizer

Answer = dict[str, Any]

PAIR = 2
"""Faces in one pass through the network, as many as for a comparison: so that scores agree to the last bit."""


class RefusedError(Exception):
    """The photo cannot be used; the message says why, for people."""


def face_finder(recognizer: FaceRecognizer) -> Callable[[object], Answer]:
    """The function behind "faces": an upload -> every face with box, landmarks, confidence and quality."""

    def faces(photo: object) -> Answer:
        """Find all faces in one photo.

        Args:
            photo: The photo, as an uploaded file.
        """
        try:
            path = uploaded(photo)
            rgb = load(path)
        except RefusedError as error:
            return {"faces": [], "why_not": str(error)}
        except ImageError as error:
            return {"faces": [], "why_not": _unreadable(error, path)}
        found = recognizer.detector.detect(rgb)
        described = []
        for number, face in enumerate(found):
            quality = measure(rgb, face, align(rgb, face.landmarks, recognizer.input.size))
            described.append({"number": number, **face.to_dict(), "quality": quality.to_dict()})
        why_not = None if found else text.NO_FACE
        return {"faces": described, "width": rgb.shape[1], "height": rgb.shape[0], "why_not": why_not}

    return faces


def embedder(models: Models) -> Callable[..., Answer]:
    """The function behind "embed": an upload, the number of a face and a model -> an embedding of length one."""

    def embed(photo: object, face: object = 0, model: object = None) -> Answer:
        """Turn one face of a photo into an embedding.

        Args:
            photo: The photo, as an uploaded file.
            face: Number of the face, 0 for the largest.
            model: Name of the model.
        """
        answer: Answer = {"embedding": None, "model": None, "digest": None}
        try:
            recognizer = models.pick(model).recognizer
            answer |= {"model": recognizer.model.name, "digest": recognizer.model.digest}
            number = face_number(face)
            if number is None:
                raise RefusedError(text.NO_NUMBER)
            path = uploaded(photo)
        except (RefusedError, UnknownChoice) as error:
            return {**answer, "why_not": str(error)}
        prepared = recognizer.prepare(path, face=number)
        answer |= {"face": number, "faces_found": len(prepared.faces)}
        if prepared.crop is None or prepared.error is not None:
            return {**answer, "why_not": _why_not(prepared.error, prepared.status, number, len(prepared.faces), path)}
        row = recognizer.encode([prepared.crop], PAIR)[0]
        return {**answer, "embedding": [float(value) for value in row], "why_not": None}

    return embed


def uploaded(photo: object) -> str:
    """The path of an upload.

    Raises:
        RefusedError: there is no photo, it is no upload, it is too large, or it was deleted.
    """
    try:
        return upload_path(photo)
    except RefusedUpload as refused:
        words = {
            "missing": text.MISSING,
            "no file": text.NOT_A_FILE,
            "gone": text.GONE,
            "too large": text.too_large(refused.size, MAX_BYTES),
        }
        raise RefusedError(words[refused.reason]) from refused


def _unreadable(error: FacecoreError, path: str) -> str:
    return text.unreadable(str(error).removeprefix(f"{photo_name(path)}: "))


def _why_not(error: FacecoreError | None, status: str, number: int, found: int, path: str) -> str:
    if status != "no_face":
        return text.NO_FACE if error is None else _unreadable(error, path)
    return text.no_such_face(number, found) if found else text.NO_FACE


def endpoints(models: Models, model: gr.Radio) -> None:
    """Build what is needed for programs alone into the Blocks that are open; nothing of it is shown.

    Args:
        models: do the work. Faces are found alike by all.
        model: in which one of them is chosen.
    """
    photo = gr.Image(type="filepath", label=text.PHOTO, visible=False)
    face = gr.Number(0, label=text.FACE, precision=0, visible=False)
    found, embedded = (gr.JSON(label=text.RESULT, visible=False) for _ in range(2))
    # Limits and errors are ours, and no more photos are worked on at once than otherwise.
    shared: dict[str, Any] = {"preprocess": False, "concurrency_limit": AT_ONCE, "concurrency_id": "compare"}
    gr.Button(visible=False).click(
        face_finder(models.default.recognizer),
        inputs=photo,
        outputs=found,
        api_name="faces",
        api_description=text.FACES_DESCRIPTION,
        **shared,
    )
    gr.Button(visible=False).click(
        embedder(models),
        inputs=[photo, face, model],
        outputs=embedded,
        api_name="embed",
        api_description=text.EMBED_DESCRIPTION,
        **shared,
    )
