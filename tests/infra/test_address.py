import os
from pathlib import Path
from urllib.parse import quote, unquote

import boto3
import pytest
from botocore.config import Config
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.address import StoreAddress, parse_address
from infra.store import open_store
from infra.tables import append_rows, read_records, rows_from
from tests.infra.test_tables import Reading, reading
from tests.seaweed import BUCKET

ODD = (
    "a[b]",
    "feature%2Flogin",
    "x^y",
    "a\\b",
    "a%20b",
    "a#b",
    "a?b",
    "a+b",
    "a&b",
    "a|b",
    "a'b",
    'a"b',
    "a\nb",
    "a\tb",
    "a b",
    " a",
)
ODDER = (
    "a  b",
    "a ",
    "é",
    "e\u0301",
    "-x",
    "a:b",
    "a*b",
    "~x",
    "a{b}",
    "a%",
    "...",
    "s3:x",
    "日本",
    "A",
    "a;b=c",
    "$HOME",
    "a,b@c",
)
NAMES = st.sampled_from([*ODD, *ODDER]) | st.text("ab%2F[]^\\|#?+&.~ :*\"'<>\n\x7fé😀", min_size=1, max_size=8)
PLAIN = NAMES.filter(lambda name: "/" not in name and name.strip(" .") != "")


@pytest.mark.parametrize("spelled", ["w", "./w", "w/", "w//", "./x/../w", "w/.", "{cwd}/w", "/{cwd}//w/", "~/w"])
def test_a_folder_spelled_otherwise_is_the_same_store(spelled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    address = parse_address(spelled.format(cwd=tmp_path))
    assert address == StoreAddress(bucket="", path=str(tmp_path / "w"))
    assert parse_address(str(address)) == parse_address(tmp_path / "w") == address


def test_what_is_above_a_link_is_above_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "disk" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "deep")
    assert parse_address(tmp_path / "link" / ".." / "w").folder == tmp_path / "disk" / "w"
    assert parse_address(tmp_path / "link" / "w").folder == tmp_path / "link" / "w"  # another machine may link elsewhere


@pytest.mark.parametrize("spelled", ["s3://b/x", "s3://b/x/", "s3://b//x//"])
def test_a_prefix_may_have_slashes_around_it(spelled: str) -> None:
    assert str(parse_address(spelled)) == "s3://b/x"
    assert str(parse_address("s3://b/")) == "s3://b"


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("gs://b/x", "neither a folder nor s3://"),
        ("S3://b/x", "neither a folder nor s3://"),
        ("file:///tmp/x", "neither a folder nor s3://"),
        ("s3:/b/x", "neither a folder nor s3://"),
        ("s3://", "names no bucket"),
        ("s3:///x", "names no bucket"),
        ("s3://b?x", r"no bucket is called 'b\?x'"),
        ("s3://k:s@b/x", "no bucket is called"),
        ("s3://bucket/x//y", "a part of its prefix is 'empty'"),
        ("s3://bucket/x/../y", r"a part of its prefix is '\.\.'"),
        ("s3://bucket/a%20b", "'%20' cannot stand in a store's name"),
        ("s3://bucket/a\\b", "cannot stand"),
        ("s3://bucket/" + "x/" * 450, "longer than 880 bytes"),
        ("a[b]", r"'\[' cannot stand in a store's name; choose another"),
        ("feature%2Flogin", "'%2F' cannot stand"),
        ("x^y", r"'\^' cannot stand"),
        ("a\\b", "cannot stand"),
        ("a\nb", r"'\\n' cannot stand"),
        ("a\0b", r"'\\x00' cannot stand"),
        ("a\udcffb", "not UTF-8"),
        ("x" * 256, "too long"),
        ("x/" * 2000, "too long"),
    ],
)
def test_what_no_store_can_be_called_is_refused_by_name_and_nothing_is_made(
    typed: str, names: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=names) as refused:
        open_store(typed)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_leads_to_a_name_that_no_store_can_have_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a|b").mkdir()
    (tmp_path / "link").symlink_to("a|b")
    with pytest.raises(ValueError, match=r"it is '.*a\|b/w'\): '\|' cannot stand"):
        parse_address(tmp_path / "link" / "w")


