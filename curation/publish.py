"""Publishing a dataset version: manifest, rows, card, plots and contact sheets. The row in ``datasets`` is the commit."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from curation.card import write_card
from curation.contact_sheet import Picture, draw_sheet
from curation.decide import Decision, Publication, SheetConfig, clip_row, count_reasons, dataset_clip
from curation.plots import plot_actions, plot_families, plot_paths, plot_rejects, plot_scores
from curation.split import check_disjoint
from infra.datasets import put_dataset
from infra.digest import sha256_of
from infra.schema import DatasetVersion
from infra.store import Store
from infra.tables import append_rows, rows_from
from infra.video import VideoReader


@dataclass(frozen=True, kw_only=True)
class DatasetRow:
    """A row of table ``datasets``."""

    version: str
    name: str
    card_object: str  # Markdown
    plots: str  # JSON: name to PNG object
    clips: int
    accepted: int
    train_clips: int
    val_clips: int
    test_clips: int
    train_minutes: float  # overlapping clips count each
    parents: tuple[str, ...]


def publish(store: Store, publication: Publication) -> DatasetRow:
    """Keep everything, the row of table ``datasets`` last; publishing the same twice changes nothing.

    Raises:
        ValueError: nothing was accepted for training, or a scene stands in two splits.
    """
    decisions = publication.decisions
    accepted = [one for one in decisions if one.accepted]
    counts = _count_splits(publication)
    dataset = DatasetVersion(
        name=publication.name,
        width=publication.shape.width,
        height=publication.shape.height,
        fps=publication.shape.fps,
        parents=publication.parents,
        clips=tuple(dataset_clip(one) for one in accepted),
    )
    check_disjoint(dataset.clips, {one.episode.episode_id: one.episode.scene_id for one in decisions})
    version = put_dataset(store, dataset)
    plots = draw_plots(store, publication)
    rows = rows_from([clip_row(one, version) for one in decisions])
    digest = sha256_of(json.dumps(rows.to_pylist(), sort_keys=True).encode())
    append_rows(store, "clips", rows, transaction=f"clips-{version}-{digest}")
    minutes = sum((one.scores.stop - one.scores.start) / one.episode.fps for one in accepted if one.split == "train") / 60
    row = DatasetRow(
        version=version,
        name=publication.name,
        card_object=store.put_bytes(write_card(version, publication, plots).encode(), ".md"),
        plots=json.dumps(plots, sort_keys=True),
        clips=len(decisions),
        accepted=len(accepted),
        train_clips=counts["train"],
        val_clips=counts["val"],
        test_clips=counts["test"],
        train_minutes=minutes,
        parents=publication.parents,
    )
    append_rows(store, "datasets", rows_from([row]), transaction=f"dataset-{sha256_of(json.dumps(asdict(row)).encode())}")
    return row


def _count_splits(publication: Publication) -> dict[str, int]:
    """Accepted clips of each split.

    Raises:
        ValueError: there are none for training.
    """
    decisions = publication.decisions
    counts = {split: sum(one.accepted and one.split == split for one in decisions) for split in ("train", "val", "test")}
    if counts["train"] == 0:
        reasons = ", ".join(f"{name} {count}" for name, count in count_reasons(decisions).items()) or "there are no clips"
        raise ValueError(f"no training clip was accepted ({reasons}); collect more, or loosen curate.filters")
    return counts


def draw_plots(store: Store, publication: Publication) -> dict[str, str]:
    """Names and PNG objects of all plots and contact sheets."""
    decisions, filters = publication.decisions, publication.filters
    thresholds = {
        "sharpness": filters.least_sharpness,
        "dark_share": filters.most_dark,
        "texture_bits": filters.least_texture_bits,
        "frame_difference": filters.least_difference,
        "flow": filters.most_flow,
        "near_share": filters.most_near,
        "pose_jump": filters.most_pose_jump,
        "turn_jump": filters.most_turn,
        "perceptual_quality": filters.least_quality,
    }
    plots = {
        "actions": plot_actions(decisions),
        "rejects": plot_rejects(decisions),
        "families": plot_families(decisions),
        "scores": plot_scores(decisions, thresholds),
        "paths": plot_paths(publication.paths),
        "accepted": accepted_sheet(store, decisions, publication.sheet),
    }
    if any(not one.accepted for one in decisions):
        plots["rejected"] = rejected_sheet(store, decisions, publication.sheet)
    return {name: store.put_bytes(png, ".png") for name, png in plots.items()}


def rejected_sheet(store: Store, decisions: Sequence[Decision], config: SheetConfig) -> bytes:
    """A row of pictures for each first reason."""
    rows = []
    for reason, count in count_reasons(decisions).items():
        found = [one for one in decisions if one.reasons and one.reasons[0] == reason]
        shown = _spread(found, config.rejected_per_reason)
        rows.append((f"{reason.replace('_', ' ')}: {count} clips", [_picture(store, one) for one in shown]))
    return draw_sheet(rows, config.columns)


def accepted_sheet(store: Store, decisions: Sequence[Decision], config: SheetConfig) -> bytes:
    """Accepted clips, spread over the training set."""
    found = [one for one in decisions if one.accepted and one.split == "train"]
    shown = _spread(found, config.accepted)
    return draw_sheet([(f"accepted for training: {len(found)} clips", [_picture(store, one) for one in shown])], config.columns)


def _spread(found: Sequence[Decision], most: int) -> list[Decision]:
    places = np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int))
    return [found[k] for k in places]


def _picture(store: Store, decision: Decision) -> Picture:
    """The clip's middle frame and where it is from."""
    scores, episode = decision.scores, decision.episode
    middle = (scores.start + scores.stop) // 2
    rgb = VideoReader(store.local_path(episode.video_object)).decode([middle])[0]
    return Picture(rgb=rgb, words=f"{episode.episode_id[:6]} {middle} {episode.walk} q{scores.perceptual_quality:.2f}")
