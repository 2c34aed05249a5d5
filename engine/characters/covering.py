"""Few characters that show much: every pair of choices that fit together appears early."""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.characters.catalogue import CATALOGUE, Catalogue, Domain

TRIES: Final = 12  # rows made for each row kept; more gives a slightly shorter array, at that many times the time
Pairs = NDArray[np.bool_]  # (C, C) over all choices of all slots, upper triangle by slot


def sample_covering(count: int, seed: int, catalogue: Catalogue = CATALOGUE) -> list[int]:
    """Indices of ``count`` characters, all different, that cover all valid pairs of choices as early as a greedy search can.

    Each row is the best of a few: begun at pairs not yet shown, then slot by slot the choice that shows most new pairs.
    Once all are shown it begins anew, so that any long stretch is varied.

    Raises:
        ValueError: there are fewer characters.
    """
    if not 0 <= count <= len(catalogue):
        raise ValueError(f"{count} characters do not exist; ask for 0 to {len(catalogue)}")
    rng = np.random.default_rng(seed)
    left = valid_pairs(catalogue).copy()
    rows: list[int] = []
    seen: set[int] = set()
    while len(rows) < count:
        if not left.any():
            left = valid_pairs(catalogue).copy()
        tries = [_grow(catalogue, left, rng) for _ in range(TRIES)]
        best = max(tries, key=lambda row: int(left[np.ix_(row, row)].sum()))
        left[np.ix_(best, best)] = False
        index = catalogue.number(_named(catalogue, best))
        if index not in seen:
            seen.add(index)
            rows.append(index)
    return rows


def covered(indices: list[int], catalogue: Catalogue = CATALOGUE) -> Pairs:
    """The pairs of choices that these characters show, as ``valid_pairs`` has them."""
    shown = np.zeros_like(valid_pairs(catalogue))
    for index in indices:
        row = _row(catalogue, catalogue.at(index))
        shown[np.ix_(row, row)] = True
    return shown & valid_pairs(catalogue)


@cache
def valid_pairs(catalogue: Catalogue) -> Pairs:
    """Which pairs of choices of two slots occur together in some valid assembly."""
    offsets = _offsets(catalogue)
    pairs = np.zeros((offsets[-1], offsets[-1]), bool)
    for slot, size in enumerate(catalogue.sizes):
        for choice in range(size):
            rest = catalogue.fixed(catalogue.whole(), slot, choice)
            for other in range(slot + 1, len(catalogue.sizes)) if rest else ():
                for second in range(catalogue.sizes[other]):
                    pairs[offsets[slot] + choice, offsets[other] + second] = bool(catalogue.fixed(rest, other, second))
    return pairs


def fewest_rows(catalogue: Catalogue = CATALOGUE) -> int:
    """No covering array is shorter: the most valid pairs that any two slots have, of which a row shows one."""
    offsets, pairs = _offsets(catalogue), valid_pairs(catalogue)
    slots = range(len(catalogue.sizes))
    blocks = (pairs[offsets[a] : offsets[a + 1], offsets[b] : offsets[b + 1]] for a in slots for b in slots if a < b)
    return max(int(block.sum()) for block in blocks)


def _offsets(catalogue: Catalogue) -> list[int]:
    """Where the choices of each slot begin among all choices; one more for the end."""
    return [0, *np.cumsum(catalogue.sizes).tolist()]


def _row(catalogue: Catalogue, chosen: dict[str, str]) -> list[int]:
    offsets = _offsets(catalogue)
    return [offsets[i] + choices.index(chosen[name]) for i, (name, choices) in enumerate(catalogue.slots.items())]


def _named(catalogue: Catalogue, row: list[int]) -> dict[str, str]:
    offsets = _offsets(catalogue)
    return {name: choices[row[i] - offsets[i]] for i, (name, choices) in enumerate(catalogue.slots.items())}


def _grow(catalogue: Catalogue, left: Pairs, rng: np.random.Generator) -> list[int]:
    """One valid row: a pair that is still to be shown, then the other slots in any order, each as new as it can be."""
    offsets = _offsets(catalogue)
    unseen = np.argwhere(left)
    first = unseen[rng.integers(len(unseen))]
    order = [int(np.searchsorted(offsets, number, "right")) - 1 for number in first]
    others = [slot for slot in rng.permutation(len(catalogue.sizes)).tolist() if slot not in order]
    open_slots: Domain = catalogue.whole()
    chosen: list[int] = []
    for slot, number in zip(order, first.tolist(), strict=True):
        open_slots = catalogue.fixed(open_slots, slot, number - offsets[slot])
        chosen.append(number)
    for slot in others:
        span = slice(offsets[slot], offsets[slot + 1])
        news = left[chosen, span].sum(0) + left[span][:, chosen].sum(1) + rng.random(catalogue.sizes[slot])
        for choice in np.argsort(-news).tolist():
            if rest := catalogue.fixed(open_slots, slot, choice):
                open_slots = rest
                chosen.append(offsets[slot] + choice)
                break
    return sorted(chosen)