def test_a_bucket_of_capitals_keeps_them() -> None:
    assert str(parse_address("s3://Old_Bucket/x")) == "s3://Old_Bucket/x"


def test_what_a_store_is_called_elsewhere_is_its_own() -> None:
    texts = ["s3://b/a-x", "s3://b/a/x", "s3://b/a x", "s3://b/a*x", "s3://b/é", "s3://b/-"]
    addresses = [parse_address(text) for text in texts]
    assert len({address.slug for address in addresses}) == len({address.label for address in addresses}) == len(texts)
    assert all(parse_address(f"runs/{address.slug}") for address in addresses)
    assert not any("*" in address.label for address in addresses)


def _neighbours(name: str) -> list[str]:
    """Names that are easily taken for each other."""
    near = [name, quote(name, safe=""), unquote(name), name.swapcase(), f"{name}/x", f"{name}-x"]
    return [other for other in dict.fromkeys(near) if other.strip("/. ")]


def _fill(uris: list[str]) -> dict[str, str]:
    """Put one row and one object into each store that may be; its object by its address."""
    kept: dict[str, str] = {}
    for number, uri in enumerate(uris):
        try:
            store = open_store(uri)
        except ValueError:
            continue
        append_rows(store, "readings", rows_from([reading(number)]), transaction="one")
        store.put_named("whose", str(number).encode())
        kept[store.uri] = store.put_bytes(uri.encode(), "bin")
    return kept


def _check_own(uris: list[str], kept: dict[str, str]) -> None:
    """Each store holds what was put into it alone."""
    for uri, name in kept.items():
        store = open_store(uri)
        found = read_records(store, "readings", Reading)
        assert [str(row.count).encode() for row in found] == [store.get_named("whose")]
        assert store.get_bytes(name) == uris[found[0].count].encode()
        assert [other for other in kept.values() if store.exists(other)] == [name]


@settings(max_examples=12)
@given(name=PLAIN)
@example(name="a b")
@example(name="a[b]")
def test_tables_and_objects_of_any_name_lie_together_and_apart_from_neighbours(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    root = tmp_path_factory.mktemp("names")
    uris = [f"{root}/{neighbour}" for neighbour in _neighbours(name)]
    kept = _fill(uris)
    _check_own(uris, kept)
    for kind in ("_delta_log", "objects"):
        levels = {"_delta_log": 3, "objects": 1}[kind]
        found = {str(Path(folder).parents[levels - 1]) for folder, _, _ in os.walk(root) if Path(folder).name == kind}
        assert found == set(kept)


@pytest.mark.slow
@settings(max_examples=3)
@given(name=PLAIN)
@example(name="a#x")
@example(name="a?x")
@example(name="a[b]^|")
def test_on_s3_too(s3_server: str, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.mktemp("names").name
    uris = [f"s3://{BUCKET}/{root}/{neighbour}" for neighbour in _neighbours(name)]
    kept = _fill(uris)
    _check_own(uris, kept)
    client = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    keys = [entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET, Prefix=f"{root}/").get("Contents", [])]
    assert {f"s3://{BUCKET}/{key.partition('/tables/')[0]}" for key in keys if "/tables/" in key} == set(kept)
    assert {f"s3://{BUCKET}/{key.partition('/objects/')[0]}" for key in keys if "/objects/" in key} == set(kept)


@given(st.text(max_size=20) | st.builds("s3://bucket/{}".format, st.text(max_size=12)))
def test_the_text_of_an_address_parses_back_to_it(typed: str) -> None:
    try:
        address = parse_address(typed)
    except ValueError:
        return
    assert parse_address(str(address)) == address
    assert address.folder is None or address.folder.is_absolute()
