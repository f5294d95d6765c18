"""What this machine, or the container that it is, lets its programs use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

RESERVE_SHARE = 0.1
MIN_RESERVE_BYTES = 256 << 20
MAX_RESERVE_BYTES = 1 << 30
"""What is kept for the Onion and the system: a tenth of the memory, within these bounds."""

V1_FOLDERS = {"memory": ("memory",), "cpu": ("cpu", "cpu,cpuacct")}


def step_memory_bytes(slots: int, root: Path = Path("/")) -> int:
    """Memory for each of `slots` steps at a time."""
    total_bytes = memory_bytes(root)
    reserve_bytes = min(MAX_RESERVE_BYTES, max(MIN_RESERVE_BYTES, int(RESERVE_SHARE * total_bytes)))
    return max(total_bytes - reserve_bytes, total_bytes // 4) // slots


def step_threads(slots: int, root: Path = Path("/")) -> int:
    """Threads for each of `slots` steps at a time."""
    return max(1, cores(root) // slots)


def memory_bytes(root: Path = Path("/")) -> int:
    """The machine's memory, or less where a control group allows less."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for text in _cgroup_values(root, "memory", v1="memory.limit_in_bytes", v2="memory.max"):
        limits += [int(text)] if text.isdigit() else []  # "max": no limit
    return min(limits)


def cores(root: Path = Path("/")) -> int:
    """The cores that this process may use, or fewer where a control group grants less time than theirs."""
    shares = [float(len(os.sched_getaffinity(0)))]
    for text in _cgroup_values(root, "cpu", v1="cpu.cfs_quota_us", v2="cpu.max"):
        quota, _, period = text.partition(" ")
        if quota.isdigit() and int(quota) > 0:
            shares.append(int(quota) / int(period))
    return max(1, int(min(shares)))


def _cgroup_values(root: Path, controller: str, v1: str, v2: str) -> Iterator[str]:
    """What the file of the setting holds in this process's group and in all groups above it (cgroups(7)).

    Inside a container the upper part of the path is often not there; its own limits then stand at the top.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        tops: tuple[str, ...]
        if number == "0":
            tops, name = ("", "unified"), v2
        elif controller in controllers.split(","):
            tops, name = V1_FOLDERS[controller], v1
        else:
            continue
        for top in (root / "sys/fs/cgroup" / folder for folder in tops):
            for group in (top / path.lstrip("/"), *(top / path.lstrip("/")).parents):
                if group.is_relative_to(top) and (text := _read(group / name)):
                    yield f"{text} {_read(group / 'cpu.cfs_period_us')}" if name == "cpu.cfs_quota_us" else text


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
