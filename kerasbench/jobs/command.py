"""`kerasbench train` and `python train.py`: Hydra's command line around one job or the jobs of a sweep."""

import contextlib
import os
import sys
from collections.abc import Iterator

import hydra
from omegaconf import DictConfig

from kerasbench.config import command_line
from kerasbench.jobs.job import perform
from kerasbench.paths import CONF
from kerasbench.process.garbage import collected_later
from kerasbench.process.interruption import interruptible
from kerasbench.terminal import progress, streams


def main() -> None:
    """Train one Keras model on one Keras backend and keep the run in MLflow; with -m, every combination of choices."""
    streams.prepare()
    with _running():
        command_line.check(sys.argv[1:])
        sys.argv[1:] = command_line.adding(sys.argv[1:])
        _train()


@hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")
def _train(composed: DictConfig) -> float:
    """Perform the job that Hydra composed; return its objective for Hydra's sweepers."""
    return perform(composed)


@contextlib.contextmanager
def _running() -> Iterator[None]:
    """Report errors in one line; SIGTERM, like Ctrl-C, ends the worker and marks the run KILLED."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its errors here instead of printing them in many lines
    with interruptible(), collected_later():
        try:
            yield
        finally:
            if progress.has_begun():
                progress.current().stop()
