"""What a server serves: facts of a bundle, without its weights."""

import hashlib
from dataclasses import dataclass
from typing import Any

from inference.pictures import decode_png
from infra.datasets import load_bundle
from infra.pictures import Picture
from infra.store import Store
from modeling.checkpoint import find_checkpoint
from modeling.world_model import world_from_json

NOT_RELEASED = "not released: this is a candidate, not the model that was released"


@dataclass(frozen=True, kw_only=True)
class StartImage:
    """A picture to begin with."""

    picture: Picture  # (H, W, 3)
    prompt: str


@dataclass(frozen=True, kw_only=True)
class ServedWorld:
    """What players may know of the model behind the page."""

    name: str
    bundle: str  # digest
    dataset: str
    checkpoints: dict[str, str]  # kind to digest
    width: int
    height: int
    fps: float
    segment_frames: int
    starts: tuple[StartImage, ...]
    banner: str = ""  # shown in red where it is not empty

    def describe(self) -> dict[str, Any]:
        """The answer to ``/info``."""
        return {
            "name": self.name,
            "bundle": self.bundle,
            "dataset": self.dataset,
            "checkpoints": self.checkpoints,
            "width": self.width,
            "height": self.height,
            "fps": self.fps,
            "segment_frames": self.segment_frames,
            "banner": self.banner,
            "starts": [
                {"number": n, "prompt": start.prompt, "digest": hashlib.sha256(start.picture.tobytes()).hexdigest()[:16]}
                for n, start in enumerate(self.starts)
            ],
        }


def read_served_world(store: Store, digest: str, *, released: bool, int8: bool = False) -> ServedWorld:
    """Gather the facts of a bundle.

    Raises:
        MissingObjectError: the bundle, its denoiser or a start image is not in the store.
        ValueError: the bundle has no INT8 checkpoint.
    """
    bundle = load_bundle(store, digest)
    if int8 and not bundle.denoiser_int8:
        raise ValueError(f"bundle {bundle.name} has no int8 checkpoint; play without --set serve.int8=true")
    checkpoints = {"autoencoder": bundle.autoencoder, "denoiser": bundle.denoiser_int8 if int8 else bundle.denoiser}
    world, _ = world_from_json(find_checkpoint(store, checkpoints["denoiser"]).config)
    starts = [
        StartImage(picture=decode_png(store.get_bytes(name)), prompt=prompt)
        for name, prompt in zip(bundle.start_images, bundle.start_prompts, strict=True)
    ]
    return ServedWorld(
        name=bundle.name,
        bundle=digest,
        dataset=bundle.dataset,
        checkpoints=checkpoints,
        width=bundle.width,
        height=bundle.height,
        fps=bundle.fps,
        segment_frames=world.segments.new_frames,
        starts=tuple(starts),
        banner="" if released else NOT_RELEASED,
    )
