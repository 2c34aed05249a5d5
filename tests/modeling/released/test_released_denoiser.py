"""A published denoiser folder loads by its own names, and what does not fit is named in one line."""

import json
import re
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from modeling.denoiser import Denoiser, DenoiserConfig
from modeling.finite import NotFiniteError
from modeling.released.denoiser import load_denoiser, read_config
from modeling.weights import WeightsError

PARITY = Path(__file__).parents[2] / "parity"
ONE_LINE = re.compile(r"\A[^\n]+\Z")


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return load_file(PARITY / "dit_weights.safetensors")


@pytest.fixture
def folder(tmp_path, weights) -> Path:
    """A published folder of two shards without an index."""
    shutil.copy(PARITY / "dit_config.json", tmp_path / "config.json")
    names = sorted(weights)
    for shard, part in enumerate((names[::2], names[1::2])):
        save_file({name: weights[name] for name in part}, tmp_path / f"diffusion_pytorch_model-0000{shard}-of-00002.safetensors")
    return tmp_path


def write_index(folder: Path) -> None:
    table = {name: path.name for path in folder.glob("*.safetensors") for name in load_file(path)}
    (folder / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": table}))


def change(folder: Path, **tensors: Tensor | None) -> None:
    """Change, add or (None) remove tensors of the first shard."""
    path = min(folder.glob("*.safetensors"))
    held = load_file(path)
    for name, value in tensors.items():
        held.pop(name, None)
        if value is not None:
            held[name] = value
    save_file(held, path)


def edit_config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text()) | values
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))


def test_shards_load_with_and_without_an_index_in_any_type(folder, weights):
    model = load_denoiser(folder)
    write_index(folder)
    indexed = load_denoiser(folder, dtype=torch.float32)
    for name, value in weights.items():
        assert torch.equal(model.state_dict()[name], value)
        assert torch.equal(indexed.state_dict()[name], value.float())
    assert next(model.parameters()).dtype == torch.bfloat16


def test_what_the_config_leaves_out_is_filled_in(folder):
    config = load_denoiser(folder).config
    assert (config.patch, config.text_width, config.ray_channels, config.text_tokens) == (2, 64, 1536, 16)
    assert config.sigma_theta == 0.8 and config.action.rope_widths == (8, 4, 4) and config.action.blocks == (0, 1)


def test_the_full_size_config_is_the_default_one_and_its_parameters_are_those_listed():
    listed = json.loads((PARITY / "keys" / "dit_5b.json").read_text())
    with torch.device("meta"):
        tensors = {name: torch.empty(entry["shape"]) for name, entry in listed["parameters"].items()}
        model = Denoiser(DenoiserConfig())
    assert read_config(listed["config"], tensors, Path("base_model")) == DenoiserConfig()
    assert {name: list(value.shape) for name, value in model.state_dict().items()} == {
        name: entry["shape"] for name, entry in listed["parameters"].items()
    }
    assert round(sum(value.numel() for value in tensors.values()) / 1e9, 2) == 6.47


def test_a_missing_an_extra_and_a_misshapen_tensor_are_named(folder, weights):
    name = sorted(weights)[0]
    for value, said in ((None, f"lacks tensor {name}"), (torch.zeros(3), rf"tensor {name} has shape \(3,\)")):
        change(folder, **{name: value})
        with pytest.raises(WeightsError, match=said) as caught:
            load_denoiser(folder)
        assert ONE_LINE.match(str(caught.value))
    change(folder, **{name: weights[name], "blocks.9.strange": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"has a tensor blocks\.9\.strange"):
        load_denoiser(folder)


def test_quantised_weights_are_refused_by_name(folder, weights):
    name = sorted(weights)[0]
    change(folder, **{name: weights[name].to(torch.int8)})
    with pytest.raises(WeightsError, match=f"tensor {name} is torch.int8"):
        load_denoiser(folder)


def test_types_of_8_bits_load_and_those_that_need_a_key_are_refused_by_name(folder, weights):
    name = next(name for name, value in sorted(weights.items()) if value.ndim > 1)
    for dtype in (torch.float16, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2):
        change(folder, **{name: weights[name].to(dtype)})
        assert load_denoiser(folder, dtype=torch.float32).state_dict()[name].dtype == torch.float32
    change(folder, **{name: torch.zeros(weights[name].shape, dtype=torch.uint8).view(torch.float8_e8m0fnu)})
    with pytest.raises(WeightsError, match=f"tensor {name} is torch.float8_e8m0fnu, not floating point that can be read"):
        load_denoiser(folder, dtype=torch.float32)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e300])
