"""The one door to transformers: language models and their tokenizers, from local files only."""

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

MISSING = "the text encoder is missing; install transformers"


class Tokenizer(Protocol):
    """Words to numbers, with whatever marks the tokenizer's file says belong around them."""

    def encode(self, text: str) -> list[int]: ...


class Umt5(nn.Module):
    """An umt5 encoder: token numbers and a mask to features."""

    def __init__(self, *, vocabulary: int, width: int, head_width: int, heads: int, ffn: int, layers: int, buckets: int) -> None:
        super().__init__()
        try:
            from transformers import UMT5Config, UMT5EncoderModel
        except ImportError as error:
            raise ImportError(MISSING) from error
        config = UMT5Config(
            vocab_size=vocabulary,
            d_model=width,
            d_kv=head_width,
            d_ff=ffn,
            num_layers=layers,
            num_heads=heads,
            relative_attention_num_buckets=buckets,
        )
        self.model = UMT5EncoderModel(config)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Map numbers (B, K) and a mask (B, K), 1 where a token counts, to features (B, K, W) of all rows."""
        return self.model(input_ids=ids, attention_mask=mask).last_hidden_state


def load_model_folder(path: str | Path) -> tuple[Any, Any]:
    """Tokenizer and model, float32, of a local folder in transformers' own layout."""
    try:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging
    except ImportError as error:
        raise ImportError(MISSING) from error
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # a bar of its own would break our progress lines
    tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    model = AutoModel.from_pretrained(path, local_files_only=True, dtype=torch.float32)
    return tokenizer, model.eval()


def load_tokenizer_file(path: Path) -> Tokenizer:
    """A tokenizer exactly as its ``tokenizer.json`` says.

    Raises:
        ValueError: the file is no tokenizer.
    """
    try:
        from transformers import PreTrainedTokenizerFast
    except ImportError as error:
        raise ImportError(MISSING) from error
    try:
        return PreTrainedTokenizerFast(tokenizer_file=str(path))  # type: ignore[no-untyped-call]  # not annotated there
    except Exception as error:  # the Rust library raises bare Exception
        raise ValueError(f"{path} is cut short or no tokenizer ({str(error).partition(chr(10))[0][:120]})") from None
