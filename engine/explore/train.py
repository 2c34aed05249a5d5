"""Trains the exploration policy with PPO: python -m engine.explore.train --steps 600000 --out FOLDER (resumes there)."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import torch

try:
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("training the explorer needs stable-baselines3; pip install 'worldloom[agents]'") from error

from engine.explore.env import ExploreConfig, ExploreEnv
from engine.explore.network import Policy, save_policy
from engine.scenes.build import FAMILIES

CHECKPOINT: Final = "checkpoint.zip"
PROGRESS: Final = "progress.jsonl"
PHASE: Final = ("families", "scenes_per_family", "revisit")  # of the world; training may go on in another one


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The recipe. A step is one choice of four frames."""

    steps: int = 600_000
    walkers: int = 8  # side by side in one process
    steps_each: int = 240  # of every walker between updates: one walk
    batch: int = 320
    epochs: int = 6
    learning_rate: float = 4e-4
    discount: float = 0.985
    trace: float = 0.95
    entropy: float = 0.01
    hidden: tuple[int, ...] = (64, 64)
    start_bias: tuple[float, ...] = (1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.5)  # on the first choices: routes with a turning view
    seed: int = 0


class _Progress(BaseCallback):
    """Saves a checkpoint and a line of figures after every update."""

    def __init__(self, folder: Path, before: float, world: ExploreConfig) -> None:
        super().__init__()
        self._world = {key: getattr(world, key) for key in PHASE}
        self._folder, self._before, self._start = folder, before, time.monotonic()
        self._sums: dict[str, float] = {}
        self._count = 0

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            self._count += 1
            for key in ("area", "revisit", "stuck", "near_wall"):
                self._sums[key] = self._sums.get(key, 0.0) + float(info[key])
        return True

    def _on_rollout_end(self) -> None:
        seconds = round(self._before + time.monotonic() - self._start, 1)
        line: dict[str, Any] = {"steps": self.num_timesteps, "seconds": seconds} | self._world
        rewards = [episode["r"] for episode in self.model.ep_info_buffer or ()]
        figures = {f"{key}_a_minute": round(total / self._count * 240, 2) for key, total in self._sums.items()}
        line |= {"reward": round(float(np.mean(rewards)), 3)} | figures if rewards else figures
        self._sums, self._count = {}, 0
        with (self._folder / PROGRESS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.model.save(self._folder / CHECKPOINT)


def train_policy(config: TrainConfig, world: ExploreConfig, out: Path) -> Policy:
    """Train until ``config.steps``, on from the checkpoint in ``out`` if there is one; write the policy there."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    walkers = VecMonitor(DummyVecEnv([lambda: ExploreEnv(world) for _ in range(config.walkers)]))
    before = 0.0
    if (out / CHECKPOINT).is_file():
        model = PPO.load(out / CHECKPOINT, env=walkers, device="cpu")
        before = json.loads((out / PROGRESS).read_text(encoding="utf-8").splitlines()[-1])["seconds"]
    else:
        model = _new_model(config, walkers)
    left = config.steps - model.num_timesteps
    if left > 0:
        progress = _Progress(out, before, world)
        model.learn(left, callback=progress, reset_num_timesteps=False)
        model.save(out / CHECKPOINT)
    policy = policy_of(model)
    save_policy(policy, out, _record(config, world, model.num_timesteps, out / PROGRESS))
    walkers.close()
    return policy


def _new_model(config: TrainConfig, walkers: VecMonitor) -> PPO:
    model = PPO(
        "MlpPolicy",
        walkers,
        n_steps=config.steps_each,
        batch_size=config.batch,
        n_epochs=config.epochs,
        learning_rate=config.learning_rate,
        gamma=config.discount,
        gae_lambda=config.trace,
        ent_coef=config.entropy,
        policy_kwargs={"net_arch": list(config.hidden)},
        seed=config.seed,
        device="cpu",
    )
    last = model.policy.action_net
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.bias[: len(config.start_bias)] += torch.tensor(config.start_bias)
    return model


def policy_of(model: PPO) -> Policy:
    """The actor of an SB3 model as plain matrices."""
    linear = [layer for layer in model.policy.mlp_extractor.policy_net if isinstance(layer, torch.nn.Linear)]
    last = model.policy.action_net
    assert isinstance(last, torch.nn.Linear)
    linear.append(last)
    return Policy(layers=tuple((layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()) for layer in linear))


def _record(config: TrainConfig, world: ExploreConfig, steps: int, progress: Path) -> dict[str, Any]:
    """How a policy came about; ``phases`` has the last figures of each world."""
    text = progress.read_text(encoding="utf-8") if progress.is_file() else ""
    phases = {json.dumps([line[key] for key in PHASE]): line for line in map(json.loads, text.splitlines())}
    recipe = asdict(config) | {"steps": steps}
    return {"algorithm": "PPO, stable-baselines3", "train": recipe, "world": asdict(world), "phases": list(phases.values())}


@click.command(epilog="Example: python -m engine.explore.train --steps 600000 --out policy")
@click.option("--steps", type=click.IntRange(min=0), default=TrainConfig.steps, show_default=True, help="Choices in all.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Checkpoint, progress, policy.")
@click.option("--family", "families", multiple=True, help="Of scenes; repeatable.  [default: all]")
@click.option("--seed", type=int, default=TrainConfig.seed, show_default=True)
def main(steps: int, out: Path, families: tuple[str, ...], seed: int) -> None:
    """Train the exploration policy on training scenes; run again with more steps to train on."""
    world = ExploreConfig(families=families or FAMILIES)
    train_policy(TrainConfig(steps=steps, seed=seed), world, out)
    click.echo((out / PROGRESS).read_text(encoding="utf-8").splitlines()[-1])


if __name__ == "__main__":
    main()
