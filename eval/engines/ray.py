"""Photos to embeddings on a Ray cluster: the same stages as on one machine, as a pipeline of Ray Data.

Actors that read photos and find faces give crops to actors that run the network, and batches come back here as they are
done, so that the cache of the run keeps them. A worker or machine that dies is replaced and its photos are done again;
a photo that crashes or hangs whatever reads it is given up alone.

The machines of a cluster must have this package installed, and the photos under the same paths as here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import pyarrow as pa

from eval.engines.base import Embedded, Photo, Work
from eval.engines.ray_cluster import cluster, reason
from eval.engines.ray_encode import Encode, identity
from eval.engines.ray_stages import Prepare, PrepareOne, embedded, photo_table
from eval.engines.worker import prepare
from facecore.device import pick_device, usable_cores
from facecore.errors import FacecoreError
from facecore.pretrained import find_model
from facecore.recognizer import FaceRecognizer

PATIENCE = 600.0
"""Seconds without any progress after which a run ends, beyond those that a block of photos that all hang may take."""

BLOCK = 64
"""Photos that are worked on, and lost and done again, together; fewer where there are few."""

WINDOW = 1_000_000
"""Photos that are handed to Ray at once; the actors start again for the next."""

READERS_PER_NETWORK = 4
"""Actors that read photos for each that runs the network: a photo costs about 4 times as much in the first."""


@dataclass(frozen=True)
class RayEngine:
    """A Ray cluster.

    Attributes:
        recognizer: what the actors' recognizers must equal; itself it stays here.
        address: see `eval.engines.ray_cluster.cluster`.
        workers: actors that read photos and find faces; None: as many as a cluster at an address has room for, one for
            each core of this machine without one.
        timeout: seconds after which a photo is given up.
        prepare: what is done to each photo, in a module that the workers can import.
    """

    recognizer: FaceRecognizer
    address: str | None = None
    workers: int | None = None
    timeout: float = 120.0
    prepare: PrepareOne = prepare
    name = "ray"

    def run(self, work: Work, photos: Sequence[Photo]) -> Iterator[Embedded]:
        """See `Engine.run`.

        Raises:
            FacecoreError: no cluster, a cluster without room, another version on it, or one that lost too many workers.
            ValueError: `workers` is 0.
        """
        if self.workers == 0:
            raise ValueError("--workers 0 does not go with --engine ray: give 1 or more")
        wanted = self.workers or usable_cores()
        with cluster(self.address, wanted + _networks(wanted)) as cores:
            readers, networks = self._shares(cores)
            for begin in range(0, len(photos), WINDOW):
                blocks = _blocks(photos, begin, min(begin + WINDOW, len(photos)), readers)
                yield from self._pipeline(_anywhere(work), blocks, min(readers, len(blocks)), networks)

    def _shares(self, cores: int) -> tuple[int, int]:
        """How many actors read photos, and how many run the network."""
        if self.workers is None:
            networks = max(1, cores // (READERS_PER_NETWORK + 1))
            readers = cores - networks
        else:
            readers, networks = self.workers, _networks(self.workers)
        if readers < 1 or readers + networks > cores:
            least = max(readers, 1) + networks
            raise FacecoreError(f"the Ray cluster has {cores} processor cores and {least} are needed: lower --workers")
        return readers, networks

    def _pipeline(
        self, work: Work, blocks: list[pa.Table | pd.DataFrame], readers: int, networks: int
    ) -> Iterator[Embedded]:
        import ray.data
        from ray.data.exceptions import ExecutionTimeoutError
        from ray.exceptions import RayError

        # Ray Data starts actors that die again and again, which no photo can make them do.
        context = ray.data.DataContext.get_current()
        context.execution_no_progress_timeout_s = PATIENCE + BLOCK * self.timeout
        context.raise_original_map_exception = True
        gpus = 1 if pick_device(work.spec.device).type == "cuda" else 0
        try:
            done = (
                ray.data.from_blocks(blocks)
                .map_batches(
                    Prepare,
                    fn_constructor_args=(work, self.prepare, self.timeout),
                    batch_size=None,  # a block as it is
                    batch_format="pyarrow",
                    compute=ray.data.ActorPoolStrategy(size=readers),
                    num_cpus=1,
                )
                .map_batches(
                    Encode,
                    fn_constructor_args=(work, identity(self.recognizer)),
                    batch_size=work.batch_size,
                    batch_format="pyarrow",
                    compute=ray.data.ActorPoolStrategy(size=networks),
                    num_cpus=1,
                    num_gpus=gpus,
                )
            )
            for table in done.iter_batches(batch_size=None, batch_format="pyarrow"):
                assert isinstance(table, pa.Table)
                yield embedded(table, self.recognizer.embedding_dim)
        except (RayError, ExecutionTimeoutError) as error:
            raise FacecoreError(f"Ray stopped: {reason(error)}") from error


def _networks(readers: int) -> int:
    return -(-readers // READERS_PER_NETWORK)


def _blocks(photos: Sequence[Photo], begin: int, end: int, readers: int) -> list[pa.Table | pd.DataFrame]:
    """The photos from `begin` to `end` in blocks, small enough that all actors have several."""
    size = min(BLOCK, max(1, (end - begin) // (4 * readers)))
    return [photo_table(at, photos[at : min(at + size, end)]) for at in range(begin, end, size)]


def _anywhere(work: Work) -> Work:
    """The same work for processes in other folders, and without "auto" being a GPU on some machines only."""
    spec = work.spec
    if pick_device(spec.device).type == "cpu":
        spec = replace(spec, device="cpu")
    if not spec.model.startswith("hf:") and not (found := find_model(spec.model)).is_absolute():
        spec = replace(spec, model=str(found.absolute()))
    return replace(work, spec=spec)
