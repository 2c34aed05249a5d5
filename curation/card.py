"""The card of a dataset version: what is in it, where it is from, and what was left out."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from curation.balance import CLASSES, shares
from curation.decide import Decision, Publication, count_reasons


def write_card(version: str, publication: Publication, plots: Mapping[str, str]) -> str:
    """Markdown; pictures are named by their objects, which lie in the same store."""
    decisions = publication.decisions
    accepted = [one for one in decisions if one.accepted]
    rejected = len(decisions) - len(accepted)
    shape = publication.shape
    parts = [
        f"# Dataset {publication.name}, version {version[:12]}",
        f"{len(accepted)} clips of {shape.width}x{shape.height} at {shape.fps:g} frames a second; {rejected} of "
        f"{len(decisions)} candidate clips ({100 * rejected / max(len(decisions), 1):.1f} %) were rejected.",
        "## Splits\n\nBy scene, never by clip; test walks are whole and unjudged.\n\n" + _split_table(accepted),
        "## Rejected clips\n\nBy first reason; all reasons and all raw scores are in the tables `clips` and `clip_scores`.\n\n"
        + _reason_table(decisions),
        "## Sources and licences\n\n" + _source_table(accepted),
        "## Actions\n\nTraining clips are drawn with weights that even out actions "
        f"(from {_weights(accepted)}, 1 on average).\n\n" + _action_table(accepted),
        "## Thresholds\n\n" + _table(["filter", "value"], [[k, f"`{v}`"] for k, v in _fields(publication)]),
        "`perceptual_quality` is a plain composite of sharpness, exposure and texture, not a learned judge.",
        "## Pictures\n\n" + "\n".join(f"![{name}]({item})" for name, item in sorted(plots.items())),
        "## Made from\n\n" + "\n".join(f"- `{parent}`" for parent in publication.parents),
    ]
    return "\n\n".join(parts) + "\n"


def _split_table(accepted: Sequence[Decision]) -> str:
    rows = []
    for split in ("train", "val", "test"):
        found = [one for one in accepted if one.split == split]
        seconds = sum((one.scores.stop - one.scores.start) / one.episode.fps for one in found)
        scenes, episodes = {one.episode.scene_id for one in found}, {one.episode.episode_id for one in found}
        rows.append([split, str(len(scenes)), str(len(episodes)), str(len(found)), f"{seconds / 60:.1f}"])
    return _table(["split", "scenes", "episodes", "clips", "minutes"], rows)


def _reason_table(decisions: Sequence[Decision]) -> str:
    every = Counter(reason for one in decisions for reason in one.reasons)
    rows = [[reason.replace("_", " "), str(count), str(every[reason])] for reason, count in count_reasons(decisions).items()]
    return _table(["reason", "clips", "clips that it would reject alone"], rows) if rows else "None."


def _source_table(accepted: Sequence[Decision]) -> str:
    counts: dict[tuple[str, ...], int] = defaultdict(int)
    for one in accepted:
        it = one.episode
        flags = ("yes" if it.redistributable else "no", "yes" if it.commercial_ok else "no")
        counts[(it.source, it.family, it.renderer, it.licence, *flags)] += 1
    rows = [[*key, str(count)] for key, count in sorted(counts.items())]
    return _table(["source", "family", "renderer", "licence", "redistributable", "commercial use", "clips"], rows)


def _action_table(accepted: Sequence[Decision]) -> str:
    training = [one for one in accepted if one.split == "train"]
    counts = [one.actions for one in training]
    before = shares(counts, np.ones(len(training)))
    after = shares(counts, np.array([one.weight for one in training]))
    order = np.argsort(-before, kind="stable")
    rows = [[CLASSES[k], f"{100 * before[k]:.1f} %", f"{100 * after[k]:.1f} %"] for k in order if before[k] > 0]
    return _table(["action", "recorded", "as sampled"], rows)


def _weights(accepted: Sequence[Decision]) -> str:
    weights = [one.weight for one in accepted if one.split == "train"]
    return f"{min(weights):.2f} to {max(weights):.2f}"


def _fields(publication: Publication) -> list[tuple[str, object]]:
    config = publication.filters
    return [(field.name, getattr(config, field.name)) for field in dataclasses.fields(config)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
