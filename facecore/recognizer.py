"""FaceRecognizer: from photos to embeddings, scores and verdicts. The one class that most users need.

recognizer = FaceRecognizer.from_pretrained()
comparison = recognizer.compare("a.jpg", "b.jpg")
print(comparison.verdict, comparison.score, comparison.probability)
"""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from facecore import checkpoint
from facecore.backends import Backend, make_backend, unit
from facecore.checkpoint import Model
from facecore.device import usable_cores
from facecore.faces.detector import Detector, Face, Policy
from facecore.image import Photo
from facecore.onnx_file import OnnxInput
from facecore.preparer import Align, Preparer, one_thread_per_photo
from facecore.pretrained import DEFAULT_MODEL, find_model
from facecore.results import Comparison, Embeddings, Prepared
from facecore.verification.calibration import Verdict
from facecore.verification.templates import template

Weights = Literal["equal", "quality"]

__all__ = ["FaceRecognizer", "Preparer", "decision_threshold", "one_thread_per_photo"]


class FaceRecognizer:
    """A model, a detector, and the way from photos through both. Safe to use from several threads.

    Args:
        model: read by `facecore.checkpoint.load`, which is told there whether mirror images count. What runs is a copy
            of its network: changes to it have no effect.
        align: "auto" does what the model was trained for; "fast" looks at each face once instead of twice; "none"
            takes each photo as it is, scaled to the network's input.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "fp32", "bf16", "fp16" or "auto".
        backend: what runs the network: "auto", "torch", "compile", "onnx" or "openvino", see `facecore.backends`.
        detector: CenterFace by default.
        detector_backend: what runs CenterFace, see there.

    Attributes:
        model: as it was given.
        calibration: what its scores mean; None where the model has none.
        backend: runs the network. Its `version` belongs into the key of any cache of embeddings.
        preparer: reads photos and cuts out faces; can be sent to another process.

    Raises:
        ValueError: an argument is not known, or the device is not there.
        FacecoreError: the backend cannot be used here.
    """

    def __init__(
        self,
        model: Model,
        *,
        align: Align = "auto",
        device: str = "auto",
        precision: str = "fp32",
        backend: str = "auto",
        detector: Detector | None = None,
        detector_backend: str = "auto",
    ) -> None:
        self.model = model
        self.calibration = model.calibration
        self.preparer = Preparer(model.input, align=align, detector=detector, detector_backend=detector_backend)
        self.input = self.preparer.preset
        self.detects = self.preparer.detects
        self.detector = self.preparer.detector
        self.backend: Backend = make_backend(backend, model, device=device, precision=precision)
        # Kept, since each of its threads holds a detection network of its own.
        self._pool = ThreadPoolExecutor(usable_cores(), "facecore")

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] = DEFAULT_MODEL,
        *,
        align: Align = "auto",
        device: str = "auto",
        precision: str = "fp32",
        backend: str = "auto",
        detector_backend: str = "auto",
        onnx: OnnxInput | None = None,
        flip: bool = False,
    ) -> "FaceRecognizer":
        """A recognizer with the model called `name`.

        Args:
            name: a bundled model, a model directory, an ONNX file, or "hf:org/repo" for one on the Hugging Face Hub.
                Only the last makes a request to another machine.
            align: see the class.
            device: see the class.
            precision: see the class.
            backend: see the class.
            detector_backend: see the class.
            onnx: how the network in an ONNX file takes a picture; not needed for files that facecore.export wrote.
            flip: let the mirror image of each face count with it, see `facecore.backends.MirrorBackend`.

        Raises:
            ModelError: there is no such model, or it cannot be used.
            ValueError: an argument is not known, or the device is not there.
        """
        return cls(
            checkpoint.load(find_model(name), onnx, flip=flip),
            align=align,
            device=device,
            precision=precision,
            backend=backend,
            detector_backend=detector_backend,
        )

    @property
    def embedding_dim(self) -> int:
        """Width of an embedding."""
        return self.model.network.embedding_dim

    @property
    def feature_dim(self) -> int:
        """Width of what `features` gives."""
        return self.model.network.penultimate_dim

    def faces(self, photo: Photo) -> list[Face]:
        """The faces in a photo, largest first.

        Raises:
            ImageError: the photo cannot be used.
        """
        return self.preparer.faces(photo)

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
        return self.preparer.prepare(
            photo, face=face, aligned=aligned, accept_crops=accept_crops, chosen_only=chosen_only
        )

    def prepare_each(self, photo: Photo, most: int | None = None) -> tuple[Prepared, ...]:
        """Read a photo, search it once and cut out every face, to choose among them without a second search.

        Args:
            photo: see `facecore.image.load`.
            most: cut out no more than this many faces, the largest; None for all. At least 1.

        Returns:
            For each face, largest first, what `prepare(photo, face=number)` gives. Without a face, and where photos are
            taken whole, what `prepare(photo)` gives, alone.
        """
        return self.preparer.prepare_each(photo, most)

    def encode(self, crops: Sequence[np.ndarray], batch_size: int) -> NDArray[np.float32]:
        """Embeddings of crops: uint8 (size, size, 3) each -> (N, D) float32, rows of length one.

        Batches are filled up to `batch_size` with black crops, so that an embedding does not depend on how many
        others are computed with it.
        """
        rows = [
            self._encode_batch(list(crops[i : i + batch_size]), batch_size) for i in range(0, len(crops), batch_size)
        ]
        return np.concatenate(rows) if rows else np.empty((0, self.embedding_dim), np.float32)

    def features(self, crops: Sequence[np.ndarray]) -> NDArray[np.float32]:
        """What the network's last layer but one says of faces: it tells of the photo what the embedding leaves out.

        A pass of its own, on the processor and as the network is written, whatever the backend: backends give
        embeddings alone.

        Args:
            crops: uint8 (size, size, 3) each.

        Returns:
            (N, feature_dim) float32, rows of length one; see `EmbeddingNetwork.penultimate`.
        """
        with torch.inference_mode():
            found = self.model.network.penultimate(torch.from_numpy(self.input.array(list(crops))))
        return unit(found.float().numpy())

    def _encode_batch(self, crops: list[np.ndarray], batch_size: int) -> NDArray[np.float32]:
        padded = crops + [np.zeros_like(crops[0])] * (batch_size - len(crops))
        return unit(self.backend.embed(self.input.array(padded))[: len(crops)])

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
        matrices, prepared = [], list[Prepared]()
        remaining = iter(photos)
        prepare = partial(self.prepare, face=face, aligned=aligned, chosen_only=True)
        while chunk := list(islice(remaining, batch_size)):
            ready = list(self._pool.map(prepare, chunk))
            matrix = np.full((len(chunk), self.embedding_dim), np.nan, np.float32)
            crops = {row: item.crop for row, item in enumerate(ready) if item.crop is not None}
            if crops:
                matrix[list(crops)] = self.encode(list(crops.values()), batch_size)
            matrices.append(matrix)
            # Photos themselves would fill the memory.
            prepared += [Prepared(item.status, error=item.error, quality=item.quality) for item in ready]
        empty = np.empty((0, self.embedding_dim), np.float32)
        return Embeddings(
            np.concatenate([empty, *matrices]),
            tuple(item.status for item in prepared),
            tuple(item.error for item in prepared),
            np.array([item.quality.score if item.quality else np.nan for item in prepared], np.float32),
        )

    def template(
        self,
        photos: Iterable[Photo],
        weights: Weights = "equal",
        *,
        batch_size: int = 32,
        face: Policy = "largest",
        aligned: bool = False,
    ) -> NDArray[np.float32]:
        """One embedding for several photos of one person, which is surer than that of any of them.

        Photos that cannot be used are left out; `embed` says which they are.

        Args:
            photos: see `facecore.image.load`.
            weights: "equal", or "quality" to let photos count by `facecore.faces.quality`.
            batch_size: photos in one pass through the network.
            face: which one where there are several.
            aligned: the photos are crops that were aligned already.

        Returns:
            (D,) float32 of length one: the mean of the embeddings, brought to length one. The product with another
            template or embedding is the score.

        Raises:
            ValueError: `weights` is not known, or there is no photo.
            FacecoreError: none of the photos can be used; the error of the first.
        """
        if weights not in ("equal", "quality"):
            raise ValueError(f"weights {weights!r} are not known: use equal or quality")
        embeddings = self.embed(photos, batch_size, face=face, aligned=aligned)
        if not len(embeddings):
            raise ValueError("a template needs at least one photo")
        if all(embeddings.errors):
            raise next(error for error in embeddings.errors if error)
        return template(embeddings.matrix, embeddings.quality if weights == "quality" else None)

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
        first, second = self.encode([left.crop, right.crop], batch_size=2)
        score = float(np.clip(first.astype(np.float64) @ second.astype(np.float64), -1, 1))
        if self.calibration is None:
            verdict: Verdict | None = None if limit is None else "same" if score >= limit else "different"
            return Comparison(score, None, verdict, limit, None, left, right, self.model.name, (first, second))
        return Comparison(
            score=score,
            probability=self.calibration.probability(score, prior),
            verdict=self.calibration.verdict(score, far=far, threshold=threshold),
            threshold=limit,
            strangers=self.calibration.strangers(score),
            left=left,
            right=right,
            model=self.model.name,
            embeddings=(first, second),
        )


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
                f"{model.directory} has no calibration ({model.calibration_path.name}), so no threshold is known "
                "for a false accept rate"
            )
        return None
    return model.calibration.threshold_for(far) if far is not None else model.calibration.threshold
