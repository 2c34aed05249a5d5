"""The benchmark of explorers without a map: both walk the same scene from the same start, and their figures add up."""

import pytest

from engine.bench.sight import SightBenchConfig, bench_sight


@pytest.mark.slow
def test_explorers_that_see_depth_alone_are_held_against_each_other(egl: str) -> None:
    said: list[str] = []
    config = SightBenchConfig(families=("rooms",), frames=96)
    first, again = bench_sight(config, said.append), bench_sight(config, lambda _: None)
    policy, explore = first["rows"]
    assert (policy["agent"], explore["agent"], first["scenes"]) == ("policy", "explore", 1)
    assert policy["scene_id"] == explore["scene_id"]
    assert first["rows"] == again["rows"], "a walk by depth does not repeat itself"
    assert policy["area_per_minute"] > explore["area_per_minute"] > 0
    assert first["agents"]["policy"]["area_per_minute"][0] == policy["area_per_minute"] and len(said) == 4
