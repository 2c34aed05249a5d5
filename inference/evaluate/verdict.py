"""The first lines of the report: what came from where, and whether the model is worth more than doing nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from inference.evaluate.scores import Score
from infra.schema import Checkpoint

Tone = Literal["plain", "good", "bad"]
HORIZONS: Final = (1, 4, 8, 16)  # frames at which the verdict compares

Scores = dict[tuple[str, str, int], Score]  # by arm (or "first - second"), metric, horizon


@dataclass(frozen=True, kw_only=True)
class Line:
    """One sentence of the verdict."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the candidate's weights come from: its checkpoints, the one that plays last."""

    dataset: str
    lineage: tuple[Checkpoint, ...]  # from the first ancestor known here to the denoiser that plays
    base: str  # digest of the shipped denoiser that is shown beside it, empty if none


def index_scores(scores: Sequence[Score]) -> Scores:
    """Index scores by arm, metric and horizon."""
    return {(score.arm, score.metric, score.horizon): score for score in scores}


def difference(first: str, second: str) -> str:
    """Name of the paired difference of two arms."""
    return f"{first} - {second}"


def write_verdict(provenance: Provenance, scores: Scores, cut: str = "") -> list[Line]:
    """Say it in plain words, bad news first after the provenance and what a time cap left out, if it did."""
    lines = [describe_provenance(provenance), *([Line(text=cut)] if cut else [])]
    judged = [
        *_against(scores, "candidate", "repeat_last", "The candidate", "repeating the last frame"),
        *_against(scores, "candidate", "warp", "The network", "warping pixels without it"),
        *_against(scores, "candidate_no_geometry", "repeat_last", "The network alone (geometry off)", "repeating the last frame"),
        *_against(scores, "candidate", "base", "Fine-tuning", "the base weights as shipped"),
        *_against(scores, "candidate", "random", "The candidate", "random weights"),
        *_response(scores, "candidate_no_geometry"),
        *_response(scores, "candidate"),
        *_memory(scores),
    ]
    order = {"bad": 0, "good": 1, "plain": 2}
    return lines + sorted(judged, key=lambda line: order[line.tone])


def describe_provenance(provenance: Provenance) -> Line:
    """Which weights played, trained from what, for how long."""
    if not provenance.lineage:
        raise ValueError("a verdict needs the checkpoint of the denoiser that played")
    trained = [row for row in provenance.lineage if row.steps > 0]
    shipped = any(row.origin == "base weights" for row in provenance.lineage)
    if not trained and not shipped:
        return Line(text="The model that played has random weights: it was never trained.", tone="bad")
    if not trained:
        text = "The model that played is the base weights that ship with the repository; nothing was trained here."
    else:
        start = "from the base weights that ship with the repository" if shipped else "from scratch"
        stages = ", then ".join(f"{row.kind} for {row.steps} steps in {_duration(row.seconds)}" for row in trained)
        text = f"The model that played was trained here {start} on dataset {provenance.dataset[:12]}: {stages}."
    if provenance.base:
        text += f" Beside it stand the shipped base weights ({provenance.base[:12]}) and random weights."
    else:
        text += " Beside it stand random weights; no base weights were given."
    early = " A time cap stopped training early." if any(row.stopped_early for row in trained) else ""
    return Line(text=text + early)


def _against(scores: Scores, first: str, second: str, who: str, whom: str) -> list[Line]:
    """One line that says where ``first`` is better, worse or neither in PSNR, with intervals."""
    found = {h: scores.get((difference(first, second), "psnr", h)) for h in HORIZONS}
    known = {h: score for h, score in found.items() if score is not None}
    if not known:
        return []
    worse = [h for h, score in known.items() if _highest(score) < 0]
    better = [h for h, score in known.items() if _lowest(score) > 0]
    even = [h for h in known if h not in worse and h not in better]
    parts = [f"worse than {whom} at frame {_list(worse)} ({_gains(known, worse)})"] if worse else []
    parts += [f"better than {whom} at frame {_list(better)} ({_gains(known, better)})"] if better else []
    parts += [f"not told apart from {whom} at frame {_list(even)} ({_gains(known, even)})"] if even else []
    some = next(iter(known.values()))
    tone: Tone = "bad" if worse else "good" if better and not even else "plain"
    return [Line(text=f"{who} is {', '.join(parts)}. [{_walks(some)}]", tone=tone)]


def _response(scores: Scores, arm: str) -> list[Line]:
    """Whether it follows the keys. With geometry on that is no praise: pixels are moved by the commanded pose."""
    score = scores.get((arm, "action_response", 16)) or scores.get((arm, "action_response", 4))
    if score is None:
        return []
    alone = arm.endswith("_no_geometry")
    follows, fails = _lowest(score) > 0.5, score.value <= 0.5 or score.low <= 0.5
    what = "follows the keys" if follows else "does NOT follow the keys better than chance" if fails else "may follow the keys"
    who = "The network alone" if alone else "With geometry, which moves pixels by the commanded pose and proves no learning, it"
    text = (
        f"{who} {what}: the true action's frame {score.horizon} is nearer than the opposite one's in "
        f"{100 * score.value:.0f} % of walks {_range(score, 100)}, chance is 50 %. [{_walks(score)}]"
    )
    return [Line(text=text, tone="bad" if fails else "good" if follows and alone else "plain")]


def _memory(scores: Scores) -> list[Line]:
    """What memory is worth, with pixels warped out of it and for the network alone: the first is no proof of the second."""
    lines = []
    for first, second, how in (
        ("candidate", "memory_off", "Memory with geometry, which warps remembered pixels back in,"),
        ("candidate_no_geometry", "memory_off_no_geometry", "Memory for the network alone (geometry off)"),
    ):
        score = scores.get((difference(first, second), "revisit_psnr", 0))
        if score is not None and score.low == score.high == 0:
            same = "changes nothing: the same frames with memory and without"
            lines.append(Line(text=f"{how} {same}. [{_walks(score)}]"))
        elif score is not None:
            helps, hurts = _lowest(score) > 0, _highest(score) < 0
            what = "helps" if helps else "hurts" if hurts else "makes no measurable difference"
            text = f"{how} {what} when places are seen again: {score.value:+.2f} dB {_range(score)}. [{_walks(score)}]"
            lines.append(Line(text=text, tone="good" if helps else "bad" if hurts else "plain"))
    return lines


def _walks(score: Score) -> str:
    return f"{score.cases} walk{'s' * (score.cases != 1)}, {score.scenes} scene{'s' * (score.scenes != 1)}"


def _lowest(score: Score) -> float:
    """The interval's lower end. A single scene has none, so it earns no praise."""
    return score.low if score.low == score.low else -math.inf


def _highest(score: Score) -> float:
    """The interval's upper end. A single scene has none; its bad news is told all the same."""
    return score.high if score.high == score.high else score.value


def _range(score: Score, scale: float = 1.0) -> str:
    if score.low != score.low:
        return "[one scene, no interval]"
    digits = 0 if scale > 1 else 2
    return f"[{scale * score.low:.{digits}f}, {scale * score.high:.{digits}f}]"


def _gains(scores: dict[int, Score], horizons: list[int]) -> str:
    return ", ".join(f"{scores[h].value:+.1f}" for h in horizons) + " dB"


def _list(horizons: list[int]) -> str:
    return ", ".join(str(h) for h in horizons)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
