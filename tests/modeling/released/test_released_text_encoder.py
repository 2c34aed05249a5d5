"""The published text encoder loads by its own names, pads with zero rows, and refuses prompts that it cannot take."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor

from modeling.released.text_encoder import TOKENIZER_FILE, WEIGHTS_FILE, build_encoder, clean_prompt, load_text_encoder
from modeling.weights import WeightsError

PARITY = Path(__file__).parents[2] / "parity"
WORDS = ("<pad>", "</s>", "a", "wall", "of", "colours", "don't")


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    tensors = load_file(PARITY / "text_encoder.safetensors")
    return {name.removeprefix("w."): value for name, value in tensors.items() if name.startswith("w.")}


@pytest.fixture
def folder(tmp_path, weights) -> Path:
    """The published layout, with a tokenizer of a few words that marks the end as the published one does."""
    torch.save(weights, tmp_path / WEIGHTS_FILE)
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    (tmp_path / TOKENIZER_FILE).parent.mkdir(parents=True)
    tokenizer.save(str(tmp_path / TOKENIZER_FILE))
    return tmp_path


def test_the_parameters_at_full_size_are_those_listed():
    listed = json.loads((PARITY / "keys" / "umt5_xxl_encoder.json").read_text())["parameters"]
    tensors = {name: torch.empty(entry["shape"], device="meta") for name, entry in listed.items()}
    encoder = build_encoder(tensors, Path("umt5"))
    config = encoder.model.config
    assert (config.num_layers, config.num_heads, config.d_kv, config.vocab_size) == (24, 64, 64, 256384)


def test_rows_after_a_prompts_end_are_zero_and_prompts_in_a_batch_do_not_mix(folder):
    encoder = load_text_encoder(folder, tokens=9, dtype=torch.float32)
    both = encoder.encode(["a wall", "a wall of colours"])
    assert both.shape == (2, 9, 32)
    assert both[0, :3].abs().amax(1).all() and not both[0, 3:].any() and not both[1, 5:].any()
    torch.testing.assert_close(both[:1], encoder.encode(["  a \n wall "]))


def test_prompts_are_cleaned_before_they_are_numbered():
    assert clean_prompt("  don’t&amp;amp;\t“go” ") == 'don\'t& "go"'


def test_empty_and_over_long_prompts_are_refused(folder):
    encoder = load_text_encoder(folder, tokens=4)
    with pytest.raises(ValueError, match="prompt is empty"):
        encoder.encode([" \n"])
    with pytest.raises(ValueError, match="prompt has 5 tokens, the model takes 4"):
        encoder.encode(["a wall of colours"])


def test_what_is_missing_or_of_another_model_is_named(folder, weights):
    with pytest.raises(WeightsError, match=r"umt5 lacks tensor blocks\.1\.attn\.k\.weight"):
        build_encoder({name: value for name, value in weights.items() if name != "blocks.1.attn.k.weight"}, Path("umt5"))
    with pytest.raises(WeightsError, match=r"has a tensor head\.weight"):
        build_encoder(weights | {"head.weight": torch.zeros(1)}, Path("umt5"))
    with pytest.raises(WeightsError, match=r"lacks tensor token_embedding\.weight"):
        build_encoder({}, Path("umt5"))
    (folder / TOKENIZER_FILE).write_text("{")
    with pytest.raises(WeightsError, match=r"tokenizer\.json is cut short or no tokenizer") as caught:
        load_text_encoder(folder)
    assert "\n" not in str(caught.value)
    (folder / TOKENIZER_FILE).unlink()
    with pytest.raises(WeightsError, match=r"tokenizer\.json is missing"):
        load_text_encoder(folder)
