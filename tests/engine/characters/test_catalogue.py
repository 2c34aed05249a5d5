"""The numbering of characters: no gaps, no doubles, nothing that breaks a rule."""

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.characters.catalogue import CATALOGUE, SHAPES, Catalogue, assembly_of, character_of, index_of
from engine.characters.slots import RULES, SLOTS, Rule
from infra.digest import canonical_json, sha256_of

REDUCED = Catalogue(
    {
        "height": ("child", "tall"),
        "face": ("bare", "long beard"),
        "hair": ("none", "bob", "afro"),
        "hat": ("none", "cap", "helmet", "hood"),
        "upper": ("shirt", "hoodie", "robe", "armour"),
        "lower": ("trousers", "long skirt"),
        "neck": ("none", "tie"),
        "gait": ("walk", "jog"),
        "pattern": ("plain", "dots"),
    },
    RULES,
)


def brute_force(catalogue: Catalogue) -> list[dict[str, str]]:
    valid = []
    for choices in itertools.product(*catalogue.slots.values()):
        chosen = dict(zip(catalogue.slots, choices, strict=True))
        broken = any(chosen[r.slot] in r.choices and chosen[r.other] in r.excluded for r in catalogue.rules)
        valid += [] if broken else [chosen]
    return valid


def test_the_computed_count_and_order_are_those_of_listing_all_combinations_of_a_reduced_table() -> None:
    listed = brute_force(REDUCED)
    assert len(REDUCED) == len(listed) < 2 * 2 * 3 * 4 * 4 * 2 * 2 * 2 * 2
    assert [REDUCED.at(index) for index in range(len(listed))] == listed
    assert [REDUCED.number(chosen) for chosen in listed] == list(range(len(listed)))


def test_there_are_more_than_a_hundred_million_characters_and_ten_thousand_shapes() -> None:
    assert len(CATALOGUE) > 10**8
    assert len(SHAPES) > 10**4
    assert len(CATALOGUE) < 2**53  # an index survives JSON readers that know floats only


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(CATALOGUE) - 1))
def test_index_to_assembly_and_back_is_the_identity(index: int) -> None:
    assert index_of(assembly_of(index)) == index


@pytest.mark.parametrize("index", [0, 1, len(CATALOGUE) - 2, len(CATALOGUE) - 1])
def test_the_ends_of_the_numbering_are_characters_too(index: int) -> None:
    assert index_of(assembly_of(index)) == index


@pytest.mark.parametrize("index", [-1, len(CATALOGUE)])
def test_numbers_beyond_the_ends_are_refused(index: int) -> None:
    with pytest.raises(ValueError, match="does not exist; take a number from 0 to"):
        assembly_of(index)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(CATALOGUE) - 1), st.sampled_from(RULES))
def test_an_assembly_that_breaks_a_rule_is_refused_with_a_rule_that_it_breaks(index: int, rule: Rule) -> None:
    broken = dataclasses.replace(assembly_of(index), **{rule.slot: rule.choices[0], rule.other: rule.excluded[0]})
    with pytest.raises(ValueError, match="do not go together: ") as refusal:
        index_of(broken)
    says = str(refusal.value).split("do not go together: ")[1]
    chosen = broken.choices()
    assert any(r.says == says and chosen[r.slot] in r.choices and chosen[r.other] in r.excluded for r in RULES)


def test_an_unknown_choice_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="hat 'fez' is unknown; choose one of: none, cap"):
        index_of(dataclasses.replace(assembly_of(0), hat="fez"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_rules_speak_of_choices_that_exist(rule: Rule) -> None:
    assert set(rule.choices) <= set(SLOTS[rule.slot]) and set(rule.excluded) < set(SLOTS[rule.other])


def test_numbers_keep_their_meaning() -> None:
    digest = sha256_of(canonical_json([[name, list(choices)] for name, choices in SLOTS.items()]))
    assert (len(CATALOGUE), digest[:8]) == (
        5_052_217_842_892_800,
        "bdceb44b",
    )  # new choices or rules renumber: say so and raise RECORDING_VERSION


def test_a_seed_always_gives_the_same_character_and_other_seeds_others() -> None:
    characters = [character_of(seed) for seed in range(40)]
    assert characters == [character_of(seed) for seed in range(40)]
    assert len(set(characters)) == 40
    assert {assembly_of(index).build for index in characters} == set(SLOTS["build"])
