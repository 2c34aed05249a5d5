"""A folder of tiny random weights in the published layout and under the published names."""

import shutil
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from modeling.language import Umt5
from modeling.released.autoencoder import DECODER_FILES
from modeling.released.text_encoder import TOKENIZER_FILE, WEIGHTS_FILE, published_name

PARITY: Final = Path(__file__).parents[2] / "parity"
WORDS: Final = ("<pad>", "</s>", "<unk>", "a", "quiet", "street", "in", "the", "rain")
PROMPT: Final = "a quiet street in the rain"
NEGATIVE: Final = "the rain"  # the published one is longer than these weights take
TEXT_WIDTH: Final = 64  # what the small denoiser takes


def write_weights(folder: Path) -> Path:
    """The small denoiser and autoencoders of the parity fixtures, and a random text encoder that fits them."""
    for number, name in enumerate(("base_model", "base_distilled_model")):
        (folder / name).mkdir(parents=True)
        shutil.copy(PARITY / "dit_config.json", folder / name / "config.json")
        tensors = load_file(PARITY / "dit_weights.safetensors")
        tensors["head.head.bias"] = tensors["head.head.bias"] + number  # two models, told apart by what they make
        save_file(tensors, folder / name / "diffusion_pytorch_model.safetensors")
    torch.save(load_file(PARITY / "vae_weights.safetensors"), folder / DECODER_FILES["wan"])
    torch.save({"gen_model": load_file(PARITY / "vae_light50_checkpoint.safetensors")}, folder / DECODER_FILES["light50"])
    torch.save({"gen_model": load_file(PARITY / "vae_light75_checkpoint.safetensors")}, folder / DECODER_FILES["light75"])
    _write_text_encoder(folder)
    return folder


def _write_text_encoder(folder: Path) -> None:
    torch.manual_seed(0)
    encoder = Umt5(vocabulary=len(WORDS), width=TEXT_WIDTH, head_width=16, heads=4, ffn=48, layers=2, buckets=32)
    named = {published_name(name): value.clone() for name, value in encoder.state_dict().items()}
    torch.save({name: value.bfloat16() for name, value in named.items()}, folder / WEIGHTS_FILE)
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    path = folder / TOKENIZER_FILE
    path.parent.mkdir(parents=True)
    tokenizer.save(str(path))
