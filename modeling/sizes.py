"""The denoiser's sizes by name: ``tiny`` is what the loop trains, ``5b`` the released one, ``28b`` a mixture.

Names count what the public base models have: with camera and action layers, ``5b`` has 6.47 billion parameters and an
expert of ``28b`` 19.1.
"""

from typing import Final, Literal, assert_never

from modeling.action_module import ActionConfig
from modeling.conditioning import tiny_denoiser
from modeling.denoiser import Denoiser, DenoiserConfig
from modeling.mixture import Mixture, MixtureConfig

SizeName = Literal["tiny", "5b", "28b"]

DENOISER_5B: Final = DenoiserConfig()
# Width, depth and heads of Wan2.2-A14B; latents, camera and actions as in the 5b, whose autoencoder it shares. That the
# first half of the blocks has actions is our choice after the 5b's: no weights of this size are published.
EXPERT_14B: Final = DenoiserConfig(width=5120, ffn_width=13824, heads=40, layers=40, action=ActionConfig(blocks=tuple(range(20))))
MIXTURE_28B: Final = MixtureConfig(expert=EXPERT_14B)


def build_size(name: SizeName) -> Denoiser | Mixture:
    """A model with fresh weights; under ``torch.device("meta")`` it takes no memory."""
    match name:
        case "tiny":
            return Denoiser(tiny_denoiser())
        case "5b":
            return Denoiser(DENOISER_5B)
        case "28b":
            return Mixture(MIXTURE_28B)
        case _:
            assert_never(name)
