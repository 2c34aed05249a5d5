"""How the keys of one track show in it: at once where feet grip, smeared over frames where a game speeds up and slows down."""

import dataclasses
import itertools
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from annotation.wsad_chain import EvidenceConfig, Response, decode, evidence, pushes
from annotation.wsad_track import Movement

Array = NDArray[np.float64]

AT_ONCE: Final = Response()
SHARES: Final = ((1.0,), (0.7, 0.3), (0.3, 0.7), (0.05, 0.4, 0.45, 0.1))  # where the search starts; it ends where they fit best
DIAGONALS: Final = (1.0, 2**0.5)  # steps that a diagonal is long: as any other, or two keys added up
ROUNDS: Final = 2  # of fitting the shares to the keys that were decoded with those before


@dataclass(frozen=True, kw_only=True)
class ChainConfig:
    """What the chain takes a track for before it sees it; costs in nats."""

    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    stop_cost: float = 2.0  # hysteresis: what it takes to believe that a walker stopped
    start_cost: float = 3.5  # that one who stood pressed a certain key
    change_cost: float = 3.5  # and that a certain key followed on another
    caution: float = 20.0  # what one step of pose noise adds to each, up to
    most_caution: float = 3.0
    most_noise: float = 0.05  # steps: with more, how keys show cannot be told
    odd_cost: float = 4.0  # a frame that costs as much, whatever the keys, is odd
    odd_share: float = 0.04  # of odd frames, from which on it is asked whether keys show at once


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What keys a track was read as."""

    keys: Array  # (N, 9) probability of each direction
    response: Response
    evidence: float  # log


def read_keys(track: Movement, config: ChainConfig) -> Reading:
    """The keys of a track, by the response that explains it best.

    Which one is asked only where a response at once leaves much unexplained: it is right for feet that grip.
    """
    plain = evidence(track, AT_ONCE, config.evidence)
    reading = _read(track, AT_ONCE, config, plain)
    if track.noise > config.most_noise or (plain.min(1) >= config.odd_cost).mean() < config.odd_share:
        return reading
    tries = [Response(shares=shares, diagonal=diagonal) for shares, diagonal in itertools.product(SHARES, DIAGONALS)]
    best = max((_read(track, one, config) for one in tries), key=lambda one: one.evidence)
    for _ in range(ROUNDS):
        fitted = _read(track, _fitted(track, best, config), config)
        if fitted.evidence <= best.evidence:
            break
        best = fitted
    return best


def _read(track: Movement, response: Response, config: ChainConfig, costs: Array | None = None) -> Reading:
    costs = evidence(track, response, config.evidence) if costs is None else costs
    caution = min(config.most_caution, config.caution * track.noise)
    changes = [cost + caution for cost in (config.stop_cost, config.start_cost, config.change_cost)]
    keys, found = decode(costs, len(response.shares), changes)
    return Reading(keys=keys, response=response, evidence=found)


def _fitted(track: Movement, reading: Reading, config: ChainConfig) -> Response:
    """The shares, over four frames, that suit the keys of a reading best, by least squares over the frames that are not odd."""
    depth, response = 4, reading.response
    costs = evidence(track, response, config.evidence)
    held = pushes(track, dataclasses.replace(response, shares=(1.0,)))  # (N, 9, 2)
    keys, now = reading.keys.argmax(1), np.arange(len(held))
    columns = [held[now, keys[np.maximum(now - age, 0)]] for age in range(depth)]
    free = (costs.min(1) < config.odd_cost) & (reading.keys.max(1) > 0.5)
    target = (track.moves - track.keeps * track.before) / (1 - track.keeps)
    design = np.stack(columns, -1)[free].reshape(-1, depth)
    shares = np.maximum(np.linalg.lstsq(design, target[free].reshape(-1), rcond=None)[0], 0)
    if shares.sum() < 0.5:
        return response
    return dataclasses.replace(response, shares=tuple((shares / shares.sum()).tolist()))
