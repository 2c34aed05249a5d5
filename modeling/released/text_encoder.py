"""The published text encoder: umt5-xxl from its .pth file, and its tokenizer from the folder beside it."""

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from modeling.finite import check_weights
from modeling.language import Tokenizer, Umt5, load_tokenizer_file
from modeling.weights import WeightsError, check_tensors, read_pth, tensor_of

WEIGHTS_FILE: Final = "models_t5_umt5-xxl-enc-bf16.pth"
TOKENIZER_FILE: Final = "google/umt5-xxl/tokenizer.json"

# Our names, with {i} for a block, and the published ones.
_TOP: Final = {
    "model.shared.weight": "token_embedding.weight",
    "model.encoder.embed_tokens.weight": "token_embedding.weight",
    "model.encoder.final_layer_norm.weight": "norm.weight",
}
_BLOCK: Final = {
    **{f"layer.0.SelfAttention.{name}.weight": f"attn.{name}.weight" for name in "qkvo"},
    "layer.0.SelfAttention.relative_attention_bias.weight": "pos_embedding.embedding.weight",
    "layer.0.layer_norm.weight": "norm1.weight",
    "layer.1.DenseReluDense.wi_0.weight": "ffn.gate.0.weight",
    "layer.1.DenseReluDense.wi_1.weight": "ffn.fc1.weight",
    "layer.1.DenseReluDense.wo.weight": "ffn.fc2.weight",
    "layer.1.layer_norm.weight": "norm2.weight",
}
_QUOTES: Final = str.maketrans("‘’‚‛“”„‟", "''''\"\"\"\"")


class TextEncoder:
    """Prompts to features, always as many rows; those after a prompt's end are zero."""

    def __init__(self, encoder: Umt5, tokenizer: Tokenizer, tokens: int = 512) -> None:
        self.encoder, self.tokenizer, self.tokens = encoder, tokenizer, tokens

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Features (B, tokens, W) of prompts.

        Raises:
            ValueError: a prompt is empty, or longer than the model's rows.
        """
        device = next(self.encoder.parameters()).device
        ids = torch.zeros(len(prompts), self.tokens, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            numbers = self._number(prompt)
            ids[row, : len(numbers)] = torch.tensor(numbers)
            mask[row, : len(numbers)] = 1
        return encode_ids(self.encoder, ids.to(device), mask.to(device))

    def _number(self, prompt: str) -> list[int]:
        text = clean_prompt(prompt)
        if not text:
            raise ValueError("the prompt is empty; say in a sentence what the picture shows")
        numbers = self.tokenizer.encode(text)
        if len(numbers) > self.tokens:
            raise ValueError(f"the prompt has {len(numbers)} tokens, the model takes {self.tokens}; shorten it")
        return numbers


def load_text_encoder(folder: Path, *, tokens: int = 512, dtype: torch.dtype | None = None) -> TextEncoder:
    """The text encoder of a published folder, on the CPU, as ``dtype`` or as it is stored.

    Raises:
        WeightsError: a file or tensor is missing, left over, misshapen or cut short.
    """
    path = folder / TOKENIZER_FILE
    if not path.is_file():
        raise WeightsError(f"{path} is missing; fetch the tokenizer folder beside the other published files")
    try:
        tokenizer = load_tokenizer_file(path)
    except ValueError as error:
        raise WeightsError(f"{error}; fetch it again") from None
    where = folder / WEIGHTS_FILE
    return TextEncoder(build_encoder(read_pth(where), where, dtype=dtype), tokenizer, tokens)


def build_encoder(tensors: Mapping[str, Tensor], where: Path, *, dtype: torch.dtype | None = None) -> Umt5:
    """An encoder from tensors under their published names, as large as they are.

    Raises:
        WeightsError: names the tensor that is missing, left over or misshapen in ``where``.
    """
    vocabulary, width = tensor_of(tensors, "token_embedding.weight", 2, where).shape
    buckets, heads = tensor_of(tensors, "blocks.0.pos_embedding.embedding.weight", 2, where).shape
    layers = 1 + max(int(match[1]) for name in tensors if (match := re.match(r"blocks\.(\d+)\.", name)))
    with torch.device("meta"):
        encoder = Umt5(
            vocabulary=vocabulary,
            width=width,
            head_width=tensor_of(tensors, "blocks.0.attn.q.weight", 2, where).shape[0] // heads,
            heads=heads,
            ffn=tensor_of(tensors, "blocks.0.ffn.fc1.weight", 2, where).shape[0],
            layers=layers,
            buckets=buckets,
        )
    wanted = encoder.state_dict()
    check_tensors({published_name(name): value for name, value in wanted.items()}, tensors, where)
    kept = {name: value.to(dtype) if dtype else value for name, value in tensors.items()}
    check_weights(kept, where)
    encoder.load_state_dict({name: kept[published_name(name)] for name in wanted}, assign=True)
    return encoder.eval()


@torch.no_grad()
def encode_ids(encoder: Umt5, ids: Tensor, mask: Tensor) -> Tensor:
    """Features (B, K, W) of numbers (B, K), as the denoiser takes them: rows where the mask is 0 are zero."""
    return encoder(ids, mask) * mask[..., None]


def clean_prompt(prompt: str) -> str:
    """A prompt as the release cleans it: HTML entities resolved twice, straight quotes, single spaces."""
    text = html.unescape(html.unescape(prompt)).translate(_QUOTES)
    return re.sub(r"\s+", " ", text).strip()


def published_name(name: str) -> str:
    """What the published file calls a tensor of ours."""
    if match := re.fullmatch(r"model\.encoder\.block\.(\d+)\.(.+)", name):
        return f"blocks.{match[1]}.{_BLOCK[match[2]]}"
    return _TOP[name]
