"""The annotate stage: poses, inferred input and captions of every episode that lacks them."""

import functools
import io
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from annotation.captions import CaptionConfig, MetadataCaptioner, Subject
from annotation.poses import PoseRow, RecordedPoses
from annotation.wsad import Wsad, WsadConfig, infer_wsad
from annotation.wsad_score import WsadTally, infer_fixed_rule, score_by_source, tally_wsad
from infra.body_track import body_track
from infra.digest import canonical_json, sha256_of
from infra.episode_sets import keep_set, set_digest
from infra.episodes import list_episodes, read_episode, read_scene
from infra.schema import Caption, Episode, Frames
from infra.stage import StageContext, StageResult, run_stage
from infra.store import Store, open_store
from infra.tables import append_rows, read_rows, records_from, rows_from

VERSION: Final = 1
ANNOTATOR: Final = "wsad-4"  # raise when the inference changes


@dataclass(frozen=True, kw_only=True)
class AnnotateConfig:
    """How episodes are annotated."""

    batch_episodes: int = 16  # whose rows are written together; the most that a kill costs
    wsad: WsadConfig = field(default_factory=WsadConfig)
    captions: CaptionConfig = field(default_factory=CaptionConfig)


@dataclass(frozen=True, kw_only=True)
class ActionRow:
    """A row of table ``actions``: input inferred for one episode and how it agrees with what was recorded."""

    episode_id: str
    source: str
    annotator: str
    actions_object: str  # Parquet: frame, keyboard, mouse, confidence, moved
    step: float  # metres if the scale is known
    coverage: float  # share of frames whose keys were told
    scored: bool  # whether the input was recorded, so that the tallies below mean something
    moved: tuple[int, ...]  # as in WsadTally
    stopped: tuple[int, ...]
    fixed_moved: tuple[int, ...]  # the same for the fixed-threshold control
    fixed_stopped: tuple[int, ...]
    mouse_error: float
    mouse_worst: float
    mouse_values: int


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """Everything that is written about one episode."""

    pose: PoseRow
    action: ActionRow
    captions: tuple[Caption, ...]


class Pool(Protocol):
    """Runs a function on many episodes somewhere else, results in any order."""

    def map_unordered(self, function: Callable[[Episode], Annotation], jobs: Sequence[Episode]) -> Iterator[Annotation]:
        """Yield each result as it is ready."""
        ...


def annotator_name(config: AnnotateConfig) -> str:
    """Names the inference and its settings, so that rows of other settings can stand beside its own."""
    return f"{ANNOTATOR}-{sha256_of(canonical_json(config.wsad))[:8]}"


def annotate_episode(store_uri: str, config: AnnotateConfig, episode: Episode) -> Annotation:
    """Annotate one episode: what a worker runs. Keeps the actions object, writes no row.

    Raises:
        StoreError: an object of the episode is gone or damaged.
    """
    store = open_store(store_uri)
    frames, _, depth = read_episode(store, episode)
    poses = RecordedPoses().estimate(episode, frames)
    # What the input moved; games on the wall clock tell their camera's pose alone.
    walked = body_track(frames) if episode.perspective == "third" and episode.sync == "exact" else poses.c2w
    wsad = infer_wsad(walked, config.wsad)
    subject = Subject(episode=episode, frames=frames, wsad=wsad, scene=read_scene(store, episode), depth=depth)
    return Annotation(
        pose=PoseRow(
            episode_id=episode.episode_id,
            estimator=RecordedPoses.name,
            residual=poses.residual,
            scale_known=poses.scale_known,
            frames=len(frames),
            poses_object=episode.frames_object,
        ),
        action=_score_actions(episode, frames, walked, wsad, store.put_bytes(_actions_parquet(wsad), ".parquet"), config),
        captions=tuple(MetadataCaptioner(config.captions).caption(subject)),
    )


def _score_actions(
    episode: Episode, frames: Frames, c2w: NDArray[np.float64], wsad: Wsad, actions_object: str, config: AnnotateConfig
) -> ActionRow:
    """How the inferred input, and the fixed-threshold control beside it, agree with what was recorded."""
    keyboard, mouse = infer_fixed_rule(c2w)
    fixed = Wsad(keyboard=keyboard, mouse=mouse, confidence=wsad.confidence, moved=wsad.moved, step=wsad.step)
    tally, control = (tally_wsad(guess, frames, config.wsad.degrees_per_mouse_unit) for guess in (wsad, fixed))
    return ActionRow(
        episode_id=episode.episode_id,
        source=episode.source,
        annotator=annotator_name(config),
        actions_object=actions_object,
        step=wsad.step,
        coverage=float((wsad.keyboard[:-1, 0] >= 0).mean()) if len(frames) > 1 else 0.0,
        scored=episode.action_quality == "recorded",
        moved=tally.moved,
        stopped=tally.stopped,
        fixed_moved=control.moved,
        fixed_stopped=control.stopped,
        mouse_error=tally.mouse_error,
        mouse_worst=tally.mouse_worst,
        mouse_values=tally.mouse_values,
    )


