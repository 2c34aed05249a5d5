"""The parts that a character is assembled from, and which of them do not go together."""

from dataclasses import asdict, dataclass, fields
from typing import Final

from engine.scenes.scene import Colour

SKINS: Final[dict[str, Colour]] = {
    "pale": (0.96, 0.80, 0.69),
    "fair": (0.92, 0.72, 0.57),
    "olive": (0.80, 0.60, 0.42),
    "tan": (0.68, 0.47, 0.31),
    "brown": (0.50, 0.33, 0.21),
    "dark": (0.33, 0.22, 0.15),
}
HAIR_COLOURS: Final[dict[str, Colour]] = {
    "black": (0.10, 0.09, 0.09),
    "brown": (0.33, 0.20, 0.11),
    "blond": (0.90, 0.74, 0.38),
    "red": (0.70, 0.27, 0.10),
    "grey": (0.58, 0.58, 0.60),
    "white": (0.93, 0.92, 0.90),
}
UPPERS: Final = (
    "t-shirt", "shirt", "jacket", "hoodie", "waistcoat", "tunic", "long coat", "robe", "puffer jacket", "armour",
)  # fmt: skip
HATS: Final = (
    "none", "cap", "brimmed hat", "top hat", "straw hat", "beanie", "helmet", "hood", "crown", "headscarf",
)  # fmt: skip
HAIRS: Final = ("none", "cropped", "bob", "long", "ponytail", "bun", "afro", "mohawk", "plaits", "spiky")

CLOTH_COLOURS: Final = (
    "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "white", "grey", "brown", "black",
)  # fmt: skip
"""Names of COLOURS. Listed here, since a longer palette must not renumber the characters."""

SLOTS: Final[dict[str, tuple[str, ...]]] = {
    "build": ("slender", "average", "athletic", "stout"),
    "height": ("child", "short", "medium", "tall"),
    "head": ("oval", "round", "square", "long"),
    "face": ("bare", "moustache", "beard", "long beard"),
    "hair": HAIRS,
    "hat": HATS,
    "eyewear": ("none", "glasses", "goggles"),
    "upper": UPPERS,
    "lower": ("trousers", "wide trousers", "leggings", "shorts", "skirt", "long skirt"),
    "shoes": ("shoes", "trainers", "boots", "high boots", "sandals"),
    "neck": ("none", "scarf", "tie", "ruff"),
    "back": ("none", "backpack", "cape", "satchel", "quiver"),
    "hand": ("none", "staff", "briefcase", "umbrella", "lantern", "pickaxe", "basket"),
    "gait": ("walk", "stride", "shuffle", "march", "limp", "jog", "sneak"),
    "skin": tuple(SKINS),
    "hair_colour": tuple(HAIR_COLOURS),  # of hair, beard and brows
    "upper_colour": CLOTH_COLOURS,
    "pattern": ("plain", "stripes", "bands", "checker", "dots"),  # of the upper clothes; names of textures
    "lower_colour": CLOTH_COLOURS,
    "shoe_colour": ("black", "brown", "white", "red", "blue"),
    "accent": CLOTH_COLOURS,  # of hats, bags, belts and trimmings
}
"""Slot to its choices. The order is the order of the numbering: neighbours differ in colour first."""

SHAPE_SLOTS: Final = tuple(SLOTS)[: tuple(SLOTS).index("gait")]  # what changes the standing body, before gait and colour


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """One choice for every slot."""

    build: str
    height: str
    head: str
    face: str
    hair: str
    hat: str
    eyewear: str
    upper: str
    lower: str
    shoes: str
    neck: str
    back: str
    hand: str
    gait: str
    skin: str
    hair_colour: str
    upper_colour: str
    pattern: str
    lower_colour: str
    shoe_colour: str
    accent: str

    def choices(self) -> dict[str, str]:
        """Slot to choice, in the order of ``SLOTS``."""
        return asdict(self)


