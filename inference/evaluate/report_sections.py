"""The report's sections about the model: each from what the evaluation measured; what was not measured has no section."""

from collections.abc import Mapping
from typing import Any, Final

from inference.evaluate import report_tables as tables
from inference.evaluate.differences import DIFFERENCES
from inference.evaluate.plots import plot_by_frame
from inference.evaluate.report_data import curation_sections, timing_section, training_section
from inference.evaluate.report_source import ReportSource
from inference.evaluate.scores import Score
from inference.evaluate.section import Details, Plot, Section, Video
from inference.evaluate.verdict import Scores, difference, index_scores

_COMPARED: Final = (
    "autoencoder",
    "candidate",
    "warp",
    "candidate_no_geometry",
    "base",
    "base_no_geometry",
    "random_denoiser",
    "random_no_geometry",
    "repeat_last",
)
_LONG: Final = ("candidate", "candidate_no_geometry", "memory_off", "memory_wrong_scene", "memory_off_no_geometry", "repeat_last")
_MEMORIES: Final = (
    ("candidate", "memory_off", "Geometry on, where remembered pixels are warped back in: own memory against none"),
    ("candidate", "memory_wrong_scene", "Geometry on: own memory against that of another scene"),
    ("candidate_no_geometry", "memory_off_no_geometry", "The network alone, no pixel warped: own memory against none"),
)
_WALK_NAMES: Final = {"out_and_back": "Out and back", "turn_and_back": "Turn and back", "spin": "Spin", "idle": "Standing still"}


def collect_sections(source: ReportSource) -> list[Section]:
    """All sections of which there is something to say, in reading order."""
    evaluation = source.outputs("evaluate")
    sections: list[Section] = []
    if evaluation:
        scores = index_scores([Score(**values) for values in source.json(evaluation["scores"])])
        config = source.config("evaluate")["measure"]
        sections += [
            _walks(source, evaluation),
            _fidelity(scores, config, evaluation["missing_arms"]),
            _actions(scores, config),
            _memory(scores, config),
            _drift(scores, config),
            _speed(evaluation),
        ]
    sections += [training_section(source), *curation_sections(source), timing_section(source)]
    return [section for section in sections if section.is_filled]


def key_figures(evaluation: Mapping[str, Any]) -> list[dict[str, str]]:
    """The numbers at a glance below the verdict, each beside what it must be compared with."""
    headline: Mapping[str, float] = evaluation.get("headline", {})
    horizon = max((int(name.rsplit("@", 1)[1]) for name in headline if name.startswith("candidate.psnr@")), default=0)
    wanted = [
        (f"candidate.psnr@{horizon}", "repeat_last", f"dB PSNR at frame {horizon}", tables.decibels),
        (f"candidate_no_geometry.psnr@{horizon}", "repeat_last", f"dB at frame {horizon}, network alone", tables.decibels),
        (
            "candidate_no_geometry.action_response@4",
            "",
            "actions followed at frame 4, network alone (chance 50 %)",
            tables.percent,
        ),
        ("candidate.action_response@4", "", "actions followed at frame 4, with geometry (chance 50 %)", tables.percent),
    ]
    figures = []
    for name, control, label, form in wanted:
        if name in headline:
            below = headline.get(f"{control}.{name.split('.', 1)[1]}")
            beside = f"; repeating the last frame: {form(below)}" if below is not None else ""
            figures.append({"value": form(headline[name]), "label": label + beside})
    speed = evaluation.get("speed", {}).get("candidate")
    if speed:
        label = f"generated frames a second, {tables.count_threads(speed)}, {speed['hardware']}"
        figures.append({"value": f"{speed['fps']:.0f}", "label": label})
    return figures


def _walks(source: ReportSource, evaluation: Mapping[str, Any]) -> Section:
    videos = tuple(
        Video(
            panels=video["panels"],
            data=source.base64(video["object"]),
            poster=source.base64(video["poster"]),
            caption=_caption(video),
        )
        for video in evaluation["videos"]
    )
    return Section(
        title="Walks, side by side",
        paragraphs=(
            "Each model sees the first frame and the keys that were recorded, nothing else. Scenes were never trained on.",
        ),
        videos=videos,
    )


