"""What a run of the loop leaves behind besides its report: stages in order, start images, a lineage, the gate's numbers."""

import json
import re
from pathlib import Path

import pytest

from flows.bundle import read_start_image
from flows.pipeline import STAGES, Loop
from flows.profile import Profile
from flows.releases import CANDIDATE, ReleaseRow, released_bundle
from infra.lineage import render_tree, trace
from infra.store import open_store
from infra.tables import read_records
from tests.flows.conftest import SmokeRun


def test_the_loop_may_begin_with_a_published_dataset(tmp_path: Path) -> None:
    loop = Loop(profile=Profile(), store=open_store(tmp_path), dataset="0" * 64)
    assert loop.names("distil") == ["train", "distil"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_stage_says_once_what_it_made(smoke_run: SmokeRun) -> None:
    said = re.findall(r"^(\w+) +[^\[ ].*\(\d[\d.]* s\)$", smoke_run.output, re.MULTILINE)  # no progress bars
    assert [word for word in said if word in STAGES] == list(STAGES)


@pytest.mark.slow
def test_it_is_never_silent_for_long(smoke_run: SmokeRun) -> None:
    assert smoke_run.silence < 15  # ten are promised; the machine may be busy


@pytest.mark.slow
def test_what_it_released_has_start_images_of_the_models_size(smoke_run: SmokeRun) -> None:
    digest, bundle = released_bundle(smoke_run.store)
    assert smoke_run.store.get_named(CANDIDATE) == digest.encode()
    assert len(bundle.start_images) == len(bundle.start_prompts) == 2
    for name in bundle.start_images:
        assert read_start_image(smoke_run.store, name).shape == (bundle.height, bundle.width, 3)


@pytest.mark.slow
def test_its_lineage_goes_back_to_what_was_recorded(smoke_run: SmokeRun) -> None:
    tree = render_tree(trace(smoke_run.store, released_bundle(smoke_run.store)[0]))
    for kind in ("bundle", "dataset", "checkpoint", "collect in"):
        assert kind in tree


@pytest.mark.slow
def test_the_gates_numbers_are_kept(smoke_run: SmokeRun) -> None:
    row = next(iter(read_records(smoke_run.store, "releases", ReleaseRow)))
    assert row.action == "released"
    assert all(check["passed"] for check in json.loads(row.checks))
