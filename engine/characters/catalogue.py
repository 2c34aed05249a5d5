"""Numbers every valid assembly: index to assembly and back, and how many there are."""

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Final

from engine.characters.slots import RULES, SHAPE_SLOTS, SLOTS, Assembly, Rule

Domain = tuple[int, ...]  # for each slot that is still open, the choices allowed, as a bit mask


class Catalogue:
    """All assemblies that break no rule, in lexicographic order of their choices.

    Counted, ranked and unranked slot by slot: what earlier choices leave open is all that later slots need to know, so
    equal remainders are counted once. No list of assemblies is ever made.
    """

    def __init__(self, slots: Mapping[str, tuple[str, ...]], rules: tuple[Rule, ...]) -> None:
        self.slots = dict(slots)
        self.rules = tuple(rule for rule in rules if rule.slot in slots and rule.other in slots)
        self.names = tuple(slots)
        self.sizes = tuple(len(choices) for choices in slots.values())
        self._bans = self._tabulate()
        self._ruled = [slot for slot, choices in enumerate(self._bans) if any(any(masks) for masks in choices)]
        self._count = cache(self._count_open)

    def __len__(self) -> int:
        return self._count(self.whole())

    def whole(self) -> Domain:
        """Nothing chosen yet, everything allowed."""
        return tuple((1 << size) - 1 for size in self.sizes)

    def at(self, index: int) -> dict[str, str]:
        """The assembly of this number.

        Raises:
            ValueError: there is no such number.
        """
        if not 0 <= index < len(self):
            raise ValueError(f"character {index} does not exist; take a number from 0 to {len(self) - 1}")
        open_slots, chosen = self.whole(), {}
        for name, choices in self.slots.items():
            for choice, rest in self._branches(open_slots):
                if index < (count := self._count(rest)):
                    chosen[name], open_slots = choices[choice], rest
                    break
                index -= count
        return chosen

    def number(self, chosen: Mapping[str, str]) -> int:
        """The index of an assembly; the inverse of ``at``.

        Raises:
            ValueError: a choice is not in its slot, or two choices break a rule, which is named.
        """
        self.check(chosen)
        open_slots, index = self.whole(), 0
        for name, choices in self.slots.items():
            wanted = choices.index(chosen[name])
            for choice, rest in self._branches(open_slots):
                if choice == wanted:
                    open_slots = rest
                    break
                index += self._count(rest)
        return index

    def check(self, chosen: Mapping[str, str]) -> None:
        """Refuse an assembly that is none.

        Raises:
            ValueError: a choice is not in its slot, or two choices break a rule, which is named.
        """
        for name, choices in self.slots.items():
            if chosen.get(name) not in choices:
                raise ValueError(f"{name} {chosen.get(name)!r} is unknown; choose one of: {', '.join(choices)}")
        for rule in self.rules:
            if chosen[rule.slot] in rule.choices and chosen[rule.other] in rule.excluded:
                raise ValueError(
                    f"{rule.slot} {chosen[rule.slot]!r} and {rule.other} {chosen[rule.other]!r} do not go together: {rule.says}"
                )

    def narrowed(self, open_slots: Domain, slot: int, choice: int) -> Domain:
        """All slots, with this one fixed and what it excludes taken out of the others; () if a slot is left without any."""
        bans = self._bans[slot][choice]
        rest = tuple((1 << choice) & mask if i == slot else mask & ~bans[i] for i, mask in enumerate(open_slots))
        return rest if all(rest) else ()

    def fixed(self, open_slots: Domain, slot: int, choice: int) -> Domain:
        """As ``narrowed``, and () too if nothing valid would be left or the choice is not open."""
        if not open_slots[slot] >> choice & 1:
            return ()
        rest = self.narrowed(open_slots, slot, choice)
        return rest if rest and self.completable(rest) else ()

    def decided(self, open_slots: Domain) -> dict[str, str]:
        """Slot to choice, of domains that have one choice left each."""
        return {
            name: choices[mask.bit_length() - 1] for (name, choices), mask in zip(self.slots.items(), open_slots, strict=True)
        }

    def completable(self, open_slots: Domain) -> bool:
        """Whether some valid assembly lies within these domains of all slots; settles the tightest slot first."""
        undecided = [(open_slots[slot].bit_count(), slot) for slot in self._ruled if open_slots[slot] & (open_slots[slot] - 1)]
        if not undecided:
            return self._consistent(open_slots)
        _, slot = min(undecided)
        picks = (self.narrowed(open_slots, slot, choice) for choice in range(self.sizes[slot]) if open_slots[slot] >> choice & 1)
        return any(rest and self.completable(rest) for rest in picks)

    def _consistent(self, open_slots: Domain) -> bool:
        """Whether the slots that rules speak of, all decided, break none."""
        chosen = {slot: open_slots[slot].bit_length() - 1 for slot in self._ruled}
        return not any(self._bans[slot][choice][other] & open_slots[other] for slot, choice in chosen.items() for other in chosen)

    def _tabulate(self) -> list[list[Domain]]:
        """For each slot and choice, the choices that it bans in each slot."""
        bans = [[[0] * len(self.sizes) for _ in range(size)] for size in self.sizes]
        for rule in self.rules:
            one, other = self.names.index(rule.slot), self.names.index(rule.other)
            for name in set(rule.choices) & set(self.slots[rule.slot]):
                for excluded in set(rule.excluded) & set(self.slots[rule.other]):
                    first, second = self.slots[rule.slot].index(name), self.slots[rule.other].index(excluded)
                    bans[one][first][other] |= 1 << second
                    bans[other][second][one] |= 1 << first
        return [[tuple(masks) for masks in choices] for choices in bans]

    def _branches(self, open_slots: Domain) -> list[tuple[int, Domain]]:
        """Each choice that the first open slot allows, with what it leaves of the slots after it."""
        slot = len(self.sizes) - len(open_slots)
        branches = []
        for choice in range(self.sizes[slot]):
            if open_slots[0] >> choice & 1:
                bans = self._bans[slot][choice][slot + 1 :]
                branches.append((choice, tuple(mask & ~ban for mask, ban in zip(open_slots[1:], bans, strict=True))))
        return branches

    def _count_open(self, open_slots: Domain) -> int:
        if not open_slots:
            return 1
        return sum(self._count(rest) for _, rest in self._branches(open_slots))


CATALOGUE: Final = Catalogue(SLOTS, RULES)
SHAPES: Final = Catalogue({name: SLOTS[name] for name in SHAPE_SLOTS}, RULES)  # what differs before gait and colour


def assembly_of(index: int) -> Assembly:
    """The assembly of this number, 0 to ``len(CATALOGUE) - 1``.

    Raises:
        ValueError: there is no such number.
    """
    return Assembly(**CATALOGUE.at(index))


def index_of(assembly: Assembly) -> int:
    """The number of an assembly.

    Raises:
        ValueError: a choice is unknown, or two choices break a rule, which is named.
    """
    return CATALOGUE.number(assembly.choices())


def character_of(seed: int) -> int:
    """The index of a character for this seed: slot by slot, any choice that still fits is as likely as another."""
    digest = int.from_bytes(hashlib.sha512(f"character/{seed}".encode()).digest(), "big")
    open_slots = CATALOGUE.whole()
    for slot, size in enumerate(CATALOGUE.sizes):
        fitting = [rest for choice in range(size) if (rest := CATALOGUE.fixed(open_slots, slot, choice))]
        digest, picked = divmod(digest, len(fitting))
        open_slots = fitting[picked]
    return CATALOGUE.number(CATALOGUE.decided(open_slots))
