"""Faces as image files."""

import io
from typing import Any, Literal

from PIL import Image

from facecore.image import Pixels

Format = Literal["webp", "png", "jpg"]
FORMATS: tuple[Format, ...] = ("webp", "png", "jpg")


def encode(rgb: Pixels, format: Format, quality: int) -> bytes:
    """An image file of uint8 (H, W, 3).

    Args:
        rgb: the picture.
        format: JPEG is written with full colour resolution; PNG is lossless.
        quality: 1..100, of WebP and JPEG.
    """
    options: dict[Format, dict[str, Any]] = {
        "jpg": {"quality": quality, "subsampling": 0},
        "webp": {"quality": quality},
        "png": {},
    }
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG" if format == "jpg" else format, **options[format])
    return out.getvalue()