def test_a_value_that_is_not_finite_in_the_type_that_plays_is_named(folder, weights, bad):
    name = max(weights, key=lambda name: weights[name].numel())
    damaged = weights[name].double()
    damaged.view(-1)[3] = bad
    change(folder, **{name: damaged})
    with pytest.raises(NotFiniteError, match=f"tensor {name} holds NaN or infinity"):
        load_denoiser(folder, dtype=torch.float32)


def test_names_as_other_programs_prefix_them_are_read(folder, weights):
    for path in folder.glob("*.safetensors"):
        save_file({f"model.diffusion_model.{name}": value for name, value in load_file(path).items()}, path)
    assert load_denoiser(folder).state_dict().keys() == weights.keys()


@pytest.mark.parametrize("how", ["../{}", "{0.parent}/{0.name}", "x/../../{}", "", "..", "a\0b"])
def test_an_index_may_not_name_a_file_outside_its_folder(folder, how):
    write_index(folder)
    shard, index = max(folder.glob("*.safetensors")), folder / "diffusion_pytorch_model.safetensors.index.json"
    outside = folder.parent / shard.name
    shard.rename(outside)
    name = how.format(outside if "0." in how else shard.name)
    index.write_text(json.dumps({"weight_map": {"one": name}}))
    with pytest.raises(WeightsError, match="outside its folder, which is refused") as caught:
        load_denoiser(folder)
    assert ONE_LINE.match(str(caught.value))
    outside.unlink()


def test_links_into_the_blobs_of_a_cache_are_followed(folder, weights, tmp_path_factory):
    blobs = tmp_path_factory.mktemp("blobs")
    write_index(folder)
    for path in folder.glob("*.safetensors"):
        shutil.move(path, blobs / path.name)
        path.symlink_to(blobs / path.name)
    assert load_denoiser(folder).state_dict().keys() == weights.keys()
    (blobs / path.name).unlink()
    with pytest.raises(WeightsError, match=f"{path.name} is missing"):
        load_denoiser(folder)


def test_a_pointer_of_git_lfs_is_told_from_a_damaged_file(folder):
    path = min(folder.glob("*.safetensors"))
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 123\n")
    with pytest.raises(WeightsError, match="is a pointer of Git LFS and not the file itself"):
        load_denoiser(folder)


def test_a_shard_that_is_cut_short_missing_or_double_is_named(folder):
    write_index(folder)
    first, second = sorted(folder.glob("*.safetensors"))
    second.write_bytes(second.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=f"{second.name} is cut short"):
        load_denoiser(folder)
    second.unlink()
    with pytest.raises(WeightsError, match=f"{second.name} is missing"):
        load_denoiser(folder)
    (folder / "diffusion_pytorch_model.safetensors.index.json").unlink()
    shutil.copy(first, second)
    with pytest.raises(WeightsError, match=f"{first.name} and {second.name} both hold tensor"):
        load_denoiser(folder)


def test_weights_and_configs_of_another_model_are_refused(folder, tmp_path):
    for values, said in (
        ({"num_layers": 3}, "has a tensor blocks.3"),
        ({"num_layers": 5}, "lacks tensor blocks.4"),
        ({"dim": 64, "num_heads": 2}, "img_hidden_size is 128"),
        ({"qk_norm": False}, "qk_norm is False"),
        ({"window_size": [8, 8]}, "window_size"),
        ({"model_type": "t2v"}, "model_type is 't2v'"),
        ({"text_dim": 4096}, "text_dim is 4096"),
        ({"eps": "small"}, "eps is 'small'"),
        ({"ffn_dim": None}, "lacks ffn_dim"),
    ):
        shutil.copy(PARITY / "dit_config.json", folder / "config.json")
        edit_config(folder, **values)
        with pytest.raises(WeightsError, match=re.escape(said)) as caught:
            load_denoiser(folder)
        assert ONE_LINE.match(str(caught.value))


def test_a_missing_or_torn_config_and_an_empty_folder_are_named(folder, tmp_path_factory):
    (folder / "config.json").write_text('{"dim": 12')
    with pytest.raises(WeightsError, match=r"config\.json is cut short"):
        load_denoiser(folder)
    (folder / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"config\.json is missing"):
        load_denoiser(folder)
    empty = tmp_path_factory.mktemp("empty")
    shutil.copy(PARITY / "dit_config.json", empty / "config.json")
    with pytest.raises(WeightsError, match="holds no safetensors"):
        load_denoiser(empty)


def test_entries_of_a_config_that_are_not_known_are_told_and_the_weights_still_load(folder):
    edit_config(folder, mystery=1, is_action_model=True)
    with pytest.warns(UserWarning, match="mystery"):
        load_denoiser(folder)
    edit_config(folder, mystery=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_denoiser(folder)
