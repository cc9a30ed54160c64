"""Photos as the page shows them: small files with a drawing of the faces on top."""

import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo import text
from facecore.faces.detector import Face

LONGEST_SIDE = 800
QUALITY = 85


@dataclass(frozen=True)
class Picture:
    """A photo that was written for the page.

    Attributes:
        path: of the file.
        width: of the file in pixels.
        height: of the file in pixels.
        scale: pixels of the file per pixel of the photo.
    """

    path: Path
    width: int
    height: int
    scale: float


def save(rgb: NDArray[np.uint8], folder: Path, name: str | None = None) -> Picture:
    """Write a photo as a JPEG.

    Args:
        rgb: uint8 (H, W, 3); shrunk to at most 800 px.
        folder: where to.
        name: without a suffix, such as nobody can guess; None for one of its own.

    Raises:
        OSError: it cannot be written; nothing is left of it, and a picture of that name stays as it was.
    """
    image = Image.fromarray(rgb)
    scale = min(1.0, LONGEST_SIDE / max(image.size))
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    path = folder / f"{name or uuid.uuid4().hex}.jpg"
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=QUALITY)
    # Pillow itself would not notice where a disk that fills up takes only a part of it. The page may still show the
    # picture that was there before, so that one gives way to a whole one alone.
    part = folder / f"{uuid.uuid4().hex}.part"
    try:
        part.write_bytes(encoded.getbuffer())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return Picture(path, image.width, image.height, scale)


def boxes(picture: Picture, faces: Sequence[Face], compared: Face | None) -> str:
    """An SVG drawing to lie over the picture: a box around each face, the compared one emphasised and drawn last."""
    others = [face for face in faces if face is not compared]
    drawn = [_box(face, picture.scale, "other") for face in others]
    if compared is not None:
        drawn.append(_box(compared, picture.scale, "compared"))
    return f'<svg viewBox="0 0 {picture.width} {picture.height}" aria-hidden="true">{"".join(drawn)}</svg>'


def buttons(picture: Picture, faces: Sequence[Face], chosen: int, side: text.Side) -> str:
    """A button on each face, by which that one is compared, in the order of their numbers.

    Args:
        picture: on which they lie, in an element of its shape.
        faces: largest first.
        chosen: number of the face that is compared.
        side: which photo it is.
    """
    html = ""
    for number, face in enumerate(faces):
        left, top, right, bottom = _within(face, picture)
        style = f"left:{left:.2f}%;top:{top:.2f}%;width:{right - left:.2f}%;height:{bottom - top:.2f}%"
        pressed = number == chosen
        label = escape(text.face_button(side, number, len(faces), pressed))
        html += (
            f'<button type="button" class="fc-face" style="{style}" data-side="{side}" data-face="{number}" '
            f'aria-pressed="{str(pressed).lower()}" aria-label="{label}" title="{label}"><span>{number + 1}</span>'
            "</button>"
        )
    return html


def _within(face: Face, picture: Picture) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the part of the box that lies in the picture, in percent."""
    sizes = (picture.width, picture.height, picture.width, picture.height)
    left, top, right, bottom = (
        min(max(100 * value * picture.scale / size, 0.0), 100.0) for value, size in zip(face.box, sizes, strict=True)
    )
    return left, top, right, bottom


def _box(face: Face, scale: float, kind: str) -> str:
    left, top, right, bottom = (value * scale for value in face.box)
    place = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" rx="4"'
    # Two strokes, dark under light, so that the box is seen on any photo.
    return f'<rect class="{escape(kind)} under" {place}/><rect class="{escape(kind)}" {place}/>'
