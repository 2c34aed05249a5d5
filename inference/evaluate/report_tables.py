"""The report's tables, as plain rows of text that the template lays out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inference.evaluate.actions import OPPOSITE
from inference.evaluate.arms import ARMS
from inference.evaluate.scores import Score
from inference.evaluate.verdict import Scores, difference

TITLES: Final = {arm.name: arm.title for arm in ARMS}
_DASH: Final = "–"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A figure and, smaller below it, its interval or count."""

    main: str
    small: str = ""
    tone: str = ""  # good | bad | ""


@dataclass(frozen=True, kw_only=True)
class Row:
    title: str
    cells: tuple[Cell, ...]
    group: str = ""  # candidate | baseline | control: how the row is marked


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with a caption that says what a reader may conclude."""

    caption: str
    head: tuple[str, ...]  # the first names the rows
    rows: tuple[Row, ...]


Format = Callable[[float], str]


def decibels(value: float) -> str:
    return f"{value:.1f}"


def gain(value: float) -> str:
    return "0.00" if abs(value) < 0.005 else f"{value:+.2f}"


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def two_digits(value: float) -> str:
    return "0.00" if abs(value) < 0.005 else f"{value:.2f}"


def fidelity(scores: Scores, metric: str, horizons: Sequence[int], form: Format, caption: str) -> Table:
    """One metric by frame for every arm that played the single-key walks."""
    head = ("", *(f"frame {h}" for h in horizons), "walks / scenes")
    rows = []
    for arm in ARMS:
        found = [scores.get((arm.name, metric, h)) for h in horizons]
        if arm.name == "truth" or not any(found):
            continue
        cells = [_cell(score, form) for score in found]
        rows.append(Row(title=arm.title, cells=(*cells, _count(found)), group=_group(arm.name)))
    return Table(caption=caption, head=head, rows=tuple(rows))


def differences(scores: Scores, pairs: Sequence[tuple[str, str]], horizons: Sequence[int]) -> Table:
    """Paired gains in PSNR over the same walks, coloured where the interval excludes zero."""
    rows = []
    for first, second in pairs:
        found = [scores.get((difference(first, second), "psnr", h)) for h in horizons]
        if any(found):
            cells = tuple(_signed_cell(score) for score in found)
            rows.append(
                Row(title=f"{TITLES[first]} − {TITLES[second][0].lower()}{TITLES[second][1:]}", cells=(*cells, _count(found)))
            )
    caption = "Gain in PSNR (dB) over the same walks, paired, with 95 % intervals over scenes."
    return Table(caption=caption, head=("", *(f"frame {h}" for h in horizons), "walks / scenes"), rows=tuple(rows))


def action_response(scores: Scores, horizons: Sequence[int]) -> Table:
    """Share of walks whose frame is nearer to the true action's render; choice among all renders; sign of the turn."""
    columns = [("action_response", h, f"true > opposite, frame {h}") for h in horizons]
    columns += [("action_choice", h, f"best of 8, frame {h}") for h in horizons]
    columns += [("turn_sign", h, f"turn direction, frame {h}") for h in horizons]
    caption = (
        "Does it do what the keys say? A frame must be nearer to the recording under its own action than to the one under "
        "the opposite action (chance 50 %), and nearest of all eight (chance 12.5 %). Turn direction: sign of the median "
        "horizontal flow of pure turns. With geometry on, pixels are moved by the commanded pose, so a high score there is "
        "no proof of learning; the rows with the network alone are."
    )
    return _table(scores, columns, percent, caption)


def response_by_key(scores: Scores, horizon: int) -> Table:
    """The same by key, since short training learns turns long before forward motion."""
    columns = [(f"action_response_{walk}", horizon, walk.removeprefix("key_")) for walk in OPPOSITE]
    return _table(scores, columns, percent, f"True action beats the opposite one at frame {horizon}, by key.")


def motion(scores: Scores, horizons: Sequence[int]) -> Table:
    """Action error by horizon beside the estimator's floor on the truth."""
    columns = [("rotation_error", h, f"turn error °, frame {h}") for h in horizons]
    columns += [("turn_ratio", h, f"turn made / asked, frame {h}") for h in horizons]
    columns += [("walk_ratio", h, f"walk made / asked, frame {h}") for h in horizons]
    columns += [("untracked", horizons[-1], "untracked")]
    caption = (
        "Camera motion read from the pictures by tracked points. The row of the recorded truth is the estimator's own floor: "
        "no difference smaller than its error means anything. Untracked: share of steps with too few points; they count as still."
    )
    return _table(scores, columns, two_digits, caption, with_truth=True)


