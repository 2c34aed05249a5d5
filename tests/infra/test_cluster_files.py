"""The container file, the RayJob and the compose file name commands, options, packages and versions that exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from flows.machine import EGL_PACKAGES
from flows.profile import load_profile
from flows.verbs import VERBS, worldloom
from tests.tree import PACKAGES, ROOT

INFRA = ROOT / "infra"
CONTAINERFILE = (INFRA / "Containerfile").read_text()


def load(path: Path) -> list[Any]:
    return list(YAML(typ="safe").load_all(path))


RAYJOB = load(INFRA / "kuberay" / "rayjob.yaml")[1]
COMPOSE = load(INFRA / "postgres" / "compose.yaml")[0]
CLUSTER = RAYJOB["spec"]["rayClusterSpec"]
HEAD = CLUSTER["headGroupSpec"]["template"]["spec"]
[WORKERS] = CLUSTER["workerGroupSpecs"]
WORKER = WORKERS["template"]["spec"]


@pytest.mark.parametrize("line", [RAYJOB["spec"]["entrypoint"], COMPOSE["services"]["deploy"]["command"]])
def test_each_command_is_a_verb_with_options_that_it_takes(line: str) -> None:
    program, verb, *options = shlex.split(line)
    assert program == "worldloom"
    assert verb in VERBS
    command = worldloom.get_command(click.Context(worldloom), verb)
    assert command is not None
    given = command.make_context(verb, options).params
    assert load_profile(given["profile"], given["overrides"]).name == given["profile"]


def test_the_pool_uses_the_cluster_that_the_job_runs_in_and_fills_its_workers() -> None:
    overrides = re.findall(r"--set (\S+)", RAYJOB["spec"]["entrypoint"])
    pool = load_profile("tiny", overrides).pool
    assert pool.address == "auto"
    assert pool.actors == WORKERS["replicas"] * int(WORKERS["rayStartParams"]["num-cpus"])


def test_every_pod_has_the_pinned_ray_and_the_one_image() -> None:
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    assert CLUSTER["rayVersion"] == pins["ray"]
    images = {one["image"] for one in (*HEAD["containers"], *WORKER["containers"])}
    [built] = re.findall(r"-t (\S+) ", CONTAINERFILE)
    assert images == {built} == {COMPOSE["services"]["deploy"]["image"]}
    assert built.partition(":")[2] == re.findall(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[0]


def test_what_is_mounted_is_claimed_and_holds_the_home() -> None:
    claims = {
        one["metadata"]["name"] for one in load(INFRA / "kuberay" / "rayjob.yaml") if one["kind"] == "PersistentVolumeClaim"
    }
    volumes = {one["name"]: one["persistentVolumeClaim"]["claimName"] for one in HEAD["volumes"]}
    assert set(volumes.values()) == claims
    [mount] = HEAD["containers"][0]["volumeMounts"]
    assert mount["name"] in volumes
    assert f"--home {mount['mountPath']}/" in RAYJOB["spec"]["entrypoint"]
    assert f"WORKDIR {mount['mountPath']}\n" in CONTAINERFILE


def test_the_image_has_every_package_and_what_rendering_needs() -> None:
    for name in (*PACKAGES, "pyproject.toml", "constraints.txt"):
        assert re.search(rf"^COPY .*\b{re.escape(name)}\b", CONTAINERFILE, re.MULTILINE), name
    for name in re.findall(r"^COPY (.+) \S+$", CONTAINERFILE, re.MULTILINE):
        assert all((ROOT / part).exists() for part in name.split()), name
    assert all(package in CONTAINERFILE for package in EGL_PACKAGES)


def test_database_and_dashboard_are_reached_over_loopback_only() -> None:
    database, deploy = COMPOSE["services"]["postgres"], COMPOSE["services"]["deploy"]
    assert database["ports"] == ["127.0.0.1:5432:5432"]
    assert deploy["network_mode"] == "host"  # where `worldloom deploy` itself binds loopback
    url = deploy["environment"]["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    assert re.fullmatch(r"postgresql\+asyncpg://(\w+):\S+@127\.0\.0\.1:5432/(\w+)", url)
    assert url.startswith(f"postgresql+asyncpg://{database['environment']['POSTGRES_USER']}:")
    assert url.endswith(f"/{database['environment']['POSTGRES_DB']}")
    assert {entry.split(":")[0] for one in (database, deploy) for entry in one["volumes"]} == set(COMPOSE["volumes"])
