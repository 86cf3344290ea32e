"""Train one Keras model on one Keras backend and keep the run in MLflow; with -m, every combination of choices."""

import hydra
from omegaconf import DictConfig

from kerasbench.config import composition
from kerasbench.jobs.job import job, running

composition.register()


@hydra.main(config_path="conf", config_name="config", version_base="1.3")
def main(composed: DictConfig) -> float:
    """Train what Hydra composed; return the objective for its sweepers."""
    return job(composed)


if __name__ == "__main__":
    with running():
        main()
