"""A Ray cluster for as long as it is needed: one that is there already, or one on this machine that leaves nothing.

Ray is an optional extra; nothing of it is imported before it is asked for.
"""

import logging
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import facecore
from facecore.errors import FacecoreError

STORE = 400_000_000
"""Bytes of shared memory for what travels between processes of a local cluster; more than that goes to the disk."""

WAIT = 10.0
"""Seconds in which the head of a cluster must answer."""


@contextmanager
def cluster(address: str | None, cores: int) -> Iterator[int]:
    """Be connected to a cluster; gives the number of its processor cores.

    A cluster that this process is connected to already is used as it is, and stays.

    Args:
        address: "auto" on a machine of the cluster, "HOST:PORT" of its head, or "ray://HOST:PORT"; None starts one on
            this machine, which listens on the loopback interface alone, and ends it with the block. Its files lie in a
            folder of their own that is deleted with it.
        cores: number of tasks and actors that a cluster on this machine may run at once.

    Raises:
        FacecoreError: Ray is not installed, or no cluster can be reached or started.
    """
    if address not in (None, "auto"):
        _call(address)
    require_ray(local=address is None)
    import ray

    if ray.is_initialized():
        yield _cores()
        return
    with tempfile.TemporaryDirectory(prefix="facecore-ray-", dir=_short_folder(), ignore_cleanup_errors=True) as room:
        try:
            _connect(address, cores, room)
            yield _cores()
        finally:
            ray.shutdown()


def require_ray(local: bool) -> None:
    """Import Ray with everything off that calls home or fills the screen.

    Args:
        local: whether it will be used for a cluster on this machine.

    Raises:
        FacecoreError: it is not installed.
    """
    # All of these are read when Ray is imported, and must not change after that.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # actors are told their device, see eval.engines.ray
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if local and "ray" not in sys.modules:
        # A cluster runs whatever it is sent: let it listen to this machine alone, and to those who know a secret.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # off, it means the loopback interface on every system
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray.data
    except ImportError as error:
        raise FacecoreError(f"--engine ray needs Ray ({error}): pip install 'ray[data]'") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False  # there is one of ours
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what fails is raised, and told once


def reason(error: BaseException) -> str:
    """What a worker raised, in whose message Ray adds advice below; or the end of what Ray says, below a traceback."""
    cause = getattr(error, "cause", None)
    lines = [line.strip() for line in str(cause or error).splitlines() if line.strip()]
    return lines[0 if cause else -1] if lines else type(error).__name__


def _call(address: str) -> None:
    """See whether anybody listens; Ray itself would try for minutes.

    Raises:
        FacecoreError: nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=WAIT).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> FacecoreError:
    advice = "give the address that `ray start --head` printed on its first machine"
    return FacecoreError(f"no Ray cluster at {address!r} ({_first_line(error)}): {advice}")


def _first_line(error: Exception) -> str:
    # Some of Ray's errors have pages of logs behind their first line, and some have none.
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _connect(address: str | None, cores: int, room: str) -> None:
    import ray

    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address is not None:
            ray.init(address, **quiet)
        else:
            ray.init(
                "local",  # and not whatever cluster happens to run here
                num_cpus=cores,
                object_store_memory=STORE,
                include_dashboard=False,
                # Workers find this package where this process found it, installed or not.
                runtime_env={"env_vars": {"PYTHONPATH": _python_path()}},
                _temp_dir=room,
                **quiet,
            )
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
        if address is not None:
            raise _unreachable(address, error) from error
        raise FacecoreError(f"a local Ray cluster could not be started ({_first_line(error)})") from error


def _cores() -> int:
    import ray

    resources: dict[str, float] = ray.cluster_resources()
    return int(resources.get("CPU", 0))


def _python_path() -> str:
    root = str(Path(facecore.__file__).resolve().parent.parent)
    return os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])


def _short_folder() -> str | None:
    # Names of sockets have at most 107 characters, and some temporary folders alone are half of that.
    return "/tmp" if os.path.isdir("/tmp") else None
