"""How much memory is free, in the machine, in the container, or on the GPU."""

from pathlib import Path

import psutil
import torch


def free_bytes(device: torch.device) -> int:
    """Memory that can still be taken: of the GPU, or of the machine and of the containers that this process is in."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    available = int(psutil.virtual_memory().available)
    if device.type == "mps":  # shares the machine's memory
        return min(available, torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    return min([available, *_container_bytes(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))])


def fits_in_memory(size: int, device: torch.device) -> bool:
    """Whether so many bytes are at most a quarter of the free memory, so that plenty is left for the rest."""
    return size * 4 <= free_bytes(device)


def _container_bytes(memberships: Path, mount: Path) -> list[int]:
    """What each control group around this process (as of a container) still allows, where it has a limit.

    Both versions of Linux's interface: docs.kernel.org, admin-guide/cgroup-v2.rst, "Memory Interface Files", and
    admin-guide/cgroup-v1/memory.rst. Pages of files that nobody used lately count as free.
    """
    try:
        lines = memberships.read_text().splitlines()
    except OSError:  # not Linux
        return []
    allowed = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            root, limit, used, idle = mount, "memory.max", "memory.current", "inactive_file"
        elif controllers == "memory":
            root, limit, used = mount / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            idle = "total_inactive_file"
        else:
            continue
        folder = root / group.lstrip("/")
        # A container may see the name that its group has outside and none of the folders of that name.
        for place in (folder, *folder.parents):
            if place.is_relative_to(root):
                allowed += _group_bytes(place, limit, used, idle)
    return allowed


def _group_bytes(folder: Path, limit: str, used: str, idle: str) -> list[int]:
    try:
        most, taken = (folder / limit).read_text().strip(), int((folder / used).read_text())
        figures = dict(line.split(maxsplit=1) for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:  # no such group, or no limits on memory in it
        return []
    if most == "max":
        return []
    return [max(0, int(most) - taken + int(figures.get(idle, 0)))]
