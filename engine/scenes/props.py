"""Things that more than one family uses."""

from typing import Final

from engine.scenes.site import Prop

OAK: Final = Prop("oak", "{colour} oak", (5.2, 7.4, 5.2), 0.18, ("green",))
BIRCH: Final = Prop("birch", "{colour} birch", (3.2, 6.6, 3.2), 0.18, ("green",))
SPRUCE: Final = Prop("spruce", "spruce", (3.4, 8.2, 3.4), 0.2, ("green", "teal"))
ROUND_TREE: Final = Prop("round_tree", "round {colour} tree", (3.2, 4.8, 3.2), 0.15, ("green",))
BUSH: Final = Prop("bush", "{colour} bush", (1.7, 1.2, 1.4), 0.25, ("green",))
HEDGE: Final = Prop("hedge", "hedge", (3.6, 1.1, 0.8), 0.1, ("green",), ("hedge",))
BOULDER: Final = Prop("boulder", "{colour} boulder", (1.9, 1.3, 1.6), 0.3, ("grey", "concrete"))
LOG: Final = Prop("log", "log", (3.4, 0.6, 0.6), 0.2, ("brown",))
STUMP: Final = Prop("stump", "stump", (0.9, 0.6, 0.9), 0.2, ("brown",))
BENCH: Final = Prop("bench", "{colour} bench", (1.9, 0.95, 0.6), 0.05, ("brown", "red", "teal"))
STREETLIGHT: Final = Prop("streetlight", "street light", (0.3, 4.6, 0.3), 0.05, ("grey",))
LAMP: Final = Prop("lamp", "lamp post", (0.6, 3.4, 0.6), 0.05, ("yellow", "white"))
BOLLARD: Final = Prop("bollard", "{colour} bollard", (0.34, 0.95, 0.34), 0.05, ("red", "white"))
CRATE: Final = Prop("crate", "{colour} crate", (1.1, 1.0, 1.1), 0.2, ("brown", "orange", "sand"), ("planks",))
BARREL: Final = Prop("barrel", "{colour} barrel", (0.75, 1.05, 0.75), 0.1, ("blue", "rust", "teal"))
CAR: Final = Prop("car", "{colour} car", (4.2, 1.5, 1.8), 0.06, ("red", "blue", "white", "yellow", "teal", "grey", "orange"))
FENCE: Final = Prop("fence", "{colour} fence", (3.0, 1.0, 0.12), 0.0, ("white", "brown"))
STATUE: Final = Prop("statue", "{colour} statue", (1.8, 3.9, 1.8), 0.12, ("teal", "grey", "yellow"))
FOUNTAIN: Final = Prop("fountain", "fountain", (4.0, 2.6, 4.0), 0.12, ("white", "concrete"), ("stone",))
WELL: Final = Prop("well", "well with a {colour} roof", (1.8, 2.9, 1.8), 0.08, ("red", "rust", "blue"))
STALL: Final = Prop(
    "stall", "stall with a {colour} awning", (3.0, 2.8, 2.2), 0.08, ("red", "blue", "yellow", "lime", "orange"), ("stripes",)
)
SIGN: Final = Prop("sign", "{colour} sign", (2.0, 2.2, 0.16), 0.1, ("yellow", "white", "red"), ("diagonal", "dots", "checker"))
FLAG: Final = Prop("flag", "{colour} flag", (1.6, 5.0, 0.4), 0.1, ("red", "blue", "yellow"), ("plain", "checker"))
CONE: Final = Prop("cone", "traffic cone", (0.5, 0.75, 0.5), 0.0, ("orange",))
WALL: Final = Prop("wall", "{colour} wall", (4.0, 2.0, 0.4), 0.0, ("grey",), ("brick",))
POT: Final = Prop("potted_plant", "potted plant", (0.9, 1.6, 0.9), 0.15, ("green", "lime"))
LINTEL: Final = Prop("lintel", "doorway", (2.4, 0.8, 0.3), 0.0, ("white",), ("plaster",))
CEILING_LAMP: Final = Prop("ceiling_lamp", "ceiling lamp", (1.6, 0.1, 0.5), 0.0, ("white",))
