"""Distinct images to embeddings: reading and detection in worker threads, the network in batches beside them."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from facecore.faces.detector import Policy
from facecore.recognizer import FaceRecognizer
from facecore.results import Prepared


@dataclass(frozen=True)
class ImageEmbeddings:
    """Embeddings of images, in their order.

    Attributes:
        matrix: (N, D) float32, rows of length one; a row of NaN where there is no embedding.
        status: of each image, see `facecore.results.Prepared.status`.
    """

    matrix: np.ndarray
    status: tuple[str, ...]


def embed_images(
    recognizer: FaceRecognizer, paths: Sequence[Path], *, face: Policy, workers: int, batch_size: int
) -> ImageEmbeddings:
    """Embed each image once, with a progress bar on stderr.

    Only crops are kept while the network waits for a full batch, so memory does not grow with the number of images
    but for the embeddings themselves. The result does not depend on the number of workers.

    Args:
        recognizer: does the work.
        paths: files; one that cannot be used gets a status, and does not stop the run.
        face: which face of several.
        workers: threads that read photos and find faces.
        batch_size: crops in one pass through the network.
    """
    matrix = np.full((len(paths), recognizer.model.network.embedding_dim), np.nan, np.float32)
    status: list[str] = []
    rows: list[int] = []
    crops: list[np.ndarray] = []
    with tqdm(total=len(paths), desc="embedding", unit="image", disable=not paths) as bar:
        for row, prepared in enumerate(_prepared(recognizer, paths, face, workers, ahead=batch_size + workers)):
            status.append(prepared.status)
            if prepared.crop is not None:
                rows.append(row)
                crops.append(prepared.crop)
            if crops and (len(crops) == batch_size or row + 1 == len(paths)):
                matrix[rows] = recognizer.encode(crops, batch_size)
                rows, crops = [], []
            bar.update()
    if crops:  # the last image had no crop
        matrix[rows] = recognizer.encode(crops, batch_size)
    return ImageEmbeddings(matrix, tuple(status))


def _prepared(
    recognizer: FaceRecognizer, paths: Sequence[Path], face: Policy, workers: int, ahead: int
) -> Iterator[Prepared]:
    """What `prepare` gives for each path, in order; no more than `ahead` photos are worked on or waiting."""

    def prepare(path: Path) -> Prepared:
        prepared = recognizer.prepare(path, face=face, accept_crops=True)
        return Prepared(prepared.status, crop=prepared.crop)

    waiting: deque[Future[Prepared]] = deque()
    remaining = iter(paths)
    pool = ThreadPoolExecutor(workers)
    try:
        for path in remaining:
            waiting.append(pool.submit(prepare, path))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
