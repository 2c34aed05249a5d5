"""The curate stage: cuts, scores, filters, splits, balances and publishes what was annotated."""

import functools
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from curation.balance import BalanceConfig
from curation.decide import Decision, Path, Publication, SheetConfig, choose_prompt, count_actions, count_reasons, decide, weigh
from curation.filters import FilterConfig, Format, choose_format
from curation.publish import DatasetRow, publish
from curation.score import ClipScores, ScoreConfig, score_clip
from curation.segment import CutConfig, cut_clips
from curation.split import SplitConfig, split_scenes
from infra.digest import canonical_json, sha256_of
from infra.episode_sets import read_set
from infra.episodes import list_episodes, read_episode
from infra.schema import Caption, Episode, Frames
from infra.schema.episode import Split
from infra.stage import StageContext, StageResult, run_stage
from infra.store import Store, open_store
from infra.tables import append_rows, read_records, rows_from

VERSION: Final = 1
SCORER: Final = "scores-1"  # raise when a score changes its meaning

Task = tuple[Episode, Split]
Scored = tuple[ClipScores, ...]


@dataclass(frozen=True, kw_only=True)
class CurateConfig:
    """What goes into a dataset version."""

    name: str = "worldloom"
    sources: tuple[str, ...] = ("embedded",)  # episodes of others are no candidates
    batch_episodes: int = 16  # whose scores are written together; the most that a kill costs
    cut: CutConfig = field(default_factory=CutConfig)
    score: ScoreConfig = field(default_factory=ScoreConfig)
    filters: FilterConfig = field(default_factory=FilterConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    balance: BalanceConfig = field(default_factory=BalanceConfig)
    sheet: SheetConfig = field(default_factory=SheetConfig)


class Pool(Protocol):
    """Runs a function on many episodes somewhere else, results in any order."""

    def map_unordered(self, function: Callable[[Task], Scored], jobs: Sequence[Task]) -> Iterator[Scored]:
        """Yield each result as it is ready."""
        ...


def scorer_name(config: CurateConfig) -> str:
    """Names the scores and how clips were cut, so that scores of other settings can stand beside these."""
    return f"{SCORER}-{sha256_of(canonical_json([config.cut, config.score]))[:8]}"


def score_episode(store_uri: str, config: CurateConfig, task: Task) -> Scored:
    """Cut and score one episode: what a worker runs. Writes nothing.

    Raises:
        StoreError: an object of the episode is gone or damaged.
    """
    episode, split = task
    frames, video, depth = read_episode(open_store(store_uri), episode)
    clips = cut_clips(episode.episode_id, episode.frames, split, config.cut)
    return tuple(score_clip(clip, scorer_name(config), frames, video, depth, config.score) for clip in clips)


def curate(
    annotated: Mapping[str, Any], config: CurateConfig, store: Store, *, pool: Pool | None = None, fresh: bool = False
) -> StageResult:
    """Publish a dataset version from a set of annotated episodes; killed and called again, it continues.

    ``annotated`` are the outputs of the annotate stage: its ``digest``, which names the set, and the ``captioner`` whose
    words become prompts.

    Raises:
        ValueError: no clip is fit for training, with the reasons and their counts.
    """
    inputs = {"annotated": str(annotated["digest"]), "captioner": str(annotated["captioner"])}

    def work(context: StageContext) -> dict[str, Any]:
        captions = _captions(store, inputs["captioner"])
        known = captions.keys() & set(read_set(store, inputs["annotated"]))
        episodes = [one for one in list_episodes(store) if one.episode_id in known and one.source in config.sources]
        shape = choose_format(episodes)
        splits = split_scenes(episodes, config.split)
        tasks = [(episode, splits[episode.scene_id]) for episode in episodes]
        scores = _score_all(store, config, pool, tasks, context)
        decisions, paths = _judge(store, config, shape, tasks, scores, captions, context)
        weights = weigh(decisions, config.balance)
        publication = Publication(
            name=config.name,
            shape=shape,
            decisions=[replace(one, weight=weight) for one, weight in zip(decisions, weights, strict=True)],
            paths=paths,
            parents=(inputs["annotated"],),
            filters=config.filters,
            sheet=config.sheet,
        )
        return _outputs(publish(store, publication), publication)

    return run_stage(store, name="curate", version=VERSION, inputs=inputs, config=config, work=work, fresh=fresh)


def _judge(
    store: Store,
    config: CurateConfig,
    shape: Format,
    tasks: Sequence[Task],
    scores: Mapping[str, Scored],
    captions: Mapping[str, Sequence[Caption]],
    context: StageContext,
) -> tuple[list[Decision], list[Path]]:
    """Decide on every clip; and the paths walked in the episodes that give any for training."""
    decisions: list[Decision] = []
    paths: list[Path] = []
    for number, (episode, split) in enumerate(tasks):
        context.progress(number + 1, len(tasks), "episodes judged")
        frames, _, _ = read_episode(store, episode)
        judged = decide(episode, scores[episode.episode_id], shape, split, config.filters)
        words = captions[episode.episode_id]
        decisions += [_decision(episode, split, frames, words, one, reasons, config) for one, reasons in judged]
        if split == "train" and any(not reasons for _, reasons in judged):
            paths.append((episode.scene_id, episode.walk, frames.c2w[:, :3, 3]))
    return decisions, paths


def _decision(
    episode: Episode,
    split: Split,
    frames: Frames,
    captions: Sequence[Caption],
    scores: ClipScores,
    reasons: tuple[str, ...],
    config: CurateConfig,
) -> Decision:
    return Decision(
        episode=episode,
        scores=scores,
        split=split,
        reasons=reasons,
        actions=count_actions(frames, scores, config.balance),
        prompt=choose_prompt(captions, scores.start, scores.stop),
    )


def _outputs(row: DatasetRow, publication: Publication) -> dict[str, Any]:
    return {
        "dataset": row.version,
        "clips": row.clips,
        "accepted": row.accepted,
        "rejected": dict(count_reasons(publication.decisions)),
        "by_split": {"train": row.train_clips, "val": row.val_clips, "test": row.test_clips},
        "train_minutes": row.train_minutes,
        "card_object": row.card_object,
        "plots": json.loads(row.plots),
    }


def _captions(store: Store, captioner: str) -> dict[str, list[Caption]]:
    """Captions of one captioner by episode, in order."""
    found: dict[str, list[Caption]] = defaultdict(list)
    rows = [row for row in read_records(store, "captions", Caption) if row.captioner == captioner]
    for caption in sorted(rows, key=lambda row: (row.episode_id, row.start)):
        found[caption.episode_id].append(caption)
    return found


def _score_all(
    store: Store, config: CurateConfig, pool: Pool | None, tasks: Sequence[Task], context: StageContext
) -> dict[str, Scored]:
    """Scores of every episode's clips, in order; only what the table lacks is computed."""
    wanted = {
        episode.episode_id: [(clip.start, clip.stop) for clip in cut_clips(episode.episode_id, episode.frames, split, config.cut)]
        for episode, split in tasks
    }
    known = _known_scores(store, config)
    missing = [task for task in tasks if any((task[0].episode_id, *span) not in known for span in wanted[task[0].episode_id])]
    score_one = functools.partial(score_episode, store.uri, config)
    results = map(score_one, missing) if pool is None else pool.map_unordered(score_one, missing)
    context.progress(done := len(tasks) - len(missing), len(tasks), "episodes scored")
    for batch in _batches(results, config.batch_episodes):
        fresh = [one for scored in batch for one in scored if (one.episode_id, one.start, one.stop) not in known]
        if fresh:
            digest = sha256_of(canonical_json([[one.episode_id, one.start, one.stop, one.scorer] for one in fresh]))
            append_rows(store, "clip_scores", rows_from(fresh), transaction=f"scores-{digest}")
        known |= {(one.episode_id, one.start, one.stop): one for one in fresh}
        done += len(batch)
        context.progress(done, len(tasks), "episodes scored")
    return {episode_id: tuple(known[episode_id, start, stop] for start, stop in spans) for episode_id, spans in wanted.items()}


def _known_scores(store: Store, config: CurateConfig) -> dict[tuple[str, int, int], ClipScores]:
    name = scorer_name(config)
    rows = read_records(store, "clip_scores", ClipScores)
    return {(row.episode_id, row.start, row.stop): row for row in rows if row.scorer == name}


def _batches(results: Iterable[Scored], size: int) -> Iterator[list[Scored]]:
    """Lists of up to ``size`` results."""
    results = iter(results)
    while batch := list(itertools.islice(results, size)):
        yield batch
