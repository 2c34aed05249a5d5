"""Lists of dataset versions and releases name what other verbs take, and say which one is in use."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from curation.publish import DatasetRow
from flows.listing import list_releases
from flows.publish import match_dataset, publish_dataset
from flows.releases import Check, ReleaseRow, point_at, record_decision, rollback
from flows.verbs import run_command
from infra.datasets import load_bundle, put_dataset
from infra.digest import canonical_json
from infra.episodes import write_episode
from infra.schema import DatasetVersion
from infra.schema.run import Run
from infra.store import MissingObjectError, Store, open_store
from infra.tables import append_rows, rows_from
from tests.flows.test_release import keep_bundle
from tests.recordings import make_recording


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "store").mkdir()
    return open_store(tmp_path / "store")


def keep_dataset(store: Store, name: str) -> str:
    """A dataset version with its row."""
    version = put_dataset(store, DatasetVersion(name=name, width=224, height=128, fps=16.0, parents=("ab" * 32,), clips=()))
    row = DatasetRow(
        version=version,
        name=name,
        card_object="",
        plots="{}",
        clips=5,
        accepted=4,
        train_clips=2,
        val_clips=1,
        test_clips=1,
        train_minutes=0.5,
        parents=("ab" * 32,),
    )
    append_rows(store, "datasets", rows_from([row]))
    return version


def decide(store: Store, number: int, action: str, bundle: str, *checks: Check) -> None:
    """A row of table ``releases``."""
    lines = canonical_json([vars(check) for check in checks]).decode()
    row = ReleaseRow(number=number, action=action, bundle=bundle, previous="", evaluation="e", checks=lines)
    append_rows(store, "releases", rows_from([row]))
    if action == "released":
        point_at(store, bundle)


def said(capsys: pytest.CaptureFixture[str], store: Store, *words: str) -> list[str]:
    assert run_command([*words, "--home", str(Path(store.uri).parent)]) == 0
    return capsys.readouterr().out.splitlines()


def test_datasets_are_listed_with_their_size_and_the_published_one_is_marked(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = keep_dataset(store, "one"), keep_dataset(store, "two")
    publish_dataset(store, first)
    *lines, count, hint = said(capsys, store, "datasets")
    by_digest = {line.split()[0]: line for line in lines}
    assert set(by_digest) == {first[:12], second[:12]}
    assert "224x128 at 16 fps  4 of 5 clips (2 train, 1 val, 1 test)  0.5 min" in by_digest[first[:12]]
    assert by_digest[first[:12]].endswith("published")
    assert not by_digest[second[:12]].endswith("published")
    assert count.startswith("2 dataset versions, in ") and "train" in hint
    assert {json.loads(line)["version"] for line in said(capsys, store, "datasets", "--json")} == {first, second}


def test_releases_are_listed_newest_first_with_what_the_gate_found(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, three = (keep_bundle(store, name) for name in ("one", "two", "three"))
    decide(store, 1, "released", one)
    decide(store, 2, "released", two)
    decide(store, 3, "refused", three, Check(name="candidate.psnr@8", value=9.0, least=20.0, passed=False))
    lines = said(capsys, store, "releases")
    assert [line.split()[1] for line in (lines[0], lines[2], lines[3])] == [three[:12], two[:12], one[:12]]
    assert lines[1].strip() == "candidate.psnr@8 = 9, needs at least 20"
    assert [line.endswith("plays now") for line in lines[:4]] == [False, False, True, False]
    assert said(capsys, store, "releases", "--action", "refused")[2].startswith("1 decision, in ")
    rollback(store)
    [line] = [line for line in said(capsys, store, "releases") if line.endswith("plays now")]
    assert "rolled back" in line and one[:12] in line


def test_each_decision_has_its_own_time_and_rows_of_earlier_versions_that_of_their_run(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = keep_bundle(store, "one")
    for started, number in ((1e9, 1), (1.1e9, 2)):
        inputs, outputs = json.dumps({"bundle": bundle, "evaluation": "e"}), json.dumps({"bundle": bundle})
        run = Run(
            key=str(number), stage="release", version=1, inputs=inputs, config="{}", config_digest="", outputs=outputs,
            code_commit="", host="", started=started, seconds=60.0, stopped_early=False,
        )  # fmt: skip
        append_rows(store, "runs", rows_from([run]))
        decide(store, number, "refused" if number == 1 else "released", bundle)
    record_decision(store, "rolled back", bundle, "")
    newest, newer, old = (datetime.fromisoformat(row.when).timestamp() for row in list_releases(store))
    assert (old, newer) == (1e9 + 60, 1.1e9 + 60) and newest > newer
    hint = said(capsys, store, "releases")[-1]
    assert f"{bundle[:12]} plays since the rollback of 20" in hint and "return to" not in hint  # there is nothing before it


def test_a_version_that_was_curated_in_two_ways_is_listed_once(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    version = keep_dataset(store, "one")
    assert keep_dataset(store, "one") == version
    assert said(capsys, store, "datasets")[1].startswith("1 dataset version, in ")


def test_a_bundle_whose_object_is_gone_is_still_listed(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = keep_bundle(store, "one")
    decide(store, 1, "released", bundle)
    assert load_bundle(store, bundle).name == "one"
    store.local_path(f"{bundle}.json").unlink()
    assert "bundle deleted  plays now" in said(capsys, store, "releases")[0]


def test_an_empty_list_of_episodes_says_which_wish_nothing_there_fulfils(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, store, "episodes")[1] == "record some: worldloom collect --help"
    write_episode(store, make_recording(0, frames=20))
    assert said(capsys, store, "episodes", "--family", "strret")[1] == "no episode here has family 'strret'; there are park"
    mixed = said(capsys, store, "episodes", "--family", "park", "--where", "frames > 30")
    assert mixed[1] == "no episode here is all of that; ask for less"


@pytest.mark.parametrize(("verb", "begin"), [("datasets", "worldloom curate"), ("releases", "worldloom run")])
def test_an_empty_store_says_how_to_begin(verb: str, begin: str, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, store, verb)[1].startswith(f"make one: {begin} --home")


def test_a_version_is_found_by_its_first_digits_and_nothing_else_is(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    version, bundle = keep_dataset(store, "one"), keep_bundle(store, "one")
    assert match_dataset(store, version[:6]) == version
    for name in (bundle, version[:3], ""):
        with pytest.raises(MissingObjectError, match=f"begins with '{name}'; list them: worldloom datasets"):
            match_dataset(store, name)
    assert run_command(["publish", bundle, "--home", str(Path(store.uri).parent)]) == 2
    assert "worldloom datasets" in capsys.readouterr().err
