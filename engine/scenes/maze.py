"""The family ``maze``: hedges or stone walls in a random spanning tree with loops, and a landmark in each quarter."""

from typing import Final

from engine.scenes.conditions import Conditions
from engine.scenes.props import FLAG, FOUNTAIN, ROUND_TREE, STATUE, WELL
from engine.scenes.scene import Scene
from engine.scenes.site import Prop, Site

CELL: Final = 4.6  # metres from corridor to corridor
CELLS: Final = 10  # a side
HEDGE: Final = Prop("hedge", "hedge", (4.6, 2.3, 1.0), 0.0, ("green",), ("leaves",))
STONE: Final = Prop("wall", "{colour} wall", (4.6, 2.4, 0.5), 0.0, ("sand", "concrete", "brick", "cream"), ("masonry",))


def build_maze(seed: int, conditions: Conditions) -> Scene:
    """Carve a spanning tree through ten by ten cells, open a third of what is left, clear a square for each landmark."""
    site = Site("maze", seed, CELL * CELLS / 2)
    style = HEDGE if site.rng.random() < 0.6 else STONE
    style = style._replace(colours=(site.pick(style.colours),))
    squares = _squares(site)
    closed = _walls(site, squares)
    half = site.half
    for (i, j), across in sorted(closed):
        x, z = -half + (i + 0.5) * CELL, -half + (j + 0.5) * CELL
        thick = style.size[2]
        place = (x + CELL / 2, z) if across else (x, z + CELL / 2)
        site.put(style, *place, 90.0 if across else 0.0, (CELL + thick * 0.9, style.size[1], thick))
    site.border(style, style.size[1] + 0.2, 0.8)
    for number, (i, j) in enumerate(squares):
        x, z = -half + (i + 1) * CELL, -half + (j + 1) * CELL
        site.patch("flagstones", x, z, 2 * CELL - 1.2, 2 * CELL - 1.2)
        site.put((FOUNTAIN, STATUE, ROUND_TREE, WELL, FLAG)[(number + seed) % 5], x, z, site.chance(0, 360))
    ground = ("gravel", "lawn", "cobbles", "sand")[seed % 4]
    return site.finish(ground, conditions, apron=("lawn",) * 4)


def _squares(site: Site) -> list[tuple[int, int]]:
    """Corners of open squares of two by two cells that keep apart."""
    found: list[tuple[int, int]] = []
    for _ in range(60):
        i, j = (int(value) for value in site.rng.integers(0, CELLS - 1, 2))
        if all(abs(i - a) > 2 or abs(j - b) > 2 for a, b in found) and len(found) < 5:
            found.append((i, j))
    return found


def _walls(site: Site, squares: list[tuple[int, int]]) -> set[tuple[tuple[int, int], bool]]:
    """Walls that stay, each by the cell on its lower side and whether the next cell is to the right (else ahead)."""
    walls = {
        ((i, j), across)
        for i in range(CELLS)
        for j in range(CELLS)
        for across in (True, False)
        if (i if across else j) < CELLS - 1
    }
    group = {(i, j): i * CELLS + j for i in range(CELLS) for j in range(CELLS)}
    ordered = sorted(walls)
    left, low = (int(value) for value in site.rng.integers(1, CELLS - 4, 2))  # a lawn of four by four cells, to walk freely
    lawn = {
        ((left + i, low + j), across) for i in range(4) for j in range(4) for across in (True, False) if (i if across else j) < 3
    }
    opened = lawn | {((i, j), True) for i, j in squares} | {((i, j + 1), True) for i, j in squares}
    opened |= {((i, j), False) for i, j in squares} | {((i + 1, j), False) for i, j in squares}
    for index in [*(ordered.index(wall) for wall in sorted(opened)), *site.rng.permutation(len(ordered))]:
        (i, j), across = ordered[int(index)]
        a, b = (i, j), ((i + 1, j) if across else (i, j + 1))
        if ((i, j), across) in opened or group[a] != group[b] or site.rng.random() < 0.34:
            walls.discard(((i, j), across))
            old, new = group[b], group[a]
            group = {cell: new if number == old else number for cell, number in group.items()}
    return walls
