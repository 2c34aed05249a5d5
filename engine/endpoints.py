"""Where the engines and games of each source are, and how long they may take. Not part of what a job records."""

from dataclasses import dataclass

from engine.games.minetest.process import MinetestConfig
from engine.games.titles.running import TitlesConfig
from engine.unreal.process import UnrealConfig


@dataclass(frozen=True, kw_only=True)
class EndpointsConfig:
    """One section for each source that runs outside this process; the defaults work without any setting."""

    unreal: UnrealConfig = UnrealConfig()
    titles: TitlesConfig = TitlesConfig()
    minetest: MinetestConfig = MinetestConfig()
