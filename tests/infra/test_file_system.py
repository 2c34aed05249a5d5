"""Stores on file systems that lack things: a library between program and system refuses them below one folder."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.requirements import require

FILL = """
import json, multiprocessing, sys
from infra.errors import WorldloomError
from infra.lock import hold_folder
from infra.store import open_store
from infra.tables import append_rows, read_records, rows_from
from tests.infra.test_tables import Reading, reading

def write(worker):
    store = open_store(sys.argv[1])
    for number in range(4):
        append_rows(store, "readings", rows_from([reading(10 * worker + number)]), transaction=f"{worker}-{number}")
        append_rows(store, "readings", rows_from([reading(100 + number)]), transaction=f"shared-{number}")
    return store.swap_named("winner", None, str(worker).encode()), store.put_bytes(b"x", "bin")

if __name__ == "__main__":
    try:
        with hold_folder(open_store(sys.argv[1]).home, "test"), multiprocessing.get_context("fork").Pool(3) as pool:
            won = [answer[0] for answer in pool.map(write, range(3), 1)]
        counts = [row.count for row in read_records(open_store(sys.argv[1]), "readings", Reading)]
        print(json.dumps({"won": sum(won), "counts": sorted(counts)}))
    except (WorldloomError, OSError) as error:
        print(json.dumps({"error": str(error)}))
"""
HOLD = """
import sys, time
from pathlib import Path
from infra.errors import BusyError
from infra.lock import hold_folder
try:
    with hold_folder(Path(sys.argv[1]), "make run"):
        print("held", flush=True)
        time.sleep(float(sys.argv[2]))
except BusyError as error:
    print(error, flush=True)
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands between program and system."""
    require(shutil.which("gcc") is not None, "program gcc")
    made = tmp_path_factory.mktemp("library") / "odd.so"
    source = Path(__file__).with_name("odd_file_system.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", made, source, "-ldl"], check=True)
    return made


def start(library: Path, root: Path, odd: str, script: str, *arguments: str) -> subprocess.Popen[str]:
    """Run a script below whose folder ``root`` those calls fail."""
    settings = os.environ | {"LD_PRELOAD": str(library), "ODD": odd, "ODD_ROOT": str(root), "OMP_NUM_THREADS": "1"}
    file = root.parent / "script.py"
    file.write_text(script)
    settings["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, str(file), str(root), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=settings)


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (f"link={errno.ENOSYS}", ["hard links (Function not implemented)"]),
        (f"link={errno.EPERM} rename={errno.EINVAL}", ["hard links (Operation not permitted)"]),
        (f"dirsync={errno.EINVAL}", ["sync of folders (Invalid argument)"]),
        (f"filesync={errno.ENOSYS} dirsync={errno.EACCES}", ["sync of files (Function", "sync of folders (Permission denied)"]),
        (f"lock={errno.ENOLCK} flock={errno.ENOLCK}", ["locks (No locks available)"]),
        (f"link={errno.EOPNOTSUPP} flock={errno.ENOSYS} lock={errno.ENOSYS}", ["hard links", "locks (Function"]),
    ],
    ids=["no links", "no links nor safe renames", "no sync of folders", "no sync", "no locks", "neither links nor locks"],
)
def test_what_is_lacking_is_told_and_writers_beside_each_other_lose_and_double_nothing(
    odd: str, told: list[str], library: Path, tmp_path: Path
) -> None:
    out, errors = start(library, tmp_path / "store", odd, FILL).communicate(timeout=120)
    answer = json.loads(out)
    assert answer["won"] == 1
    assert answer["counts"] == sorted([10 * w + n for w in range(3) for n in range(4)] + [100 + n for n in range(4)]), errors
    for lack in told:
        assert f"the file system has no {lack}" in errors


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (f"filesync={errno.EIO}", r"the disk or mount of .*store/tmp fails (Input/output error); mend it, then run again"),
        (f"dirsync={errno.ESTALE}", "fails (Stale file handle)"),
        (f"filesync={errno.EMFILE}", "store/tmp"),
        (f"filesync={errno.EROFS}", "is mounted read-only; mount it for writing"),
        (f"filesync={errno.EDQUOT}", "this user's quota is used up"),
        (f"lock={errno.EIO}", "fails (Input/output error)"),
    ],
)
def test_a_disk_that_fails_is_named_in_one_line(odd: str, told: str, library: Path, tmp_path: Path) -> None:
    out, errors = start(library, tmp_path / "store", odd, FILL).communicate(timeout=120)
    said = json.loads(out)["error"]
    for part in told.split(".*"):
        assert part in said, errors
    assert "\n" not in said


def test_without_locks_a_folder_is_held_all_the_same_and_let_go_by_who_was_killed(library: Path, tmp_path: Path) -> None:
    odd, folder = f"lock={errno.ENOLCK}", tmp_path / "run"
    first = start(library, folder, odd, HOLD, "60")
    assert first.stdout is not None
    try:
        assert first.stdout.readline() == "held\n"
        said = start(library, folder, odd, HOLD, "0").communicate(timeout=60)[0]
        assert f"is in use by process {first.pid} on" in said and "(make run, since" in said
        assert f"delete {folder / 'writer.lease'}" in said
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    assert start(library, folder, odd, HOLD, "0").communicate(timeout=60)[0] == "held\n"
    assert not (folder / "writer.lease").exists()


def test_of_several_that_take_over_from_one_killed_one_holds(library: Path, tmp_path: Path) -> None:
    odd, folder = f"lock={errno.ENOLCK}", tmp_path / "run"
    dead = start(library, folder, odd, HOLD, "60")
    assert dead.stdout is not None and dead.stdout.readline() == "held\n"
    dead.kill()
    dead.communicate()
    rivals = [start(library, folder, odd, HOLD, "3") for _ in range(3)]
    said = [rival.communicate(timeout=60)[0] for rival in rivals]
    assert said.count("held\n") == 1, said


def test_a_lease_of_another_machine_is_respected(tmp_path: Path) -> None:
    from infra.errors import BusyError
    from infra.lease import hold_lease

    lease = tmp_path / "writer.lease"
    held = {"host": "elsewhere", "pid": 1, "born": 0.0, "purpose": "make run", "since": "12:00:00"}
    lease.write_text(json.dumps(held))
    began = time.monotonic()
    with pytest.raises(BusyError, match="process 1 on elsewhere"), hold_lease(lease, "test", wait_seconds=0.2):
        pass
    assert time.monotonic() - began < 5
    assert json.loads(lease.read_text()) == held
