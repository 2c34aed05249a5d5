"""Cores and memory that a cgroup leaves: read from folders as Linux lays them out, versions 1 and 2, in containers and out."""

import os
from pathlib import Path

import pytest

from infra.allowance import affine_cores, cores, memory_bytes

V2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "33 31 0:30 {root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "36 31 0:33 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "39 31 0:36 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
)
LIMIT = 1 << 30


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def lay_out(root: Path, mounts: str, group: str, files: dict[str, str]) -> Path:
    """A machine's ``/proc`` and ``/sys`` with these files below ``/sys/fs/cgroup``."""
    written = {"proc/self/mountinfo": mounts, "proc/self/cgroup": group}
    for name, text in (written | {f"sys/fs/cgroup/{name}": text for name, text in files.items()}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_without_cgroups_all_that_the_machine_has(tmp_path: Path) -> None:
    assert cores(tmp_path) == affine_cores() == 8
    assert memory_bytes(tmp_path) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(("quota", "left"), [("250000 100000", 3), ("50000 100000", 1), ("max 100000", 8), ("1600000 100000", 8)])
def test_a_quota_of_time_is_so_many_cores_rounded_up(quota: str, left: int, tmp_path: Path) -> None:
    root = lay_out(tmp_path, V2, "0::/job\n", {"job/cpu.max": quota, "job/memory.max": "max"})
    assert cores(root) == left
    assert memory_bytes(root) > LIMIT


def test_what_holds_the_group_limits_it_too(tmp_path: Path) -> None:
    files = {"slice/cpu.max": "200000 100000", "slice/job/cpu.max": "max 100000", "slice/memory.max": str(LIMIT)}
    root = lay_out(tmp_path, V2, "0::/slice/job\n", files)
    assert (cores(root), memory_bytes(root)) == (2, LIMIT)


@pytest.mark.parametrize("seen", ["/", "/docker/4f1c"])
def test_version_one_is_read_inside_a_container_and_out(seen: str, tmp_path: Path) -> None:
    inner = "" if seen == "/docker/4f1c" else "docker/4f1c/"  # a container's mount begins at its own group
    files = {
        f"cpu,cpuacct/{inner}cpu.cfs_quota_us": "150000",
        f"cpu,cpuacct/{inner}cpu.cfs_period_us": "100000",
        f"memory/{inner}memory.limit_in_bytes": str(LIMIT),
        "memory/memory.limit_in_bytes.of_another": "1",
    }
    group = "5:memory:/docker/4f1c\n4:cpu,cpuacct:/docker/4f1c\n0::/docker/4f1c\n"
    root = lay_out(tmp_path, V1.format(root=seen), group, files)
    assert (cores(root), memory_bytes(root)) == (2, LIMIT)


def test_no_quota_of_version_one_is_no_limit(tmp_path: Path) -> None:
    files = {"cpu,cpuacct/cpu.cfs_quota_us": "-1", "cpu,cpuacct/cpu.cfs_period_us": "100000"}
    files["memory/memory.limit_in_bytes"] = "9223372036854771712"
    root = lay_out(tmp_path, V1.format(root="/"), "5:memory:/\n4:cpu,cpuacct:/\n", files)
    assert cores(root) == 8
    assert memory_bytes(root) == memory_bytes(tmp_path / "elsewhere")


@pytest.mark.parametrize(("parent", "name"), [("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us"), ("/sys/fs/cgroup", "cpu.max")])
def test_a_real_cgroup_is_heeded(parent: str, name: str) -> None:
    folder = Path(parent) / f"worldloom-test-{os.getpid()}"
    if not (folder.parent / "cgroup.procs").exists() or not os.access(folder.parent, os.W_OK):
        pytest.skip(f"this user may make no cgroup in {parent}")
    folder.mkdir()
    try:
        if not (folder / name).exists():
            pytest.skip(f"cgroups in {parent} do not limit cores")
        (folder / name).write_text("100000", encoding="utf-8")
        child = os.fork()
        if child == 0:
            (folder / "cgroup.procs").write_text(str(os.getpid()), encoding="utf-8")
            os._exit(cores())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    finally:
        folder.rmdir()
