"""The compress stage: the student with 8-bit attention projections, and how far it is from the float one."""

import json
from dataclasses import dataclass
from typing import Any, Final

from infra.stage import StageContext, StageResult, run_stage
from infra.store import Store
from modeling.checkpoint import find_checkpoint, save_checkpoint
from modeling.int8 import Int8Linear, quantise_linears
from modeling.loop import NO_TRAINING
from modeling.world_model import load_denoiser

VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class CompressConfig:
    """Which compressed forms are written."""

    int8: bool = True


def compress(distilled: StageResult, config: CompressConfig, store: Store, *, fresh: bool = False) -> StageResult:
    """Quantise the student of a finished distil stage; outputs name the checkpoint ``int8`` ("" where it is off)."""
    return run_stage(
        store,
        name="compress",
        version=VERSION,
        inputs={"student": distilled.outputs["student"]},
        config=config,
        work=lambda context: _compress(distilled.outputs["student"], config, store, context),
        fresh=fresh,
    )


def _compress(student: str, config: CompressConfig, store: Store, context: StageContext) -> dict[str, Any]:
    if not config.int8:
        return {"int8": ""}
    row = find_checkpoint(store, student)
    model, _, _ = load_denoiser(store, row)
    before = {name: p.detach().clone() for name, p in model.named_parameters() if name.endswith("attn.q.weight")}
    quantise_linears(model)
    context.progress(1, 1, "attention projections quantised")
    errors = []
    for name, weight in before.items():
        layer = model.get_submodule(name.removesuffix(".weight"))
        assert isinstance(layer, Int8Linear)
        restored = layer.weight.float() * layer.scale[:, None]
        errors.append(float((restored - weight).norm() / weight.norm()))
    saved = save_checkpoint(
        store,
        model,
        kind="int8",
        config=row.config,
        parents=(student,),
        origin="trained" if row.steps else row.origin,
        log=NO_TRAINING,
        metrics={"weight_relative_error": max(errors)},
    )
    return {"int8": saved.digest, "metrics": json.loads(saved.metrics), "bytes": len(store.get_bytes(saved.weights_object))}
