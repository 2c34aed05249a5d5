"""Files of tensors, read strictly: what is missing, left over, misshapen or cut short is named in one line."""

import json
import pickle
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from infra.errors import WorldloomError
from infra.text_files import TextError, read_text
from modeling.finite import READABLE, check_weights

_POINTER_MARK: Final = b"version https://git-lfs.github.com"
_POINTER: Final = "is a pointer of Git LFS and not the file itself (git lfs pull brings it)"

PREFIXES: Final = ("model.diffusion_model.", "diffusion_model.", "module.", "_orig_mod.")
WRAPPERS: Final = ("gen_model", "state_dict", "generator")  # keys that a training checkpoint may put the tensors under


class WeightsError(WorldloomError):
    """A published file is missing, damaged, or of another model."""


def read_shards(folder: Path, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    """All tensors of a folder of safetensors shards, with or without an index file, by their own names.

    Floating ones become ``dtype`` as they are read, so that the file's own type never fills the memory.

    Raises:
        WeightsError: names the file that is missing or cut short, or the tensor that two files hold.
    """
    tensors: dict[str, Tensor] = {}
    holder: dict[str, str] = {}
    for path in _shards(folder):
        for name, value in read_safetensors(path, dtype).items():
            if name in holder:
                raise WeightsError(f"{folder}: {holder[name]} and {path.name} both hold tensor {name}; keep one of them")
            tensors[name], holder[name] = value, path.name
    return plain_names(tensors)


def read_safetensors(path: Path, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    """All tensors of one safetensors file, floating ones as ``dtype`` or as they are stored.

    Raises:
        WeightsError: the file is missing, cut short or of another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: _cast(file.get_tensor(name), dtype) for name in file.keys()}  # noqa: SIM118  # not a mapping
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing; fetch it beside the other published files") from None
    except (SafetensorError, OSError, RuntimeError) as error:
        raise WeightsError(f"{path} {_what_is_wrong(path, 'no safetensors file', error)}; fetch it again") from None


def read_pth(path: Path) -> dict[str, Tensor]:
    """All tensors of a PyTorch file, never unpickling anything else; a training checkpoint's wrapper is taken off.

    Raises:
        WeightsError: the file is missing, cut short, or holds more than tensors.
    """
    if not path.is_file():
        raise WeightsError(f"{path} is missing; fetch it beside the other published files")
    if _is_pointer(path):
        raise WeightsError(f"{path} {_POINTER}; fetch it again")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (pickle.UnpicklingError, EOFError, RuntimeError, OSError, ValueError, KeyError) as error:
        reason = f"it is cut short, or holds more than tensors, which is refused ({_line(error)})"
        raise WeightsError(f"{path} cannot be read as a file of tensors: {reason}; fetch it again") from None
    for _ in WRAPPERS:  # each at most once: a file may name itself as its own content
        if isinstance(found, Mapping) and (inner := [found[key] for key in WRAPPERS if isinstance(found.get(key), Mapping)]):
            found = inner[0]
    if not isinstance(found, Mapping):
        raise WeightsError(f"{path} holds a {type(found).__name__}, not tensors by name; fetch the published file")
    for name, value in found.items():
        if not isinstance(value, Tensor):
            raise WeightsError(f"{path}: entry {name} is a {type(value).__name__}, not a tensor; fetch the published file")
    return plain_names({str(name): value for name, value in found.items()})


def plain_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without the prefix that other programs put before all of their names."""
    for prefix in PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            return {name.removeprefix(prefix): value for name, value in tensors.items()}
    return dict(tensors)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds one object.

    Raises:
        WeightsError: the file is missing, cut short or no JSON object.
    """
    try:
        values = json.loads(read_text(path))
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing; fetch it beside the weights") from None
    except (json.JSONDecodeError, RecursionError, TextError) as error:
        raise WeightsError(f"{path} {_what_is_wrong(path, 'no JSON', error)}; fetch it again") from None
    if not isinstance(values, dict):
        raise WeightsError(f"{path} holds a JSON {type(values).__name__}, not an object; fetch it again")
    return values


def check_tensors(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], where: Path | str) -> None:
    """Check names, shapes and kinds of the tensors that ``where`` gave.

    Raises:
        WeightsError: names the first tensor, in alphabetical order, that is missing, left over or misshapen.
    """
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            raise WeightsError(f"{where} lacks tensor {name}; it is cut down or of another model, get the whole file")
        if name not in wanted:
            raise WeightsError(f"{where} has a tensor {name} that this model does not; it is of another model")
        if found[name].shape != wanted[name].shape:
            shapes = f"{tuple(found[name].shape)} where {tuple(wanted[name].shape)} is expected"
            raise WeightsError(f"{where}: tensor {name} has shape {shapes}; it is of another model or size")
        check_kind(name, found[name], wanted[name].is_floating_point(), where)


def check_kind(name: str, value: Tensor, floating: bool, where: Path | str) -> None:
    """Refuse what needs more than its numbers to be read: codes of quantisers, sparse tensors, other types.

    Raises:
        WeightsError: names the tensor and its type.
    """
    if value.layout is not torch.strided or value.is_quantized:
        raise WeightsError(f"{where}: tensor {name} is sparse or quantised; load the unconverted file")
    if value.is_floating_point() != floating or (floating and value.dtype not in READABLE):
        kind = "floating point" if floating else "whole numbers"
        raise WeightsError(f"{where}: tensor {name} is {value.dtype}, not {kind} that can be read; load the unconverted file")


def load_exactly(model: nn.Module, tensors: Mapping[str, Tensor], where: Path, dtype: torch.dtype | None) -> None:
    """Give a model, built on the meta device, its tensors: all of them and no others, as ``dtype`` or as they are stored.

    Raises:
        WeightsError: as ``check_tensors``.
        NotFiniteError: as ``check_weights``.
    """
    check_tensors(model.state_dict(), tensors, where)
    kept = {name: _cast(value, dtype) for name, value in tensors.items()}
    check_weights(kept, where)
    model.load_state_dict(kept, assign=True)


def tensor_of(tensors: Mapping[str, Tensor], name: str, dimensions: int, where: Path) -> Tensor:
    """One tensor by name, whose shape tells sizes that a config leaves out.

    Raises:
        WeightsError: it is missing or has another number of dimensions.
    """
    if name not in tensors:
        raise WeightsError(f"{where} lacks tensor {name}; it is cut down or of another model, get the whole file")
    if tensors[name].ndim != dimensions:
        raise WeightsError(f"{where}: tensor {name} has shape {tuple(tensors[name].shape)}, not {dimensions} dimensions")
    return tensors[name]


def _shards(folder: Path) -> Iterable[Path]:
    if not folder.is_dir():
        raise WeightsError(f"{folder} is no folder; name the one that holds config.json and the safetensors files")
    indexes = sorted(folder.glob("*.safetensors.index.json"))
    if len(indexes) > 1:
        raise WeightsError(f"{folder} holds {indexes[0].name} and {indexes[1].name}; keep one index")
    if indexes:
        table = read_json(indexes[0]).get("weight_map")
        if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
            raise WeightsError(f"{indexes[0]} has no weight_map of file names; fetch it again")
        for name in sorted(set(table.values())):
            if not _lies_inside(name):
                raise WeightsError(f"{indexes[0]}: weight_map names {name[:80]!r}, outside its folder, which is refused")
        return [folder / name for name in sorted(set(table.values()))]
    if not (files := sorted(folder.glob("*.safetensors"))):
        raise WeightsError(f"{folder} holds no safetensors files; fetch the published ones")
    return files


def _cast(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    return value.to(dtype) if dtype is not None and value.dtype in READABLE else value


def _lies_inside(name: str) -> bool:
    """Whether a name stays in the folder that it is looked up in. What is there may be a link, as in a hub's cache."""
    path = PurePath(name)
    return bool(path.name) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _is_pointer(path: Path) -> bool:
    """Whether a file is what Git LFS leaves in the place of one that was not fetched."""
    try:
        with path.open("rb") as file:
            return file.read(len(_POINTER_MARK)) == _POINTER_MARK
    except OSError:
        return False


def _what_is_wrong(path: Path, kind: str, error: Exception) -> str:
    return _POINTER if _is_pointer(path) else f"is cut short or {kind} ({_line(error)})"


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:120]