def annotate(config: AnnotateConfig, store: Store, *, pool: Pool | None = None, fresh: bool = False) -> StageResult:
    """Annotate every episode of the store that lacks rows of these annotators; killed and called again, it continues.

    Its key is made of the episodes that are there, whoever recorded them: a new one is never passed over. Nothing is
    written twice, with ``fresh`` either.
    """
    episodes = list_episodes(store)
    inputs = {"episodes": set_digest(episode.episode_id for episode in episodes)}

    def work(context: StageContext) -> dict[str, Any]:
        known = _annotated(store, config)
        missing = [episode for episode in episodes if episode.episode_id not in known]
        annotate_one = functools.partial(annotate_episode, store.uri, config)
        results = map(annotate_one, missing) if pool is None else pool.map_unordered(annotate_one, missing)
        context.progress(done := len(episodes) - len(missing), len(episodes), "episodes")
        for batch in _batches(results, config.batch_episodes):
            _write(store, config, batch)
            done += len(batch)
            context.progress(done, len(episodes), "episodes")
        return _summarise(store, config, {episode.episode_id for episode in episodes})

    return run_stage(store, name="annotate", version=VERSION, inputs=inputs, config=config, work=work, fresh=fresh)


def read_actions(store: Store, config: AnnotateConfig) -> list[ActionRow]:
    """Rows of table ``actions`` that this configuration wrote, one an episode, in the order of their ids."""
    table = read_rows(store, "actions")
    rows = records_from(table, ActionRow) if table.num_rows else []
    unique = {row.episode_id: row for row in rows if row.annotator == annotator_name(config)}
    return [unique[episode_id] for episode_id in sorted(unique)]


def _annotated(store: Store, config: AnnotateConfig) -> set[str]:
    return {row.episode_id for row in read_actions(store, config)} & _captioned(store, MetadataCaptioner(config.captions).name)


def _captioned(store: Store, captioner: str) -> set[str]:
    table = read_rows(store, "captions")
    return {row["episode_id"] for row in table.to_pylist() if row["captioner"] == captioner} if table.num_rows else set()


def _posed(store: Store) -> set[str]:
    table = read_rows(store, "poses")
    return {row["episode_id"] for row in table.to_pylist() if row["estimator"] == RecordedPoses.name} if table.num_rows else set()


def _write(store: Store, config: AnnotateConfig, batch: Sequence[Annotation]) -> None:
    """Append what each table lacks: an earlier kill may have come between two of them."""
    captioned, posed = _captioned(store, MetadataCaptioner(config.captions).name), _posed(store)
    acted = {row.episode_id for row in read_actions(store, config)}
    captions = [caption for one in batch if one.pose.episode_id not in captioned for caption in one.captions]
    poses = [one.pose for one in batch if one.pose.episode_id not in posed]
    actions = [one.action for one in batch if one.action.episode_id not in acted]
    for table, records in (("captions", captions), ("poses", poses), ("actions", actions)):
        if records:
            rows = rows_from(records)
            append_rows(store, table, rows, transaction=f"{table}-{sha256_of(canonical_json(records))}")


def _batches(results: Iterable[Annotation], size: int) -> Iterator[list[Annotation]]:
    """Lists of up to ``size`` results."""
    results = iter(results)
    while batch := list(itertools.islice(results, size)):
        yield batch


def _summarise(store: Store, config: AnnotateConfig, episodes: set[str]) -> dict[str, Any]:
    """Outputs of the stage; a figure that nothing was recorded for is None."""
    rows = [row for row in read_actions(store, config) if row.episode_id in episodes]
    scores = score_by_source([(row.source, _tally(row.moved, row.stopped, row)) for row in rows if row.scored])
    control = score_by_source([(row.source, _tally(row.fixed_moved, row.fixed_stopped, row)) for row in rows if row.scored])
    names = [annotator_name(config), MetadataCaptioner(config.captions).name, RecordedPoses.name]

    def by_source(figures: Any, name: str) -> dict[str, float | None]:
        return {source: value if math.isfinite(value := values[name]) else None for source, values in figures.items()}

    return {
        "episodes": len(rows),
        "captioner": names[1],
        "annotator": names[0],
        "wsad_macro_f1_moved": by_source(scores, "macro_f1_moved"),
        "wsad_macro_f1_all": by_source(scores, "macro_f1_all"),
        "wsad_accuracy_moved": by_source(scores, "accuracy_moved"),
        "fixed_rule_macro_f1_moved": by_source(control, "macro_f1_moved"),
        "coverage": by_source(scores, "coverage"),
        "mouse_error_degrees": by_source(scores, "mouse_error_degrees"),
        "digest": keep_set(store, (row.episode_id for row in rows), worked_by=names),
    }


def _tally(moved: tuple[int, ...], stopped: tuple[int, ...], row: ActionRow) -> WsadTally:
    return WsadTally(
        moved=moved, stopped=stopped, mouse_error=row.mouse_error, mouse_worst=row.mouse_worst, mouse_values=row.mouse_values
    )


def _actions_parquet(wsad: Wsad) -> bytes:
    table = pa.table(
        {
            "frame": pa.array(np.arange(len(wsad.keyboard)), pa.int32()),
            "keyboard": pa.array(list(wsad.keyboard), pa.list_(pa.int8())),
            "mouse": pa.array(list(wsad.mouse), pa.list_(pa.float32())),
            "confidence": pa.array(wsad.confidence, pa.float32()),
            "moved": pa.array(wsad.moved, pa.bool_()),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
