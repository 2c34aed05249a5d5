import json

import pytest

from infra.datasets import load_bundle, load_dataset, put_bundle, put_dataset
from infra.digest import canonical_json
from infra.errors import MissingObjectError, TableSchemaError
from infra.records import record_from_json
from infra.schema import Bundle, DatasetClip, DatasetVersion
from infra.store import Store

CLIP = DatasetClip(
    episode_id="e",
    start=0,
    stop=64,
    split="train",
    family="park",
    walk="loop",
    perspective="first",
    weight=1.0,
    prompt="a park",
    frames_object="f",
    video_object="v",
    depth_object="",
)
DATASET = DatasetVersion(name="tiny", width=224, height=128, fps=16.0, parents=("k",), clips=(CLIP, CLIP))
BUNDLE = Bundle(
    name="tiny-1",
    autoencoder="a",
    denoiser="d",
    denoiser_int8="",
    dataset="s",
    profile="tiny",
    width=224,
    height=128,
    fps=16.0,
    parents=(),
    start_images=("i.png",),
    start_prompts=("a park",),
)


def test_a_dataset_version_comes_back_whole_under_its_digest(store: Store) -> None:
    version = put_dataset(store, DATASET)
    assert load_dataset(store, version) == DATASET
    assert put_dataset(store, DATASET) == version


def test_a_bundle_comes_back_whole(local_store: Store) -> None:
    assert load_bundle(local_store, put_bundle(local_store, BUNDLE)) == BUNDLE


def test_an_absent_version_is_named_with_what_to_do(local_store: Store) -> None:
    with pytest.raises(MissingObjectError, match=r"dataset version 0000.*curate again"):
        load_dataset(local_store, "0" * 64)
    with pytest.raises(MissingObjectError, match=r"bundle 0000.*release again"):
        load_bundle(local_store, "0" * 64)


def test_a_manifest_of_another_form_names_the_field() -> None:
    values = json.loads(canonical_json(DATASET))
    for wrong, named in (
        (values | {"extra": 1}, "unknown fields .*extra"),
        ({k: v for k, v in values.items() if k != "fps"}, "absent fields .*fps"),
        (values | {"width": "224"}, r"DatasetVersion\.width: '224'"),
        (values | {"clips": [values["clips"][0] | {"split": "new"}]}, r"DatasetClip\.split: 'new'"),
        ([], "absent fields"),
    ):
        with pytest.raises(TableSchemaError, match=named):
            record_from_json(canonical_json(wrong), DatasetVersion)
