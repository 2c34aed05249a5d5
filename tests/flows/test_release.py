"""The gate lets a candidate through only on its numbers, and one step back is always possible."""

from pathlib import Path

import pytest
from deltalake import write_deltalake

from flows.release import GateRefusedError, ReleaseConfig, Threshold, judge, release, require_released
from flows.releases import (
    CURRENT,
    NoReleaseError,
    NotPassedError,
    ReleaseRow,
    describe_standing,
    point_at,
    promote,
    read_current,
    read_decisions,
    record_decision,
    released_bundle,
    rollback,
)
from flows.running import say_released
from flows.verbs import run_command
from flows.workplace import Place
from inference.evaluate.sanity import Sanity
from infra.datasets import load_bundle, put_bundle
from infra.digest import canonical_json
from infra.schema import Bundle, Checkpoint
from infra.stage import StageResult
from infra.store import MissingObjectError, Store, open_store
from infra.tables import append_rows, read_records, rows_from

SANE = Sanity(frames=16, expected_frames=16, finite=True)
RESPONSE = Threshold(score="candidate.action_response@4", least=0.65)
MARGIN = Threshold(score="candidate.action_response@4", minus="random.action_response@4", least=0.1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def keep_bundle(store: Store, name: str) -> str:
    """A bundle whose weights are in the store."""
    weights = store.put_bytes(name.encode(), ".safetensors")
    digest = weights.split(".")[0]
    row = Checkpoint(
        digest=digest,
        kind="student",
        weights_object=weights,
        config="{}",
        parents=(),
        origin="trained",
        steps=1,
        seconds=0.0,
        stopped_early=False,
        metrics="{}",
        code_commit="test",
    )
    append_rows(store, "checkpoints", rows_from([row]))
    bundle = Bundle(
        name=name,
        autoencoder=digest,
        denoiser=digest,
        denoiser_int8="",
        dataset="0" * 64,
        profile="smoke",
        width=112,
        height=64,
        fps=16.0,
        parents=(),
        start_images=(),
        start_prompts=(),
    )
    return put_bundle(store, bundle)


def test_a_sane_candidate_passes_a_gate_without_thresholds() -> None:
    assert all(check.passed for check in judge(SANE, {}, ()))


@pytest.mark.parametrize(
    "sanity",
    [Sanity(frames=16, expected_frames=16, finite=False), Sanity(frames=15, expected_frames=16, finite=True)],
)
def test_what_is_not_finite_or_of_another_length_fails(sanity: Sanity) -> None:
    assert not all(check.passed for check in judge(sanity, {}, ()))


@pytest.mark.parametrize(
    ("candidate", "random", "passes"),
    [(0.9, 0.5, (True, True)), (0.9, 0.85, (True, False)), (0.5, 0.1, (False, True)), (float("nan"), 0.5, (False, False))],
)
def test_thresholds_hold_for_the_score_and_for_its_lead_over_a_control(
    candidate: float, random: float, passes: tuple[bool, bool]
) -> None:
    headline = {"candidate.action_response@4": candidate, "random.action_response@4": random}
    checks = judge(SANE, headline, (RESPONSE, MARGIN))[2:]
    assert tuple(check.passed for check in checks) == passes


def test_a_number_that_was_not_measured_fails() -> None:
    check = judge(SANE, {}, (RESPONSE,))[-1]
    assert not check.passed
    assert "not measured" in check.sentence()


def test_a_refusal_names_the_number_and_exits_with_three() -> None:
    checks = judge(SANE, {"candidate.action_response@4": 0.52}, (RESPONSE,))
    outputs = {"checks": [vars(check) for check in checks], "released": False}
    result = StageResult(stage="release", key="k", outputs=outputs, seconds=0.0, reused=False, stopped_early=False)
    with pytest.raises(GateRefusedError, match=r"action_response@4 = 0\.52, needs at least 0\.65") as caught:
        require_released(result)
    assert caught.value.status == 3


def test_nothing_is_released_in_an_empty_store(store: Store) -> None:
    assert read_current(store) is None
    with pytest.raises(NoReleaseError, match="worldloom run"):
        released_bundle(store)


def test_rollback_returns_to_the_bundle_before_and_says_so_in_the_table(store: Store) -> None:
    first, second, third = (keep_bundle(store, name) for name in ("one", "two", "three"))
    for digest in (first, second, third):
        point_at(store, digest)
    assert rollback(store) == (third, second)
    assert released_bundle(store)[1].name == "two"
    assert rollback(store) == (second, first)
    with pytest.raises(NoReleaseError, match="no earlier bundle"):
        rollback(store)
    rows = sorted(read_records(store, "releases", ReleaseRow), key=lambda row: row.number)
    assert [(row.number, row.action, row.bundle) for row in rows] == [(1, "rolled back", second), (2, "rolled back", first)]


def test_what_passed_once_can_be_promoted_after_a_rollback(store: Store) -> None:
    first, second = (keep_bundle(store, name) for name in ("one", "two"))
    for digest in (first, second):
        record_decision(store, "released", digest, "")
        point_at(store, digest)
    rollback(store)
    assert f"{first[:12]} plays since the rollback of 20" in describe_standing(store)
    assert promote(store, second[:8]) == (first, second)
    assert f"{second[:12]} plays since the promotion of 20" in describe_standing(store)
    assert promote(store, second) == (second, second)  # it plays already: nothing was decided
    assert [row.action for row in read_decisions(store)] == ["promoted", "rolled back", "released", "released"]
    assert rollback(store) == (second, first)


def test_a_run_says_released_only_of_what_plays(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = Place(name="smoke", home=tmp_path, store=store)
    first, second = (keep_bundle(store, name) for name in ("one", "two"))
    for digest in (first, second):
        record_decision(store, "released", digest, "")
        point_at(store, digest)
    rollback(store)
    say_released(place, second)  # its stages were found finished
    passed, back, _ = capsys.readouterr().out.splitlines()
    assert f"{second[:12]} passed the gate earlier; {first[:12]} plays since the rollback of 20" in passed
    assert run_command(back.removeprefix("bring back worldloom ").split()) == 0
    capsys.readouterr()
    say_released(place, second)
    assert capsys.readouterr().out.startswith(f"released   {second[:12]}\n")


def test_what_never_passed_is_not_promoted_and_the_number_is_named(store: Store) -> None:
    played, refused = (keep_bundle(store, name) for name in ("one", "two"))
    record_decision(store, "released", played, "")
    point_at(store, played)
    checks = canonical_json([vars(check) for check in judge(SANE, {RESPONSE.score: 0.52}, (RESPONSE,))]).decode()
    record_decision(store, "refused", refused, played, checks=checks)
    with pytest.raises(NotPassedError, match=r"never passed.*action_response@4 = 0\.52, needs at least 0\.65") as caught:
        promote(store, refused)
    assert caught.value.status == 3 and released_bundle(store)[0] == played
    for name in ("0" * 12, played[:3]):
        with pytest.raises(MissingObjectError, match="worldloom releases"):
            promote(store, name)


def test_a_bundle_that_is_judged_twice_is_two_decisions_each_with_its_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.release._sanity", lambda *_: SANE)
    bundle = load_bundle(store, keep_bundle(store, "one"))
    evaluated = StageResult(stage="evaluate", key="e", outputs={"headline": {}}, seconds=0, reused=False, stopped_early=False)
    for fresh in (False, False, True):
        release(bundle, evaluated, ReleaseConfig(), store, fresh=fresh)
    newer, older = read_decisions(store)
    assert (newer.number, older.number) == (2, 1) and newer.decided > older.decided > 0


def test_decisions_of_earlier_versions_have_no_time_and_are_read_all_the_same(store: Store) -> None:
    digest = keep_bundle(store, "one")
    old = ReleaseRow(number=1, action="released", bundle=digest, previous="", evaluation="e", checks="[]")
    write_deltalake(store.table_uri("releases"), rows_from([old]).drop_columns(["decided"]))
    point_at(store, digest)
    assert read_decisions(store) == [old] and describe_standing(store) == f"{digest[:12]} plays since its release"
    record_decision(store, "promoted", digest, "")
    assert [row.decided > 0 for row in read_decisions(store)] == [True, False]


def test_releasing_what_is_released_already_changes_nothing(store: Store) -> None:
    digest = keep_bundle(store, "one")
    point_at(store, digest)
    before = store.get_named(CURRENT)
    point_at(store, digest)
    assert store.get_named(CURRENT) == before


def test_rollback_to_a_bundle_whose_weights_are_gone_changes_nothing(store: Store) -> None:
    first, second = (keep_bundle(store, name) for name in ("one", "two"))
    point_at(store, first)
    point_at(store, second)
    weights = load_bundle(store, first).denoiser + ".safetensors"
    store.local_path(weights).unlink()
    with pytest.raises(MissingObjectError, match="cannot come back"):
        rollback(store)
    assert released_bundle(store)[0] == second
