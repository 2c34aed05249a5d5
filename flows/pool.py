"""Pools of workers: in this process, or Ray actors. The one place that imports Ray."""

import collections
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from engine.unreal.process import UnrealConfig
from flows.local_ray import local_ray
from infra.address import parse_address
from infra.allowance import cores
from infra.errors import WorldloomError
from infra.interrupt import keeping_handlers

if TYPE_CHECKING:
    from ray.actor import ActorHandle

    Actor = ActorHandle["Worker"]

Job = TypeVar("Job")
Result = TypeVar("Result")
LOOPBACK: Final = "127.0.0.1"
MINETEST_CORES: Final = 2  # that one client, drawn in software, its server and its layers keep busy
KNOCK_SECONDS: Final = 5.0  # for a cluster to take a connection
END_SECONDS: Final = 10.0  # for actors to end by themselves
_NONE: Final[Any] = object()  # no job is left


@dataclass(frozen=True, kw_only=True)
class PoolConfig:
    """Where recording and annotation run."""

    actors: int = 0  # Ray actors; 0 works in this process and never starts Ray
    address: str = ""  # of a running Ray cluster; empty starts one on this machine, loopback only
    retries: int = 3  # of a job whose actor was killed
    job_seconds: float = 7200.0  # after which an actor counts as hung; above the slowest episode there is
    join_seconds: float = 600.0  # for a first actor to find room in the cluster
    dashboard: bool = False  # Ray's own


class PoolError(WorldloomError):
    """The workers keep dying, or find no room."""


class ActorDiedError(Exception):
    """An actor, or the node that it was on, is gone."""


class Worker:
    """What an actor is: a plain object that runs functions, from ``folder`` where it is given one."""

    def __init__(self, folder: str = "") -> None:
        if folder:
            os.chdir(folder)

    def run(self, function: Callable[[Job], Result], job: Job) -> Result:
        """``function(job)``."""
        return function(job)

    def join(self) -> None:
        """Answered once the actor has found room and runs."""


@dataclass(frozen=True, kw_only=True)
class _Task(Generic[Job]):
    """A job that an actor is at."""

    actor: "Actor"
    job: Job
    deaths: int  # of actors over this job
    deadline: float  # of the monotonic clock


