"""What a walker has seen and when: the ground in view, new area, and views that come back. All metrics rest on this.

Definitions (fixed before anything was measured):
- The view of a frame is the set of ground cells (0.5 m) inside its 80 degrees and 8 metres that no footprint hides.
- Overlap of a view with an earlier one: share of its cells that the earlier one has too.
- Views are logged every 4 frames. A logged view is a useful revisit if an earlier one, 60 or more frames ago,
  overlaps it by 0.5 or more, if it was left since (4 or more logged views that overlap it by less than 0.25), and if no
  revisit counted in the last 60 frames overlaps it by 0.5 or more: staying or swaying before one view counts once.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.explore.rays import RayField

Array = NDArray[np.float64]
Cells = NDArray[np.int64]

LOG_EVERY: Final = 4  # frames


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """The figures of the definitions above."""

    field_of_view: float = 80.0  # degrees, of the recorder's camera
    reach: float = 8.0  # metres
    rays: int = 33
    cell: float = 0.5  # metres
    gap: int = 60  # frames between a view and its return
    overlap: float = 0.5
    left_overlap: float = 0.25  # a view that overlaps by less has been left
    left_views: int = 4


class ViewGrid:
    """Which cells of the ground a stance sees."""

    def __init__(self, field: RayField, half: float, config: ViewConfig | None = None) -> None:
        self.config = config or ViewConfig()
        self._field, self._half = field, half
        self.side = int(np.ceil(2 * half / self.config.cell))
        fov, reach, cell = self.config.field_of_view, self.config.reach, self.config.cell
        self._angles = np.linspace(-fov / 2, fov / 2, self.config.rays)
        self._ranges = np.arange(cell / 2, reach, cell)

    @property
    def cells(self) -> int:
        """How many there are."""
        return self.side * self.side

    def cell_of(self, points: Array) -> Cells:
        """Numbers of the cells that hold ``points`` (..., 2); those outside count as the nearest at the edge."""
        at = np.clip(((points + self._half) / self.config.cell).astype(np.int64), 0, self.side - 1)
        return np.asarray(at[..., 0] * self.side + at[..., 1])

    def middle_of(self, cells: Cells) -> Array:
        """Centres (..., 2) of cells, metres."""
        return np.asarray((np.stack([cells // self.side, cells % self.side], -1) + 0.5) * self.config.cell - self._half)

    def view(self, place: Array, yaw: float) -> Cells:
        """The cells, each once, that a walker at ``place`` (2,) sees who looks along ``yaw`` degrees."""
        yaws = yaw + self._angles
        distance = self._field.cast(place, yaws, self.config.reach)
        heading = np.radians(yaws)
        way = np.stack([np.sin(heading), np.cos(heading)], -1)
        points = place + way[:, None] * self._ranges[:, None]
        inside = (self._ranges < distance[:, None]) & (np.abs(points) < self._half).all(-1)
        return np.unique(self.cell_of(points[inside]))


class ViewLog:
    """The views of one walk in order; knows new ground and revisits as they happen."""

    def __init__(self, grid: ViewGrid, room: int = 256) -> None:
        self.grid = grid
        self.ticks: list[int] = []
        self.revisits: list[int] = []  # numbers of the logged views that count
        self.last_seen = np.full(grid.cells, -1, np.int64)  # tick at which each cell was last in view
        self._seen = np.zeros((room, grid.cells), bool)

    def __len__(self) -> int:
        return len(self.ticks)

    @property
    def area(self) -> float:
        """Square metres of ground seen so far."""
        return float((self.last_seen >= 0).sum()) * self.grid.config.cell**2

    def overlaps(self, cells: Cells) -> Array:
        """Share (K,) of ``cells`` that each logged view has too."""
        return np.asarray(self._seen[: len(self), cells].mean(1) if len(cells) else np.zeros(len(self)))

    def add(self, tick: int, cells: Cells) -> tuple[float, bool]:
        """Log a view; return the square metres that are new and whether it is a useful revisit."""
        config = self.grid.config
        new = float((self.last_seen[cells] < 0).sum()) * config.cell**2
        returned = self.returns(tick, self.overlaps(cells))
        number = len(self)
        if number == len(self._seen):
            self._seen = np.concatenate([self._seen, np.zeros_like(self._seen)])
        self._seen[number, cells] = True
        self.ticks.append(tick)
        self.last_seen[cells] = tick
        if returned:
            self.revisits.append(number)
        return new, returned

    def returns(self, tick: int, overlap: Array) -> bool:
        """Whether a view with ``overlap`` (K,) to the logged ones counts as a useful revisit at ``tick``."""
        config = self.grid.config
        ticks = np.array(self.ticks, np.int64)
        old = np.flatnonzero((overlap >= config.overlap) & (tick - ticks >= config.gap))
        if not len(old) or (overlap[old[0] :] < config.left_overlap).sum() < config.left_views:
            return False
        return not any(tick - ticks[k] <= config.gap and overlap[k] >= config.overlap for k in self.revisits[-config.gap :])