def _caption(video: Mapping[str, Any]) -> str:
    scene, start, walk = video["case"].rsplit("/", 2)
    name = _WALK_NAMES.get(walk, f"Keys {'+'.join(walk.removeprefix('key_'))} held")
    return f"{name}: {video['frames'] / video['fps']:.1f} s in scene {scene}, start {start}."


def _fidelity(scores: Scores, config: Mapping[str, Any], missing: Mapping[str, str]) -> Section:
    horizons = config["horizons"]
    psnr = tables.fidelity(
        scores,
        "psnr",
        horizons,
        tables.decibels,
        "PSNR (dB) against the recording of the same actions, mean over scenes, below it the 95 % interval over scenes. "
        "Single-key walks (W S A D L R WL WR). Rows with geometry paste warped pixels, so the autoencoder is no ceiling to them.",
    )
    ssim = tables.fidelity(scores, "ssim", horizons, tables.two_digits, "Structural similarity (SSIM) of luma; 1 is equal.")
    sharp = tables.fidelity(
        scores,
        "sharpness",
        horizons,
        tables.two_digits,
        "Gradient energy as a share of the truth's: below 1 is blurred. PSNR forgives blur, this does not.",
    )
    folded = [Details(title=title, table=table) for title, table in (("Structural similarity", ssim), ("Sharpness", sharp))]
    pairs = tables.differences(scores, DIFFERENCES, horizons)
    plot = plot_by_frame(scores, "psnr", _COMPARED, "PSNR, dB")
    plots = (Plot(svg=plot, caption="PSNR by frame with 95 % intervals over scenes."),) if plot else ()
    details = tuple(one for one in folded if one.table.rows)
    absent = "; ".join(f"{tables.TITLES[arm]} ({why})" for arm, why in missing.items())
    said = (f"Not played: {absent}.",) if missing else ()
    return Section(title="Fidelity", paragraphs=said, plots=plots, tables=tables.filled(psnr, pairs), details=details)


def _actions(scores: Scores, config: Mapping[str, Any]) -> Section:
    horizons = config["response_horizons"]
    by_key = tables.response_by_key(scores, max(horizons))
    return Section(
        title="Following actions",
        tables=tables.filled(tables.action_response(scores, horizons), tables.motion(scores, config["motion_horizons"])),
        details=(Details(title="By key", table=by_key),) if by_key.rows else (),
    )


def _memory(scores: Scores, config: Mapping[str, Any]) -> Section:
    table = tables.revisits(scores)
    lines = []
    for arm, other, what in _MEMORIES:
        score = scores.get((difference(arm, other), "revisit_psnr", 0))
        if score is not None:
            lines.append(f"{what}: {tables.with_interval(score, tables.gain)} dB on views seen again.")
    gap = config["revisit"]["gap"]
    lines.append(f"A view counts as seen again after at least {gap} frames, within {config['revisit']['distance']} m.")
    return Section(title="Seeing places again", paragraphs=tuple(lines) if table.rows else (), tables=tables.filled(table))


def _drift(scores: Scores, config: Mapping[str, Any]) -> Section:
    walks = [walk for walk in _WALK_NAMES if ("repeat_last", f"{walk}_psnr", 1) in scores]
    plots = []
    for walk in walks:
        svg = plot_by_frame(scores, f"{walk}_psnr", _LONG, "PSNR, dB")
        plots.append(Plot(svg=svg, caption=f"{_WALK_NAMES[walk]}: PSNR by frame."))
    frames = {walk: max(h for _, m, h in scores if m == f"{walk}_psnr") for walk in walks}
    table = tables.drifts(scores, walks, frames, config["windows"])
    return Section(title="Drift over long walks", tables=tables.filled(table), plots=tuple(plots))


def _speed(evaluation: Mapping[str, Any]) -> Section:
    return Section(title="Speed", tables=tables.filled(tables.speeds(evaluation["speed"])))