class RayPool:
    """A few actors that live as long as the pool, and are replaced when they die or hang; results come as they are ready.

    One that finds no room in the cluster, since others use it or a node was lost, is given nothing to do until it does.
    """

    def __init__(self, make_actor: "Callable[[], Actor]", config: PoolConfig) -> None:
        self._make_actor, self._config = make_actor, config
        self._actors = [make_actor() for _ in range(config.actors)]
        self._joining: dict[Any, Actor] = {}
        self._ran: list[Actor] = []  # those that have found room before
        self._stillborn = 0  # actors in a row that died before they ran

    def map_unordered(
        self, function: Callable[[Job], Result], jobs: Iterable[Job], lost: Callable[[Job, str], Result] | None = None
    ) -> Iterator[Result]:
        """Run ``function`` on every job, one at a time an actor; a job is taken when an actor is free for it.

        ``lost`` gives the result of a job over which actors died more often than the pool retries; it is told why.

        Raises:
            PoolError: there is such a job, and no ``lost``; or actors die before they run, or find no room.
        """
        import ray

        waiting = iter(jobs)
        if (first := _take(waiting)) is None:
            return
        again = collections.deque([first])  # and those whose actors died: how many
        shared, free = ray.put(function), list["Actor"]()
        running: dict[Any, _Task[Job]] = {}
        self._joining = {actor.join.remote(): actor for actor in self._actors}
        while True:
            while free and (todo := again.popleft() if again else _take(waiting)) is not None:
                actor, deadline = free.pop(), time.monotonic() + self._config.job_seconds
                task = _Task(actor=actor, job=todo[0], deaths=todo[1], deadline=deadline)
                running[actor.run.remote(shared, task.job)] = task
            if free and not running:
                return
            reference, is_ready = self._first_ready(running)
            if reference in self._joining:
                free += self._joined(reference, others=len(free) + len(running))
                continue
            task = running.pop(reference)
            try:
                if not is_ready:
                    raise ActorDiedError(f"it gave no answer within {self._config.job_seconds:.0f} s")
                result = _result(reference)
            except ActorDiedError as error:
                self._replace(task.actor)
                if task.deaths < self._config.retries:
                    again.append((task.job, task.deaths + 1))
                    continue
                why = f"{task.deaths + 1} workers died over one job ({error}); free memory or lower pool.actors and start again"
                if lost is None:
                    raise PoolError(why) from None
                yield lost(task.job, why)
                continue
            free.append(task.actor)
            yield result

    def end(self) -> None:
        """Let idle actors end by themselves: a killed one leaves files of the engines that it kept warm."""
        import ray

        with contextlib.suppress(ray.exceptions.RayError):  # a cluster that is gone took them along
            ended = [cast(Any, actor).__ray_terminate__.remote() for actor in self._ran]  # the others keep nothing
            ray.wait(ended, num_returns=len(ended), timeout=END_SECONDS)

    def _replace(self, actor: "Actor") -> None:
        """Make a new actor in place of one that died or cannot be reached; it joins wherever the cluster has room."""
        import ray

        ray.kill(actor)  # it may live on where nobody reaches it
        self._actors[self._actors.index(actor)] = made = self._make_actor()
        self._ran = [one for one in self._ran if one != actor]
        self._joining[made.join.remote()] = made

    def _joined(self, reference: Any, others: int) -> "list[Actor]":
        """The actor that has found room; none where it is dead. Those that die as they start are replaced a few times in a row.

        Raises:
            PoolError: none is left: neither ``others`` that work or could, nor any that may still find room.
        """
        actor = self._joining.pop(reference)
        try:
            _result(reference)
        except ActorDiedError as error:
            self._stillborn += actor not in self._ran
            if self._stillborn <= self._config.retries:
                self._replace(actor)
            elif not others and not self._joining:
                raise PoolError(f"{self._stillborn} workers died before they ran ({error}); free memory, start again") from None
            return []
        self._stillborn = 0
        if actor not in self._ran:
            self._ran.append(actor)
        return [actor]

    def _first_ready(self, running: "Mapping[Any, _Task[Any]]") -> tuple[Any, bool]:
        """The job or the newcomer that is ready first, or else, with False, the first job that is overdue."""
        import ray

        now = time.monotonic()
        due = min((task.deadline for task in running.values()), default=now + self._config.join_seconds)
        ready, _ = ray.wait([*running, *self._joining], num_returns=1, timeout=max(0.0, due - now))
        if ready:
            return ready[0], True
        if not running:
            where = self._config.address or "this machine"
            raise PoolError(f"no worker found room on {where} within {self._config.join_seconds:g} s; each needs a core")
        return min(running, key=lambda reference: running[reference].deadline), False


def _take(jobs: Iterator[Job]) -> tuple[Job, int] | None:
    """The next job, over which no actor has died; None where none is left."""
    job = next(jobs, _NONE)
    return None if job is _NONE else (job, 0)


