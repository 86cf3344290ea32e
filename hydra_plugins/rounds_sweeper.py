"""Hydra's sweeper, with rounds: every cell once, then every cell again, each round with a seed of its own.

A machine that grows slow for a while (another user, heat, a battery) then slows a round, not a backend; and no backend
is always the first of a round, or the last, or comes always after the same, for each round has another order.
"""

import json
from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore

from kerasbench.jobs.rounds import in_turn


class Rounds(BasicSweeper):
    """Runs the product of all choices, `repeats` times over; round n, from 0, has the seed `seed` + n."""

    def sweep(self, arguments: list[str]) -> Any:
        """Sweep; with repeats, `seed` is not a choice but where they start."""
        if self._repeats > 1:
            arguments = [argument for argument in arguments if not _is_seed(argument)]
        try:
            return super().sweep(arguments)
        except KeyboardInterrupt:
            from kerasbench.jobs.sweep import interrupted

            assert self.config is not None
            interrupted(self.config)
            raise

    def _parse_config(self) -> list[str]:
        """Return the choices that the configuration makes, the seeds before all others: what is first changes last."""
        chosen: list[str] = super()._parse_config()
        if self._repeats == 1:
            return chosen
        assert self.config is not None
        seeds = ",".join(str(self.config.seed + number) for number in range(self._repeats))
        return [f"seed={seeds}", *chosen]

    def get_job_batch(self) -> Sequence[Sequence[str]]:
        """Return all jobs, each round in an order of its own; where batches are asked for, each batch as it comes."""
        jobs: Sequence[Sequence[str]] = super().get_job_batch()
        if self.max_batch_size is not None:
            return self._unfinished(jobs)
        cells = len(jobs) // self._repeats
        rounds = [jobs[start : start + cells] for start in range(0, len(jobs), cells)]
        return self._unfinished([job for number, one in enumerate(rounds) for job in in_turn(one, number)])

    def _unfinished(self, jobs: Sequence[Sequence[str]]) -> list[Sequence[str]]:
        """Return the jobs that no earlier command has finished."""
        assert self.config is not None
        finished = [set(json.loads(job)) for job in self.config.sweep.finished]
        return [job for job in jobs if not any(one.issubset(job) for one in finished)]

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose every job beforehand, but not once for each seed: they are all alike in what can be wrong."""
        distinct = {tuple(one for one in job if not _is_seed(one)): job for job in batch}
        super().validate_batch_is_legal(list(distinct.values()))

    @property
    def _repeats(self) -> int:
        assert self.config is not None
        return int(self.config.repeats)


def _is_seed(override: str) -> bool:
    return override.partition("=")[0].lstrip("+") == "seed"


# Hydra finds this module by the folder's name, in which it wants all plugins.
ConfigStore.instance().store(
    group="hydra/sweeper",
    name="rounds",
    node={"_target_": f"{Rounds.__module__}.{Rounds.__name__}", "max_batch_size": None, "params": None},
    provider="kerasbench",
)
