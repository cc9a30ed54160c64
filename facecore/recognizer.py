"""FaceRecognizer: from photos to embeddings, scores and verdicts. The one class that most users need.

recognizer = FaceRecognizer.from_pretrained()
comparison = recognizer.compare("a.jpg", "b.jpg")
print(comparison.verdict, comparison.score, comparison.probability)
"""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F

from facecore import checkpoint, image
from facecore.checkpoint import Model
from facecore.device import pick_device, pick_precision, usable_cores
from facecore.errors import FacecoreError, FaceError, ImageError, SeveralFacesError
from facecore.faces.align import align, opencv
from facecore.faces.centerface import CenterFace
from facecore.faces.detector import Detector, Face, Policy, choose
from facecore.image import Photo
from facecore.pretrained import DEFAULT_MODEL, find_model
from facecore.results import Comparison, Embeddings, Prepared, Status
from facecore.verification.calibration import Verdict

LARGEST_CROP = 160  # px; a photo no larger than this in which no face is found may be a face that was cut out already

Align = Literal["auto", "fast", "none"]


class FaceRecognizer:
    """A model, a detector, and the way from photos through both. Safe to use from several threads.

    Args:
        model: read by `facecore.checkpoint.load`.
        align: "auto" does what the model was trained for; "fast" looks at each face once instead of twice; "none"
            takes each photo as it is, scaled to the network's input.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "fp32", "bf16", "fp16" or "auto".
        detector: CenterFace by default.

    Raises:
        ValueError: an argument is not known, or the device is not there.
    """

    def __init__(
        self,
        model: Model,
        *,
        align: Align = "auto",
        device: str = "auto",
        precision: str = "fp32",
        detector: Detector | None = None,
    ) -> None:
        if align not in ("auto", "fast", "none"):
            raise ValueError(f"align {align!r} is not known: use auto, fast or none")
        self.model = model
        self.calibration = model.calibration
        self.input = model.config.input()
        self.detects = self.input.needs_alignment if align == "auto" else align == "fast"
        self.detector = detector or CenterFace(fast=align == "fast")
        self.device = pick_device(device)
        self.precision = pick_precision(precision, self.device)
        # Kept, since each of its threads holds a detection network of its own.
        self._pool = ThreadPoolExecutor(usable_cores(), "facecore")
        self.network = model.network.to(self.device).to(memory_format=torch.channels_last)

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] = DEFAULT_MODEL,
        *,
        align: Align = "auto",
        device: str = "auto",
        precision: str = "fp32",
    ) -> "FaceRecognizer":
        """A recognizer with the model called `name`.

        Args:
            name: a bundled model, a model directory, or "hf:org/repo" for one on the Hugging Face Hub. Only the last
                makes a request to another machine.
            align: see the class.
            device: see the class.
            precision: see the class.

        Raises:
            ModelError: there is no such model, or it cannot be used.
            ValueError: an argument is not known, or the device is not there.
        """
        return cls(checkpoint.load(find_model(name)), align=align, device=device, precision=precision)

    def faces(self, photo: Photo) -> list[Face]:
        """The faces in a photo, largest first.

        Raises:
            ImageError: the photo cannot be used.
        """
        return self.detector.detect(image.load(photo))

    def prepare(
        self, photo: Photo, *, face: Policy = "largest", aligned: bool = False, accept_crops: bool = False
    ) -> Prepared:
        """Read a photo, find its faces and cut out the one to compare. Does not raise for what is in the photo.

        Args:
            photo: see `facecore.image.load`.
            face: which one where there are several.
            aligned: the photo is a crop that was aligned already.
            accept_crops: whether a photo of at most 160 px a side in which no face is found is taken for a crop.
        """
        try:
            rgb = image.load(photo)
        except ImageError as error:
            return Prepared("unreadable", error=error)
        if aligned or not self.detects:
            return Prepared("ok", rgb, crop=self.input.fit(rgb))
        faces = tuple(self.detector.detect(rgb, policy=face))
        if not faces and accept_crops and max(rgb.shape[:2]) <= LARGEST_CROP:
            return Prepared("ok:whole", rgb, crop=self.input.fit(rgb))
        try:
            chosen = choose(faces, face, rgb.shape, name=image.photo_name(photo))
        except FaceError as error:
            status: Status = "several_faces" if isinstance(error, SeveralFacesError) else "no_face"
            return Prepared(status, rgb, faces, error=error)
        return Prepared("ok", rgb, faces, chosen, align(rgb, chosen.landmarks, self.input.size))

    def encode(self, crops: Sequence[np.ndarray], batch_size: int) -> np.ndarray:
        """Embeddings of crops: uint8 (size, size, 3) each -> (N, D) float32, rows of length one.

        Batches are filled up to `batch_size` with black crops, so that an embedding does not depend on how many
        others are computed with it.
        """
        rows = [
            self._encode_batch(list(crops[i : i + batch_size]), batch_size) for i in range(0, len(crops), batch_size)
        ]
        return np.concatenate(rows) if rows else np.empty((0, self.model.network.embedding_dim), np.float32)

    def _encode_batch(self, crops: list[np.ndarray], batch_size: int) -> np.ndarray:
        padded = crops + [np.zeros_like(crops[0])] * (batch_size - len(crops))
        batch = self.input.batch(padded).to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(self.device.type, self.precision, self.precision is not None):
            embedding = self.network.embed(batch)
        return F.normalize(embedding.float()).cpu().numpy()[: len(crops)]

    def embed(
        self, photos: Iterable[Photo], batch_size: int = 32, *, face: Policy = "largest", aligned: bool = False
    ) -> Embeddings:
        """Embeddings of photos, in their order; photos are read and searched for faces in parallel.

        Args:
            photos: see `facecore.image.load`.
            batch_size: photos in one pass through the network.
            face: which one where there are several.
            aligned: the photos are crops that were aligned already.
        """
        matrices, status, errors = [], list[str](), list[FacecoreError | None]()
        remaining = iter(photos)
        while chunk := list(islice(remaining, batch_size)):
            prepared = list(self._pool.map(lambda photo: self.prepare(photo, face=face, aligned=aligned), chunk))
            matrix = np.full((len(chunk), self.model.network.embedding_dim), np.nan, np.float32)
            crops = {row: item.crop for row, item in enumerate(prepared) if item.crop is not None}
            if crops:
                matrix[list(crops)] = self.encode(list(crops.values()), batch_size)
            matrices.append(matrix)
            status += [item.status for item in prepared]
            errors += [item.error for item in prepared]
        empty = np.empty((0, self.model.network.embedding_dim), np.float32)
        return Embeddings(np.concatenate([empty, *matrices]), tuple(status), tuple(errors))

    def compare(
        self,
        left: Photo,
        right: Photo,
        *,
        face: Policy | tuple[Policy, Policy] = "largest",
        aligned: bool = False,
        far: float | None = None,
        threshold: float | None = None,
        prior: float = 0.5,
    ) -> Comparison:
        """Compare two photos. A photo that cannot be used gives a comparison without a score, see `why_not`.

        Args:
            left: see `facecore.image.load`.
            right: the other photo.
            face: which one where there are several; two values choose for each photo.
            aligned: the photos are crops that were aligned already.
            far: judge by the threshold at this false accept rate alone; "uncertain" does not occur then.
            threshold: judge by this score alone; "uncertain" does not occur then.
            prior: probability that both are the same person before looking, in (0, 1); moves the probability only.

        Raises:
            ValueError: `far`, `threshold` or `prior` out of range, or `far` without a calibration.
        """
        policies = face if isinstance(face, tuple) else (face, face)
        sides = [
            self._pool.submit(self.prepare, photo, face=policy, aligned=aligned)
            for photo, policy in zip((left, right), policies, strict=True)
        ]
        first, second = (side.result() for side in sides)
        return self.judge(first, second, far=far, threshold=threshold, prior=prior)

    def judge(
        self,
        left: Prepared,
        right: Prepared,
        *,
        far: float | None = None,
        threshold: float | None = None,
        prior: float = 0.5,
    ) -> Comparison:
        """Compare two photos that were prepared; the arguments are those of `compare`."""
        limit = decision_threshold(self.model, far, threshold)
        if left.crop is None or right.crop is None:
            return Comparison(None, None, None, limit, None, left, right, self.model.name)
        a, b = self.encode([left.crop, right.crop], batch_size=2).astype(np.float64)
        score = float(np.clip(a @ b, -1, 1))
        if self.calibration is None:
            verdict: Verdict | None = None if limit is None else "same" if score >= limit else "different"
            return Comparison(score, None, verdict, limit, None, left, right, self.model.name)
        return Comparison(
            score=score,
            probability=self.calibration.probability(score, prior),
            verdict=self.calibration.verdict(score, far=far, threshold=threshold),
            threshold=limit,
            strangers=self.calibration.strangers(score),
            left=left,
            right=right,
            model=self.model.name,
        )


def one_thread_per_photo() -> None:
    """Keep OpenCV from spreading the search of one photo over all cores.

    For programs that search several photos at once, which is faster; the setting holds for the whole process, so it is
    theirs to make.
    """
    opencv().setNumThreads(1)


def decision_threshold(model: Model, far: float | None, threshold: float | None) -> float | None:
    """The score from which on a pair is called the same person.

    Returns:
        `threshold` if given, else the one at false accept rate `far`, else the shipped one; None where the model has
        no calibration and nothing was asked for.

    Raises:
        ValueError: both were given, one is out of range, or `far` was given and the model has no calibration.
    """
    if far is not None and threshold is not None:
        raise ValueError("far and threshold both set the score at which the verdict turns: give one of them")
    if threshold is not None:
        if not -1 <= threshold <= 1:
            raise ValueError(f"threshold {threshold} is not a cosine: give a number from -1 to 1")
        return threshold
    if model.calibration is None:
        if far is not None:
            raise ValueError(
                f"{model.directory} has no calibration.json, so no threshold is known for a false accept rate"
            )
        return None
    return model.calibration.threshold_for(far) if far is not None else model.calibration.threshold
