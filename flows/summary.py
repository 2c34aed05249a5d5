"""What a finished stage says on the command line: one line."""

from collections.abc import Mapping
from typing import Any, Final

from infra.stage import StageResult


def summarise_stage(result: StageResult) -> str:
    """One line: the stage, what it made, how long that took."""
    how = "found finished" if result.reused else f"{result.seconds:.1f} s"
    early = ", stopped early by its time cap" if result.stopped_early else ""
    return f"{result.stage:<10} {_made(result.stage, result.outputs)} ({how}{early})"


_SHOWN: Final = {
    "candidate": "model",
    "candidate_no_geometry": "network alone",
    "warp": "warp alone",
    "repeat_last": "last frame",
    "base": "base weights",
}


def _headline(scores: Mapping[str, float], frame: int = 8) -> str:
    """PSNR at one frame of those arms that were played that far."""
    found = [f"{title} {scores[key]:.1f}" for arm, title in _SHOWN.items() if (key := f"{arm}.psnr@{frame}") in scores]
    return f"; dB at frame {frame}: {', '.join(found)}" if found else ""


def _made(stage: str, outputs: Mapping[str, Any]) -> str:
    match stage:
        case "collect":
            return f"{outputs['episodes']} episodes, {outputs['frames']} frames"
        case "annotate":
            return f"{outputs['episodes']} episodes with poses, actions and captions"
        case "curate":
            return f"dataset {outputs['dataset'][:12]}"
        case "train":
            return f"autoencoder {outputs['autoencoder'][:12]}, base {outputs['base'][:12]}"
        case "distil":
            return f"student {outputs['student'][:12]}"
        case "compress":
            return f"int8 {outputs['int8'][:12]}" if outputs["int8"] else "nothing to do"
        case "evaluate":
            starts, scenes = outputs["starts"], outputs["scenes"]
            where = f"{starts} start{'s' * (starts != 1)} in {scenes} unseen scene{'s' * (scenes != 1)}"
            unseen = f"{len(outputs['arms'])} arms from {where}"
            return f"{unseen}{_headline(outputs['headline'])}"
        case "release":
            passed = sum(check["passed"] for check in outputs["checks"])
            verdict = "passed" if outputs["released"] else "REFUSED"
            return f"bundle {outputs['bundle'][:12]} {verdict}, {passed} of {len(outputs['checks'])} checks hold"
        case _:
            return ", ".join(f"{name} {value}" for name, value in outputs.items() if isinstance(value, (str, int, float)))
