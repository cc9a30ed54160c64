"""Two photos as the page remembers them: their faces and their pictures on the page, but not the photos themselves."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo import picture
from demo.picture import Picture
from facecore.results import Comparison, Prepared

_REST = 4_000  # bytes of a face besides its crop: boxes, landmarks, measures


@dataclass(frozen=True)
class Photo:
    """One photo.

    Attributes:
        choices: what can be compared: each face, largest first; or one alone that says why there is none. Without the
            photo's pixels.
        chosen: number of the one that is compared.
        shown: the photo as a file for the page; None where it could not be read.
        upload: the folder that Gradio made for the upload, by which the page knows it; empty where there is none.
    """

    choices: tuple[Prepared, ...]
    chosen: int
    shown: Picture | None
    upload: str = ""

    @classmethod
    def of(cls, choices: tuple[Prepared, ...], chosen: int, folder: Path) -> "Photo":
        """Write the picture of a photo into `folder` and let go of its pixels.

        Args:
            choices: with the photo's pixels in the first.
            chosen: number of the one that is compared.
            folder: where to.
        """
        pixels = choices[0].photo
        shown = None if pixels is None else picture.save(pixels, folder)
        return cls(tuple(replace(prepared, photo=None) for prepared in choices), chosen, shown)

    @property
    def prepared(self) -> Prepared:
        """The one that is compared."""
        return self.choices[self.chosen]


@dataclass(frozen=True)
class Pair:
    """Two photos and what came out.

    Attributes:
        first: the first photo.
        second: the second photo.
        comparison: of their chosen faces, as the library judges it by itself.
        cut: names the way in which the faces were cut out: other models can take them if theirs is the same.
        features: of the same two, as `FaceRecognizer.features` gives them; None where they are not needed.
    """

    first: Photo
    second: Photo
    comparison: Comparison
    cut: str
    features: tuple[NDArray[np.float32], ...] | None = None

    @property
    def uploads(self) -> str:
        """Which uploads it is about: the two photos' `upload`, with a space between them."""
        return f"{self.first.upload} {self.second.upload}"

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, about."""
        choices = self.first.choices + self.second.choices
        return sum(_REST + (0 if choice.crop is None else choice.crop.nbytes) for choice in choices)

    @property
    def model(self) -> str:
        """The name of the model that compared it."""
        return self.comparison.model

    def about(self, key: str) -> str:
        """Names what is compared, so that the page can tell whether an explanation belongs to it.

        Args:
            key: under which the pair is remembered.
        """
        return f"{key}-{self.first.chosen}-{self.second.chosen}-{self.model}"
