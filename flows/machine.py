"""What this machine has and lacks, and how set-up mends it."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.embedded.render import egl_available
from infra import allowance
from infra.surroundings import settled_environment

EGL_PACKAGES: Final = ("libegl1", "libegl-mesa0", "libgl1-mesa-dri", "libgles2")
LEAST_FREE_GIGABYTES: Final = 5.0
LEAST_GIGABYTES: Final = 3.0  # of memory


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    works: bool
    found: str
    needed: bool = False  # the loop cannot run without
    fix: str = ""


def install_egl(say: Callable[[str], None]) -> bool:
    """Install EGL if it does not work, this is Debian or Ubuntu and we are root; otherwise say the one line to run.

    Without EGL the loop records with a software renderer, so nothing here is an error. Returns whether EGL works.
    """
    if egl_available():
        say("EGL works")
        return True
    packages = " ".join(EGL_PACKAGES)
    fallback = "until then the loop records with the software renderer (no depth)"
    if shutil.which("apt-get") is None:
        say(f"EGL does not work; install your system's EGL and Mesa packages ({packages} on Debian); {fallback}")
        return False
    if os.geteuid() != 0:
        say(f"EGL does not work; run as root: apt-get install -y {packages}; {fallback}")
        return False
    say(f"EGL does not work; installing {packages} with apt-get, since this is root on Debian or Ubuntu")
    environment = settled_environment() | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *EGL_PACKAGES]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            say(f"{' '.join(command)} failed: {reason}; {fallback}")
            return False
    works = egl_available()
    say("EGL works" if works else f"EGL still does not work; {fallback}")
    return works


def diagnose(home: Path) -> list[Finding]:
    """Look at everything that the loop uses; heavy packages are only looked for, not imported."""
    return [
        Finding(
            name="Python 3.11",
            works=sys.version_info[:2] == (3, 11),
            found=sys.version.split()[0],
            needed=True,
            fix="" if sys.version_info[:2] == (3, 11) else "make setup with Python 3.11",
        ),
        *(_package(name, "make setup", needed=True) for name in ("torch", "av", "deltalake", "duckdb", "prefect", "ray")),
        _package("flash_attn", "pip install 'worldloom[cuda]' on a CUDA machine"),
        _package("mss", "pip install 'worldloom[games]', to record games"),
        _cuda(),
        _egl(),
        _program("minetest", "apt-get install minetest minetest-server xvfb, to record Minetest", "/usr/games"),
        _program("Xvfb", "apt-get install xvfb, the screen that Minetest is recorded from"),
        _program("xdotool", "apt-get install xdotool, to play games that one owns (infra/plugins/README.md)"),
        _program("chromium", "apt-get install chromium, for the browser tests"),
        _disk(home),
        _share(),
    ]


def _package(name: str, fix: str, *, needed: bool = False) -> Finding:
    works = importlib.util.find_spec(name) is not None
    return Finding(name=name, works=works, found="installed" if works else "absent", needed=needed, fix="" if works else fix)


def _program(name: str, fix: str, folder: str = "") -> Finding:
    path = shutil.which(name) or (shutil.which(name, path=folder) if folder else None)
    return Finding(name=name, works=path is not None, found=path or "absent", fix="" if path else fix)


def _cuda() -> Finding:
    import torch  # seconds, so only when asked

    from modeling.device import describe_processor

    works = torch.cuda.is_available()
    found = torch.cuda.get_device_name() if works else f"none; {torch.get_num_threads()} CPU threads, {describe_processor()}"
    return Finding(name="GPU", works=works, found=found)


def _egl() -> Finding:
    works = egl_available()
    found = "draws" if works else "does not draw; recording falls back to software, without depth"
    return Finding(name="EGL", works=works, found=found, fix="" if works else f"apt-get install -y {' '.join(EGL_PACKAGES)}")


def _share() -> Finding:
    cores, memory = allowance.cores(), allowance.memory_bytes() / 2**30
    works = memory >= LEAST_GIGABYTES
    whole = f"of {os.cpu_count()} cores" + (", by a cgroup's quota" if cores < allowance.affine_cores() else "")
    fix = "" if works else f"allow more; the loop needs {LEAST_GIGABYTES:g} GB"
    return Finding(name="this process may use", works=works, found=f"{cores} {whole}; {memory:.1f} GB of memory", fix=fix)


def _disk(home: Path) -> Finding:
    folder = next(path for path in (home.absolute(), *home.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free / 1e9
    works = free >= LEAST_FREE_GIGABYTES
    fix = "" if works else f"free some; the loop needs {LEAST_FREE_GIGABYTES:g} GB"
    return Finding(name="disk", works=works, found=f"{free:.1f} GB free at {folder}", needed=True, fix=fix)
