"""Parity of the text encoder: features of all rows, and as the denoiser takes them."""

from pathlib import Path
from typing import Any, Final

import torch

from inference.parity.fixture import Fixture, compare
from inference.parity.result import CaseResult
from modeling.released.text_encoder import build_encoder, encode_ids

CASES: Final = "text_encoder.safetensors"


@torch.no_grad()
def run(folder: Path, meta: dict[str, Any]) -> list[CaseResult]:
    """Both outputs of ``text_encoder``, from its own weights."""
    cases = Fixture(folder, CASES, meta)
    encoder = build_encoder(cases.all("w."), folder / CASES)
    ids, mask, tolerance = cases["ids"], cases["mask"], cases.stated()
    results = [
        compare("text encoder all rows", encoder(ids, mask), cases["encoder_out"], tolerance),
        compare("text encoder", encode_ids(encoder, ids, mask), cases["wrapper_out_padding_zeroed"], tolerance),
    ]
    return results + cases.unused()
