"""A person as the renderer draws them: one node a phase of their stride, on a soft shadow."""

from collections.abc import Callable
from typing import Any

from engine.scenes.scene import Point


class DrawnPerson:
    """Shows one phase at a time; each is made when it is first shown, since a scene may have a hundred."""

    def __init__(self, parent: Any, phases: int, fill: Callable[[Any, int], None], shade: Any | None) -> None:
        """Stand under ``parent``; ``fill`` puts the body of a phase under a node."""
        self._shade = shade
        self.nodes = [parent.attach_new_node("phase") for _ in range(phases)]
        self._fill = fill
        self._filled: set[int] = set()
        self.hide()

    def show(self, phase: int, place: Point, yaw: float) -> None:
        """Show this phase, there, turned by ``yaw`` degrees."""
        if phase not in self._filled:
            self._fill(self.nodes[phase], phase)
            self._filled.add(phase)
        for number, node in enumerate(self.nodes):
            if number == phase:
                node.show()
                node.set_pos_hpr(*place, 0, -yaw, 0, 0)
            else:
                node.hide()
        if self._shade is not None:
            self._shade.show()
            self._shade.set_pos(*place, 0)

    def hide(self) -> None:
        """Show nothing."""
        for node in (*self.nodes, *([self._shade] if self._shade is not None else [])):
            node.hide()

    def remove(self) -> None:
        """Leave the scene."""
        for node in (*self.nodes, *([self._shade] if self._shade is not None else [])):
            node.remove_node()
