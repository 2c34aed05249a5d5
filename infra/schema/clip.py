"""Clips, captions and dataset versions: what curation publishes and training reads."""

from dataclasses import dataclass
from typing import Literal

from infra.schema.episode import Split


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A half-open range of one episode's frames."""

    episode_id: str
    start: int
    stop: int

    @property
    def frames(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A caption of the frames ``start`` to ``stop`` (half open) in four layers, as the release's report names them."""

    episode_id: str
    start: int
    stop: int
    scene: str  # what the place is
    style: str  # light, weather, palette
    content: str  # which things stand where
    motion: str  # what the camera and the characters do
    captioner: str

    def prompt(self) -> str:
        """The text that conditions the model: what a player could have typed before playing."""
        return f"{self.scene} {self.style}"


@dataclass(frozen=True, kw_only=True)
class DatasetClip:
    """A clip with all that training needs to read it, so that training touches no table."""

    episode_id: str
    start: int
    stop: int
    split: Split
    family: str
    walk: str
    perspective: Literal["first", "third"]
    weight: float  # sampling weight from action balancing, mean 1 over the train split
    prompt: str
    frames_object: str
    video_object: str
    depth_object: str


@dataclass(frozen=True, kw_only=True)
class DatasetVersion:
    """An immutable manifest; its digest is the sha256 of its canonical JSON and names the version."""

    name: str
    width: int
    height: int
    fps: float
    parents: tuple[str, ...]  # stage keys that made the rows it was built from
    clips: tuple[DatasetClip, ...]
