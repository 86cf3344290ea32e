"""Hydra's basic sweeper with rounds: every cell once, then every cell again, each round with its own seed and order.

If the machine is slow for a while (another user, heat, a battery), a round is slow, not a backend. No backend always
comes first in a round, or last, or after the same one, because each round has another order. A run that other processes
disturbed is run again at the end of its round.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore

from kerasbench.jobs import configurations
from kerasbench.jobs.place import outcome_file
from kerasbench.jobs.rounds import in_turn
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal import progress

_MOST_ATTEMPTS = 3  # the first, and two more

_Job = tuple[str, ...]  # its overrides


class Rounds(BasicSweeper):
    """Runs the product of all choices `repeats` times; round n, counted from 0, has the seed `seed` + n."""

    _rounds: list[list[_Job]] | None = None  # those that have not begun; None before the first
    _begun: tuple[_Job, ...] = ()  # every job so far, by its number
    _of_round = 0  # the number of the first job of the last batch
    _valid: frozenset[_Job] = frozenset()

    def sweep(self, arguments: list[str]) -> Any:
        """Sweep; with repeats, `seed` is the first round's and not a choice."""
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
        """Return the configuration's choices, the seeds first, because the first choice changes last."""
        chosen: list[str] = super()._parse_config()
        if self._repeats == 1:
            return chosen
        assert self.config is not None
        seeds = ",".join(str(self.config.seed + number) for number in range(self._repeats))
        return [f"seed={seeds}", *chosen]

    def get_job_batch(self) -> Sequence[Sequence[str]]:
        """Return the next round in its own order, or the jobs of the last one that were disturbed.

        Where the user asks for batches of a size, they come as Hydra makes them.
        """
        if self.max_batch_size is not None:
            return self._unfinished(super().get_job_batch())
        if self._rounds is None:
            self._rounds = self._all_rounds(super().get_job_batch())
        batch = self._disturbed() or (self._rounds.pop(0) if self._rounds else [])
        self._of_round = len(self._begun)
        self._begun += tuple(batch)
        return batch

    def is_done(self) -> bool:
        """Return whether every round has been run, and no job is to be run again."""
        if self.max_batch_size is not None or self._rounds is None:
            return bool(super().is_done())
        return not self._rounds and not self._disturbed()

    def _all_rounds(self, jobs: Sequence[Sequence[str]]) -> list[list[_Job]]:
        cells = len(jobs) // self._repeats
        rounds = (in_turn(jobs[start : start + cells], start // cells) for start in range(0, len(jobs), cells))
        return [left for one in rounds if (left := self._unfinished(one))]

    def _unfinished(self, jobs: Sequence[Sequence[str]]) -> list[_Job]:
        """Return the jobs that no earlier command has finished."""
        assert self.config is not None
        finished = [set(json.loads(job)) for job in self.config.sweep.get("finished", [])]
        return [tuple(job) for job in jobs if not any(one.issubset(job) for one in finished)]

    def _disturbed(self) -> list[_Job]:
        """Return the jobs of the last batch that other processes disturbed, unless they have had their attempts."""
        assert self.config is not None
        if self._repeats == 1 or self.config.noise.value != "repeat":
            return []
        numbers = range(self._of_round, len(self._begun))
        files = (outcome_file(self.config.hydra.sweep.dir, self.config.sweep.id, number) for number in numbers)
        noisy = [self._begun[number] for number, file in zip(numbers, files, strict=True) if _is_noisy(file)]
        again = [job for job in noisy if self._begun.count(job) < _MOST_ATTEMPTS]
        progress.current().expect(len(self._begun) + sum(map(len, self._rounds or [])) + len(again))
        return again

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose every cell once, before its first job; all its seeds are alike in what can be wrong."""
        cells = {tuple(one for one in job if not _is_seed(one)): job for job in batch}
        for job in configurations.one_by_one([job for cell, job in cells.items() if cell not in self._valid]):
            super().validate_batch_is_legal([job])
        self._valid |= cells.keys()

    @property
    def _repeats(self) -> int:
        assert self.config is not None
        return int(self.config.repeats)


def _is_noisy(file: Path) -> bool:
    return file.exists() and bool(Outcome.load(file).noise)


def _is_seed(override: str) -> bool:
    return override.partition("=")[0].lstrip("+") == "seed"


# Hydra imports every module in a package named hydra_plugins.
ConfigStore.instance().store(
    group="hydra/sweeper",
    name="rounds",
    node={"_target_": f"{Rounds.__module__}.{Rounds.__name__}", "max_batch_size": None, "params": None},
    provider="kerasbench",
)