def revisits(scores: Scores) -> Table:
    """What is left of a place when it is seen again."""
    columns = [
        ("revisit_psnr", 0, "seen again, against truth"),
        ("revisit_out_psnr", 0, "first seen, against truth"),
        ("revisit_self_psnr", 0, "seen again, against itself"),
        ("revisit_truth_self_psnr", 0, "truth against itself"),
        ("revisit_path_metres", 0, "path m"),
        ("revisit_pairs", 0, "pairs a walk"),
    ]
    caption = (
        "Out-and-back and turn-and-back walks: PSNR (dB) of views that were seen at least the stated gap before. If memory of "
        "another scene does not hurt, memory is not used. With geometry on, memory gives the pixels that are warped back in; "
        "only the rows of the network alone tell what the network makes of it. Standing still would look consistent, so the "
        "path is printed."
    )
    return _table(scores, columns, decibels, caption)


def drifts(scores: Scores, walks: Sequence[str], frames: Mapping[str, int], windows: int) -> Table:
    """Decay over long walks: the mean of the worst window."""
    columns = [(f"{walk}_worst_window", frames[walk], f"{walk.replace('_', ' ')}, {frames[walk]} frames") for walk in walks]
    caption = f"Mean PSNR (dB) of the worst of {windows} equal stretches of each long walk, so that a collapse halfway counts."
    return _table(scores, columns, decibels, caption)


def speeds(speed: Mapping[str, Mapping[str, Any]]) -> Table:
    """Generated frames a second and milliseconds a segment, by step."""
    steps = list(dict.fromkeys(name for found in speed.values() for name in found["steps"]))
    rows = []
    for arm in ARMS:
        if arm.name in speed:
            found = speed[arm.name]
            cells = [Cell(main=f"{found['fps']:.0f}"), _milliseconds(found["segment"])]
            cells += [_milliseconds(found["steps"][step]) if step in found["steps"] else Cell(main=_DASH) for step in steps]
            rows.append(Row(title=arm.title, cells=(*cells, Cell(main=str(found["segments"]))), group=_group(arm.name)))
    some = next(iter(speed.values()), None)
    where = f" Measured on {some['hardware']}, {count_threads(some)}, batch 1." if some else ""
    caption = f"Generated frames a second, and milliseconds a segment: median, below it the 95th percentile.{where}"
    return Table(caption=caption, head=("", "frames / s", "segment", *steps, "segments timed"), rows=tuple(rows))


def filled(*tables: Table) -> tuple[Table, ...]:
    """Those tables that have rows."""
    return tuple(table for table in tables if table.rows)


def with_interval(score: Score, form: Format) -> str:
    """A figure and its interval in one line."""
    cell = _cell(score, form)
    return f"{cell.main} [{cell.small or 'one scene, no interval'}]"


def _table(
    scores: Scores, columns: Sequence[tuple[str, int, str]], form: Format, caption: str, *, with_truth: bool = False
) -> Table:
    columns = [column for column in columns if any((arm.name, *column[:2]) in scores for arm in ARMS)]
    rows = []
    for arm in ARMS:
        found = [scores.get((arm.name, metric, horizon)) for metric, horizon, _ in columns]
        if any(found) and (with_truth or arm.name != "truth"):
            cells = tuple(_cell(score, form) for score in found)
            rows.append(Row(title=arm.title, cells=(*cells, _count(found)), group=_group(arm.name)))
    return Table(caption=caption, head=("", *(title for *_, title in columns), "walks / scenes"), rows=tuple(rows))


def _cell(score: Score | None, form: Format) -> Cell:
    if score is None:
        return Cell(main=_DASH)
    if score.low != score.low:
        return Cell(main=form(score.value))
    return Cell(main=form(score.value), small=f"{form(score.low)} … {form(score.high)}")


def _signed_cell(score: Score | None) -> Cell:
    if score is None:
        return Cell(main=_DASH)
    tone = "good" if score.low > 0 else "bad" if score.high < 0 else ""
    plain = _cell(score, gain)
    return Cell(main=plain.main, small=plain.small, tone=tone)


def count_threads(speed: Mapping[str, Any]) -> str:
    return f"{speed['threads']} thread{'' if speed['threads'] == 1 else 's'}"


def _milliseconds(step: Mapping[str, float]) -> Cell:
    return Cell(main=f"{step['median']:.1f}", small=f"{step['p95']:.1f}")


def _count(found: Sequence[Score | None]) -> Cell:
    """Walks and scenes behind a row; a range where the columns differ."""
    cases = sorted({score.cases for score in found if score is not None})
    scenes = sorted({score.scenes for score in found if score is not None})
    return Cell(main=f"{_range(cases)} / {_range(scenes)}")


def _range(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if numbers[0] == numbers[-1] else f"{numbers[0]}–{numbers[-1]}"


def _group(arm: str) -> str:
    origin = next(a.origin for a in ARMS if a.name == arm)
    return {"candidate": "candidate", "int8": "candidate", "baseline": "baseline"}.get(origin, "control")
