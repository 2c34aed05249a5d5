"""Parity of the autoencoders: the full one and both pruned ones, at once and streamed."""

from pathlib import Path
from typing import Any, Final

import torch

from inference.parity.fixture import Fixture, compare
from inference.parity.result import CaseResult
from modeling.autoencoder import Autoencoder
from modeling.autoencoder_layers import Stream
from modeling.released.autoencoder import build_autoencoder, internal_names, own_names

# Prefix of the cases in vae_cases, and the file that holds the weights.
WEIGHTS: Final = {
    "": "vae_weights.safetensors",
    "light50.": "vae_light50_checkpoint.safetensors",
    "light75.": "vae_light75_checkpoint.safetensors",
}
CASES: Final = "vae_cases.safetensors"


@torch.no_grad()
def run(folder: Path, meta: dict[str, Any]) -> list[CaseResult]:
    """Every case of ``vae_cases``, with the autoencoder that its name says."""
    cases = Fixture(folder, CASES, meta)
    mean, std = cases["latent_mean"], 1 / cases["latent_inv_std"]
    results = []
    for prefix, file in WEIGHTS.items():
        weights = Fixture(folder, file, meta)
        model = build_autoencoder(own_names(weights.all()), folder / file, latent_mean=mean, latent_std=std)
        label = f"vae {prefix.rstrip('.')}".strip()
        results += [_names_agree(label, weights)] if "internal_names" in weights.about else []
        results += _encode(label, model, cases, prefix) + _decode(label, model, cases, prefix)
        results += _stream(label, model, cases, prefix)
    return results + cases.unused()


def _encode(label: str, model: Autoencoder, cases: Fixture, prefix: str) -> list[CaseResult]:
    results = []
    for match in cases.names(rf"{prefix}(?:student_encoder\.)?encode\.(\w+?)(_unnormalised)?"):
        encode = model.encode_raw if match[2] else model.encode
        found = encode(cases[match[1]][None])[0]
        results.append(compare(f"{label} {match[0].removeprefix(prefix)}", found, cases[match[0]], cases.stated()))
    return results


def _decode(label: str, model: Autoencoder, cases: Fixture, prefix: str) -> list[CaseResult]:
    results = []
    for match in cases.names(rf"{prefix}decode\.z_first(\d+)"):
        found = model.decode(cases["z"][:, :, : int(match[1])])[0]
        results.append(compare(f"{label} {match[0].removeprefix(prefix)}", found, cases[match[0]], cases.stated()))
    return results


def _stream(label: str, model: Autoencoder, cases: Fixture, prefix: str) -> list[CaseResult]:
    """``stream.5_4.seg4.chunk1``: the second call of a stream cut 5 + 4, four latents at a time within a call."""
    results = []
    plans = {(match[1], match[2]) for match in cases.names(rf"{prefix}stream\.([\d_]+)\.seg(\d+)\.chunk\d+")}
    for cuts, size in sorted(plans):
        stream, start = Stream(), 0
        for chunk, count in enumerate(int(part) for part in cuts.split("_")):
            pieces = cases["z"][:, :, start : start + count].split(int(size), 2)
            found = torch.cat([model.decode(piece, stream) for piece in pieces], 2)
            name, start = f"stream.{cuts}.seg{size}.chunk{chunk}", start + count
            results.append(compare(f"{label} {name}", found, cases[prefix + name], cases.stated()))
    return results


def _names_agree(label: str, weights: Fixture) -> CaseResult:
    """The published names become the internal ones that meta.json lists."""
    stated = {name: own for name, own in weights.about["internal_names"].items() if own is not None}
    found = internal_names(weights.about["internal_names"])
    wrong = sorted(name for name in stated.keys() | found.keys() if stated.get(name) != found.get(name))
    return CaseResult(name=f"{label} names", worst=float(len(wrong)), tolerance=0.0, note=", ".join(wrong[:1]))
