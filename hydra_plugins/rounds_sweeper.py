"""Hydra's basic sweeper in rounds: each round runs every cell once, with its own seed.

A machine that is slow for a while (another user, heat, a battery) then slows a round, not a backend. Each round has
another order, so no backend is always first, last, or after the same other one.
"""

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore

from kerasbench.jobs.rounds import in_turn


class Rounds(BasicSweeper):
    """Runs the product of all choices `repeats` times; round n, counted from 0, has the seed `seed` + n."""

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep; with repeats, `seed` is the first seed instead of a choice."""
        if self._repeats > 1:
            arguments = [argument for argument in arguments if not _is_seed(argument)]
        return super().sweep(arguments)

    def _parse_config(self) -> list[str]:
        """Return the configuration's choices, the seeds first, because the first choice changes last."""
        chosen: list[str] = super()._parse_config()
        if self._repeats == 1:
            return chosen
        assert self.config is not None
        seeds = ",".join(str(self.config.seed + number) for number in range(self._repeats))
        return [f"seed={seeds}", *chosen]

    def get_job_batch(self) -> Sequence[Sequence[str]]:
        """Return all jobs, each round in its own order; with `max_batch_size`, return Hydra's batches unchanged."""
        jobs: Sequence[Sequence[str]] = super().get_job_batch()
        if self.max_batch_size is not None:
            return jobs
        cells = len(jobs) // self._repeats
        rounds = [jobs[start : start + cells] for start in range(0, len(jobs), cells)]
        return [job for number, one in enumerate(rounds) for job in in_turn(one, number)]

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose every job in advance, but only once for all seeds: the seed causes no errors."""
        distinct = {tuple(one for one in job if not _is_seed(one)): job for job in batch}
        super().validate_batch_is_legal(list(distinct.values()))

    @property
    def _repeats(self) -> int:
        assert self.config is not None
        return int(self.config.repeats)


def _is_seed(override: str) -> bool:
    return override.partition("=")[0].lstrip("+") == "seed"


# Hydra imports every module in a package named hydra_plugins.
ConfigStore.instance().store(
    group="hydra/sweeper",
    name="rounds",
    node={"_target_": f"{Rounds.__module__}.{Rounds.__name__}", "max_batch_size": None, "params": None},
    provider="kerasbench",
)
