"""What the dashboard keeps of a finished stage: its numbers as a table, its pictures, the place of the report."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from prefect.artifacts import create_image_artifact, create_table_artifact

from flows.summary import summarise_stage
from infra.stage import StageResult
from infra.store import Store

MOST_ROWS: Final = 400
MOST_PICTURE_BYTES: Final = 2_000_000
_PICTURE: Final = re.compile(r"[0-9a-f]{64}\.(png|jpg)")


def show_result(result: StageResult, store: Store) -> None:
    """Keep the outputs of a stage as a table, and every picture that they name; a found result shows its pictures no more."""
    rows = [{"what": name, "value": str(value)} for name, value in flatten(result.outputs)]
    said = " ".join(summarise_stage(result).split())  # without the padding of a terminal
    create_table_artifact(rows[:MOST_ROWS], key=result.stage, description=f"{said}; key {result.key}")
    for name, value in () if result.reused else flatten(result.outputs):
        if isinstance(value, str) and _PICTURE.fullmatch(value):
            show_picture(f"{result.stage}-{name}", store.get_bytes(value), value.rpartition(".")[2])


def show_picture(name: str, data: bytes, suffix: str) -> None:
    """Keep a picture inside the artifact, so that the dashboard needs no access to the store."""
    if len(data) <= MOST_PICTURE_BYTES:
        kind = "jpeg" if suffix == "jpg" else suffix
        url = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
        create_image_artifact(url, key=artifact_key(name), description=name)


def artifact_key(name: str) -> str:
    """Lower-case letters, digits and dashes, as Prefect wants keys."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested outputs under dotted names; lists by number."""
    if isinstance(value, Mapping):
        items: list[tuple[str, Any]] = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        items = [(str(number), item) for number, item in enumerate(value)]
    else:
        yield name, value
        return
    for key, item in items:
        yield from flatten(item, f"{name}.{key}" if name else key)
