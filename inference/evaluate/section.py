"""The parts that a report section may have; the template lays each of them out in one way."""

from dataclasses import dataclass

from inference.evaluate.report_tables import Table


@dataclass(frozen=True, kw_only=True)
class Plot:
    """An inline SVG and what to read from it."""

    svg: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Video:
    """A split screen; the panels' names stand above it."""

    panels: list[str]  # left to right
    data: str  # base64 of an mp4
    poster: str  # base64 of a JPEG, shown until the video runs
    caption: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An inlined image."""

    data: str  # base64
    kind: str  # media type
    caption: str


@dataclass(frozen=True, kw_only=True)
class Details:
    """A table that is folded away."""

    title: str
    table: Table


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and what stands under it, in this order."""

    title: str
    paragraphs: tuple[str, ...] = ()
    videos: tuple[Video, ...] = ()
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    details: tuple[Details, ...] = ()

    @property
    def is_filled(self) -> bool:
        """Whether there is anything below the heading."""
        return any((self.paragraphs, self.videos, self.tables, self.plots, self.pictures))

    @property
    def anchor(self) -> str:
        return self.title.lower().replace(" ", "-").replace(",", "")