assert tuple(field.name for field in fields(Assembly)) == tuple(SLOTS)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Choices of one slot that exclude choices of another."""

    says: str
    slot: str
    choices: tuple[str, ...]
    other: str
    excluded: tuple[str, ...]


def _but(slot: str, *kept: str) -> tuple[str, ...]:
    """All choices of a slot but those kept."""
    return tuple(choice for choice in SLOTS[slot] if choice not in kept)


def _rule(says: str, slot: str, choices: tuple[str, ...], other: str, excluded: tuple[str, ...]) -> Rule:
    return Rule(says=says, slot=slot, choices=choices, other=other, excluded=excluded)


LONG_CLOTHES: Final = "in long clothes nobody jogs or strides"
RULES: Final = (
    _rule("a hood hides hair", "hat", ("hood",), "hair", _but("hair", "none")),
    _rule("a helmet hides hair", "hat", ("helmet",), "hair", _but("hair", "none")),
    _rule("a headscarf hides hair", "hat", ("headscarf",), "hair", _but("hair", "none")),
    _rule(
        "no hat sits on hair that stands up",
        "hair",
        ("bun", "afro", "mohawk", "spiky"),
        "hat",
        ("cap", "brimmed hat", "top hat", "straw hat", "beanie", "crown"),
    ),
    _rule("a hood is part of other clothes", "hat", ("hood",), "upper", _but("upper", "hoodie", "long coat", "robe")),
    _rule("a helmet leaves no room for goggles", "hat", ("helmet",), "eyewear", ("goggles",)),
    _rule("a robe is worn over trousers", "upper", ("robe",), "lower", _but("lower", "trousers")),
    _rule("a long coat is worn over trousers", "upper", ("long coat",), "lower", ("skirt", "long skirt", "wide trousers")),
    _rule("a tunic covers a short skirt and shorts", "upper", ("tunic",), "lower", ("shorts", "skirt")),
    _rule("armour is worn over trousers or leggings", "upper", ("armour",), "lower", _but("lower", "trousers", "leggings")),
    _rule("a robe hides high boots", "upper", ("robe",), "shoes", ("high boots",)),
    _rule("wide clothes hide high boots", "lower", ("wide trousers", "long skirt"), "shoes", ("high boots",)),
    _rule("armour goes with boots", "upper", ("armour",), "shoes", ("sandals", "trainers")),
    _rule("a tie needs a collar", "neck", ("tie",), "upper", _but("upper", "shirt", "jacket", "waistcoat", "long coat")),
    _rule("a ruff needs a plain neck", "neck", ("ruff",), "upper", ("hoodie", "puffer jacket", "t-shirt")),
    _rule("a hood fills the neck", "hat", ("hood",), "neck", ("scarf", "ruff")),
    _rule("a long beard hides what is at the neck", "face", ("long beard",), "neck", _but("neck", "none")),
    _rule("a cape does not hang over thick clothes", "back", ("cape",), "upper", ("hoodie", "puffer jacket", "long coat")),
    _rule("children have no beards", "height", ("child",), "face", _but("face", "bare")),
    _rule("children carry no tools", "height", ("child",), "hand", ("pickaxe", "briefcase")),
    _rule("armour has no pattern", "upper", ("armour",), "pattern", _but("pattern", "plain")),
    _rule("nobody jogs with an umbrella, a staff or a briefcase", "gait", ("jog",), "hand", ("umbrella", "staff", "briefcase")),
    _rule(LONG_CLOTHES, "upper", ("robe",), "gait", ("jog", "stride")),
    _rule(LONG_CLOTHES, "lower", ("long skirt",), "gait", ("jog", "stride")),
)  # fmt: skip


def describe(assembly: Assembly) -> str:
    """A few words for captions: "a tall stout person in a red shirt and blue trousers, with a cap and a backpack"."""
    who = {"child": "child", "short": "short", "medium": "", "tall": "tall"}[assembly.height]
    build = "" if assembly.build == "average" else assembly.build
    noun = " ".join(word for word in ((build, "child") if who == "child" else (who, build, "person")) if word)
    upper = f"{assembly.upper_colour} {assembly.upper}"
    below = "" if assembly.upper == "robe" else f" and {assembly.lower_colour} {assembly.lower}"
    below = (
        below.replace(" and", " and an" if assembly.lower_colour[0] in "aeiou" else " and a", 1)
        if assembly.lower in ("skirt", "long skirt")
        else below
    )
    worn = [part for part in (assembly.hat, assembly.neck, assembly.back, assembly.hand) if part not in ("none", "hood")]
    article = "" if assembly.upper == "armour" else "an " if upper[0] in "aeiou" else "a "
    carried = f", with {_listed(worn)}" if worn else ""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun} in {article}{upper}{below}{carried}"


def glimpse(assembly: Assembly) -> str:
    """What one takes in while passing, without an article: "tall stout person in an orange shirt"."""
    words = describe(assembly).split(", with ")[0].split(" and ")[0]
    return words.partition(" ")[2]


def _listed(things: list[str]) -> str:
    each = [f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}" for thing in things]
    return " and ".join([", ".join(each[:-1]), each[-1]] if len(each) > 1 else each)
