"""Train one Keras model on one Keras backend and keep the run in MLflow; with -m, every combination of choices."""

from kerasbench.jobs.command import main

if __name__ == "__main__":
    main()
