"""Characters that cover all pairs of choices early."""

import numpy as np
import pytest

from engine.characters.catalogue import CATALOGUE, Catalogue
from engine.characters.covering import covered, fewest_rows, sample_covering, valid_pairs
from engine.characters.slots import RULES, SLOTS

SMALL = Catalogue({name: SLOTS[name] for name in ("face", "hair", "hat", "upper", "lower", "neck", "gait")}, RULES)


def rows_needed(indices: list[int], catalogue: Catalogue) -> int:
    """After how many rows every valid pair has been shown; one more than there are if never."""
    wanted = valid_pairs(catalogue).sum()
    for rows in range(fewest_rows(catalogue), len(indices) + 1):
        if covered(indices[:rows], catalogue).sum() == wanted:
            return rows
    return len(indices) + 1


def test_pairs_called_valid_are_those_that_some_character_shows() -> None:
    every = list(range(0, len(SMALL), 5))  # coprime to the last slot's size
    shown = covered(every, SMALL)
    assert np.array_equal(shown, valid_pairs(SMALL))


def test_all_pairs_are_shown_early_and_far_earlier_than_by_chance() -> None:
    wanted = valid_pairs(SMALL).sum()
    found = rows_needed(sample_covering(200, 0, SMALL), SMALL)
    assert fewest_rows(SMALL) <= found <= 1.6 * fewest_rows(SMALL)
    by_chance = np.random.default_rng(0).integers(0, len(SMALL), found).tolist()
    assert covered(by_chance, SMALL).sum() < wanted


@pytest.mark.slow
def test_the_whole_catalogue_is_covered_by_a_few_hundred_characters() -> None:
    assert rows_needed(sample_covering(250, 0), CATALOGUE) <= 250


def test_rows_are_different_characters_and_repeat_with_their_seed() -> None:
    rows = sample_covering(6, 5)
    assert rows == sample_covering(6, 5) != sample_covering(6, 6)
    assert len(set(rows)) == 6


def test_more_characters_than_there_are_cannot_be_had() -> None:
    with pytest.raises(ValueError, match="characters do not exist"):
        sample_covering(len(SMALL) + 1, 0, SMALL)
