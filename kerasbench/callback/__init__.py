"""The Keras callback for a `fit` in the user's own process: `from kerasbench import MlflowCallback`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasbench.callback.reporter import Reporter


def MlflowCallback(
    tracking_uri: str | None = None,
    experiment: str = "keras-backends",
    run_id: str | None = None,
    *,
    model: str | None = None,
    data: str | None = None,
    examples: int | None = None,
    label: str | None = None,
) -> "Reporter":
    """Return a Keras callback that logs every epoch of a `fit` to MLflow, as a run of `train.py` does.

    It logs the seconds of training and of validation apart, every entry of Keras' `logs`, and the load of CPU, memory
    and GPUs, under the names of `train.py`'s metrics and tags: `kerasbench report` and MLflow's charts show both.

    The run is `run_id`; else MLflow's active run, unless a `tracking_uri` is named; else a new run, which is FINISHED
    when `fit` returns, and FAILED or KILLED when it raises: at the latest when the process ends. A run that is not its
    own stays open. Nothing of MLflow's global state is read but the active run, and nothing is changed.

    Args:
        tracking_uri: the store's address; by default MLFLOW_TRACKING_URI, else train.py's store.
        experiment: the experiment of a new run; it is created if it does not exist.
        run_id: an existing run to log to; its epochs count on.
        model: the model's name in reports; by default that of the Keras model.
        data: the data set's name in reports. Runs on data of different names are never ranked together.
        examples: the number of training examples in an epoch, for `examples_per_second`.
        label: the name of a variant: runs with another label are ranked as another competitor.

    Raises:
        UserError: from `fit`, before the first epoch, if the store cannot be used.
        ImportError: Keras is missing, or older than 3.
    """
    # Not before: the user chooses Keras' backend, by an environment variable, before Keras is imported.
    from kerasbench.callback.reporter import Asked, Reporter

    return Reporter(Asked(tracking_uri, experiment, run_id, model, data, examples, label))