def fitting_actors(source: str, unreal: UnrealConfig, config: PoolConfig) -> int:
    """How many actors this machine or cluster holds to record with; 1 where an engine cannot be shared.

    0, this process, for titles: Ray would kill their layers together with its worker, and leave keys down.

    Raises:
        PoolError: the cluster cannot be reached.
    """
    if source == "unreal" and (unreal.command or _names_one_engine(unreal)):
        return 1  # how many builds a graphics card holds, only their owner knows
    match source:
        case "embedded" | "vizdoom" | "unreal":
            return max(1, _cores(config))
        case "minetest":
            return max(1, _cores(config) // MINETEST_CORES)
        case _:
            return 0


def check_actors(source: str, unreal: UnrealConfig, actors: int) -> None:
    """Refuse more recorders than the engine takes clients.

    Raises:
        PoolError: names the setting.
    """
    if source == "unreal" and actors > 1 and _names_one_engine(unreal):
        raise PoolError(f"endpoints.unreal names one engine by its host or port, and it takes one client: 1 worker, not {actors}")


def _names_one_engine(unreal: UnrealConfig) -> bool:
    """Whether all recorders would meet at the same engine."""
    return bool(unreal.host or unreal.port)


def _cores(config: PoolConfig) -> int:
    """That this process may use, or that the cluster has."""
    if not config.address:
        return cores()
    import ray

    _start_ray(config, {})
    resources: Any = ray.cluster_resources  # it has no types
    return int(resources().get("CPU", 1))


@contextmanager
def open_pool(config: PoolConfig, store_uri: str) -> Iterator[RayPool | None]:
    """Start Ray and its actors once for a run and end them in any case; None for ``actors = 0``.

    Raises:
        PoolError: Ray does not start; or its machines are several, and the store that they are to work for is a folder of one.
    """
    if config.actors == 0:
        yield None
        return
    given: AbstractContextManager[dict[str, Any]] = contextlib.nullcontext({}) if config.address else local_ray()
    with given as settings:
        import ray

        try:
            _start_ray(config, settings)
            _check_reach(config.address, store_uri)
            remote: Any = ray.remote(Worker)
            spread = remote.options(num_cpus=1, scheduling_strategy="SPREAD")  # over the nodes of a cluster
            folder = "" if config.address else os.getcwd()
            pool = RayPool(lambda: cast("Actor", spread.remote(folder)), config)
            try:
                yield pool
            except Exception:  # who interrupts does not want to wait
                pool.end()
                raise
            pool.end()
        finally:
            ray.shutdown()


def _check_reach(address: str, store_uri: str) -> None:
    import ray

    nodes: Any = ray.nodes  # it has no types
    machines = {node["NodeManagerHostname"] for node in nodes() if node["Alive"]}
    if len(machines) > 1 and parse_address(store_uri).folder is not None:
        raise PoolError(f"the {len(machines)} machines of {address} cannot all write into {store_uri}; use a store in s3://")


@keeping_handlers()
def _start_ray(config: PoolConfig, settings: Mapping[str, Any]) -> None:
    """Join the cluster, or start a Ray on this machine with ``settings``."""
    import ray

    if ray.is_initialized():
        return
    if config.address:
        try:
            _knock(config.address)
            ray.init(address=config.address, log_to_driver=True)
        except (OSError, OverflowError, RuntimeError, ValueError) as error:
            said = str(error).strip().partition("\n")[0]
            raise PoolError(f"no Ray cluster at pool.address = {config.address!r}: {said}") from None
        return
    try:
        with contextlib.chdir(settings["_temp_dir"]):  # actors import from where Ray starts, and packages of others may lie here
            ray.init(
                num_cpus=config.actors,
                num_gpus=0,
                include_dashboard=config.dashboard,
                dashboard_host=LOOPBACK,
                _node_ip_address=LOOPBACK,
                logging_level=logging.WARNING,
                log_to_driver=True,
                **settings,
            )
    except (OSError, RuntimeError, ValueError) as error:
        said = str(error).strip().partition("\n")[0]
        raise PoolError(f"Ray did not start on this machine: {said}; 0 workers do without it") from None


def _knock(address: str) -> None:
    """Whether anybody listens there, which Ray takes minutes to find out. Other forms than HOST:PORT are Ray's to read.

    Raises:
        OSError: nobody does.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()


def _result(reference: Any) -> Any:
    """The result, or the job's own error without Ray's wrapping."""
    import ray
    from ray.exceptions import RayActorError, RayTaskError

    try:
        return ray.get(reference)
    except RayTaskError as error:
        raise error.cause from None
    except RayActorError as error:
        raise ActorDiedError(str(error).splitlines()[0]) from None
