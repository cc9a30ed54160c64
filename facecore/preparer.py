"""From a photo to the crop that the network sees: reading, finding the face, cutting it out.

No network is needed for that and PyTorch is not imported, which saves each worker process about 450 MB.
"""

from typing import Any, Literal

import numpy as np

from facecore import image
from facecore.errors import FaceError, ImageError, SeveralFacesError
from facecore.faces.align import align as cut_out
from facecore.faces.align import opencv
from facecore.faces.centerface import CenterFace
from facecore.faces.detector import Detector, Face, Policy, choose
from facecore.faces.quality import measure
from facecore.image import Photo
from facecore.results import Prepared, Status
from facecore.transforms import Preset

LARGEST_CROP = 160  # px; a photo no larger than this in which no face is found may be a face that was cut out already

Align = Literal["auto", "fast", "none"]
ALIGNS: tuple[Align, ...] = ("auto", "fast", "none")


class Preparer:
    """Prepares photos for one network's input. Safe to use from several threads, and can be pickled for processes.

    Args:
        preset: what the network takes.
        align: "auto" does what the model was trained for; "fast" looks at each face once instead of twice; "none"
            takes each photo as it is, scaled to the network's input.
        detector: CenterFace by default. One of your own must be picklable for this object to be.
        detector_backend: what runs CenterFace, one of `facecore.faces.network.BACKENDS`.

    Raises:
        ValueError: `align` or `detector_backend` is not known.
        FacecoreError: a package that `detector_backend` needs is missing.
    """

    def __init__(
        self,
        preset: Preset,
        *,
        align: Align = "auto",
        detector: Detector | None = None,
        detector_backend: str = "auto",
    ) -> None:
        if align not in ALIGNS:
            raise ValueError(f"align {align!r} is not known: use {', '.join(ALIGNS)}")
        self.preset = preset
        self.align = align
        self.detects = preset.needs_alignment if align == "auto" else align == "fast"
        self._recipe = preset, align, detector, detector_backend
        self.detector: Detector = detector or CenterFace(fast=align == "fast", backend=detector_backend)

    def __reduce__(self) -> tuple[Any, ...]:
        # CenterFace holds networks of OpenCV, which cannot be pickled: the other process makes one of its own.
        return _preparer, self._recipe

    @property
    def version(self) -> str:
        """Names everything that decides which crop a photo gives, for the key of a cache."""
        how = self.detector.version if self.detects else "whole"
        return f"{how}-{self.preset.name}-{self.preset.size}"

    def faces(self, photo: Photo) -> list[Face]:
        """The faces in a photo, largest first.

        Raises:
            ImageError: the photo cannot be used.
        """
        return self.detector.detect(image.load(photo))

    def prepare(
        self,
        photo: Photo,
        *,
        face: Policy = "largest",
        aligned: bool = False,
        accept_crops: bool = False,
        chosen_only: bool = False,
    ) -> Prepared:
        """Read a photo, find its faces and cut out the one to compare. Does not raise for what is in the photo.

        Args:
            photo: see `facecore.image.load`.
            face: which one where there are several.
            aligned: the photo is a crop that was aligned already.
            accept_crops: whether a photo of at most 160 px a side in which no face is found is taken for a crop.
            chosen_only: no other face matters: those may be missing from the answer, which comes sooner. The crop is
                the same.
        """
        try:
            rgb = image.load(photo)
        except ImageError as error:
            return Prepared("unreadable", error=error)
        if aligned or not self.detects:
            return self._whole("ok", rgb)
        faces = tuple(self.detector.detect(rgb, policy=face, chosen_only=chosen_only))
        if not faces and accept_crops and max(rgb.shape[:2]) <= LARGEST_CROP:
            return self._whole("ok:whole", rgb)
        return self._chosen(photo, rgb, faces, face)

    def prepare_each(self, photo: Photo, most: int | None = None) -> tuple[Prepared, ...]:
        """Read a photo, search it once and cut out every face. Does not raise for what is in the photo.

        Args:
            photo: see `facecore.image.load`.
            most: cut out no more than this many faces, the largest; None for all. At least 1.

        Returns:
            For each face, largest first, what `prepare(photo, face=number)` gives; `Prepared.faces` names those beyond
            `most` too. Without a face, and where photos are taken whole, what `prepare(photo)` gives, alone.
        """
        try:
            rgb = image.load(photo)
        except ImageError as error:
            return (Prepared("unreadable", error=error),)
        if not self.detects:
            return (self._whole("ok", rgb),)
        faces = tuple(self.detector.detect(rgb))
        return tuple(self._chosen(photo, rgb, faces, number) for number in range(max(1, len(faces[:most]))))

    def _chosen(self, photo: Photo, rgb: np.ndarray, faces: tuple[Face, ...], policy: Policy) -> Prepared:
        try:
            chosen = choose(faces, policy, rgb.shape, name=image.photo_name(photo))
        except FaceError as error:
            status: Status = "several_faces" if isinstance(error, SeveralFacesError) else "no_face"
            return Prepared(status, rgb, faces, error=error)
        crop = cut_out(rgb, chosen.landmarks, self.preset.size)
        return Prepared("ok", rgb, faces, chosen, crop, quality=measure(rgb, chosen, crop))

    def _whole(self, status: Status, rgb: np.ndarray) -> Prepared:
        crop = self.preset.fit(rgb)
        return Prepared(status, rgb, crop=crop, quality=measure(None, None, crop))


def _preparer(preset: Preset, align: Align, detector: Detector | None, detector_backend: str) -> Preparer:
    return Preparer(preset, align=align, detector=detector, detector_backend=detector_backend)


def one_thread_per_photo() -> None:
    """Keep OpenCV from spreading the search of one photo over all cores.

    For programs that search several photos at once, which is faster; the setting holds for the whole process, so it is
    theirs to make.
    """
    opencv().setNumThreads(1)
