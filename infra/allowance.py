"""How many cores and how much memory this process may use: what the machine has, less what affinity and cgroups take away."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/")


def cores(root: Path = _ROOT) -> int:
    """That this process may keep busy: those of its affinity, or fewer where a cgroup's quota says so."""
    quotas = [quota for folder in _folders(root, "cpu") if (quota := _quota(folder)) is not None]
    return max(1, min([affine_cores(), *(math.ceil(quota) for quota in quotas)]))


def affine_cores() -> int:
    """That this process may run on; a quota may leave it less of their time."""
    return len(os.sched_getaffinity(0))


def memory_bytes(root: Path = _ROOT) -> int:
    """That this process and all beside it in its cgroup may take."""
    limits = [limit for folder in _folders(root, "memory") if (limit := _limit(folder)) is not None]
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *limits])


def _quota(folder: Path) -> float | None:
    """Cores of a cgroup, version 2 or 1; None where it sets no limit."""
    both = _read(folder / "cpu.max").split()
    if len(both) != 2:
        both = [_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")]
    return int(both[0]) / int(both[1]) if all(number.isdecimal() and int(number) for number in both) else None


def _limit(folder: Path) -> int | None:
    """Bytes of a cgroup, version 2 or 1; None where it sets no limit."""
    number = _read(folder / "memory.max") or _read(folder / "memory.limit_in_bytes")
    return int(number) if number.isdecimal() and int(number) else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's cgroup and of those that hold it, for version 2 and for a controller of version 1."""
    groups = {names: path for _, names, path in (line.split(":", 2) for line in _read(root / "proc/self/cgroup").splitlines())}
    for line in _read(root / "proc/self/mountinfo").splitlines():
        fields, _, system = line.partition(" - ")
        mounted, place = fields.split()[3:5]
        kind, _, options = system.split(" ", 2)
        if kind == "cgroup2":
            group = groups.get("", "/")
        elif kind == "cgroup" and controller in options.split(","):
            group = next((path for names, path in groups.items() if controller in names.split(",")), "/")
        else:
            continue
        top = root / place.lstrip("/")
        inner = Path(group.removeprefix(mounted.rstrip("/")).lstrip("/"))  # a container's mount may begin at its own group
        yield from dict.fromkeys(top / part for part in (inner, *inner.parents))
