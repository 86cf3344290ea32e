"""The script that a user would write without kerasbench: mnist_mlp in plain Keras, run in a backend's environment.

`python bare_keras.py SPEC`: SPEC is a JSON object from contestants.py. The last line of output is a JSON object, too.
It supports Python 3.6 and later, Keras 2.3 and 3. Keep it as fast as a user's script: any extra work makes kerasbench
look better than it is.
"""

import json
import sys
import time
from typing import Any, Dict, List, Tuple

started = time.perf_counter()

import numpy as np  # noqa: E402
from keras.layers import Dense, Dropout, Flatten, Input  # noqa: E402
from keras.models import Model  # noqa: E402
from keras.optimizers import RMSprop  # noqa: E402

Split = Tuple[Any, Any]  # images and one-hot labels, NumPy arrays


def load(spec: Dict[str, Any]) -> Tuple[Split, Split]:
    """Return the training and the test split."""
    splits = []
    with np.load(spec["path"]) as arrays:
        for part in ("train", "test"):
            samples = spec[part + "_samples"]
            images = arrays[part + "_image"][:samples].astype(np.float32)
            images /= 255
            labels = np.eye(spec["classes"], dtype=np.float32)[arrays[part + "_labels"][:samples]]
            splits.append((images, labels))
    return splits[0], splits[1]


def load_own(path: str) -> Tuple[Split, Split]:
    """Return the splits of a user's own .npz file, as they are."""
    with np.load(path) as arrays:
        return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def peak_rss_mib() -> float:
    """Return the peak resident memory of this process."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def build(spec: Dict[str, Any], image_shape: Tuple[int, ...]) -> Any:
    """Return the compiled model."""
    image = Input(shape=image_shape)
    x = Flatten()(image)
    for _ in range(2):
        x = Dense(spec["units"], activation="relu")(x)
        x = Dropout(spec["dropout"])(x)
    model = Model(inputs=image, outputs=Dense(spec["classes"], activation="softmax")(x))
    model.compile(loss="categorical_crossentropy", optimizer=RMSprop(**spec["optimizer"]), metrics=["accuracy"])
    return model


def whole(model: Any, training: Split, test: Split, spec: Dict[str, Any], callbacks: List[Any]) -> Dict[str, float]:
    """Train for all epochs with one call of `fit`."""
    history = model.fit(
        training[0],
        training[1],
        batch_size=spec["batch_size"],
        epochs=spec["epochs"],
        validation_data=test,
        callbacks=callbacks,
        verbose=0,
    )
    return {"val_accuracy": float(history.history["val_accuracy"][-1]), "peak_rss_mib": peak_rss_mib()}


def with_mlflow(model: Any, training: Split, test: Split, spec: Dict[str, Any]) -> Dict[str, float]:
    """Train for all epochs under MLflow's own callback."""
    import mlflow.keras

    mlflow.set_tracking_uri(spec["tracking_uri"])
    mlflow.set_experiment(spec["experiment"])
    with mlflow.start_run():
        return whole(model, training, test, spec, [mlflow.keras.MlflowCallback()])


def steady(model: Any, training: Split, test: Split, spec: Dict[str, Any]) -> Dict[str, float]:
    """Time an additional epoch without a callback: the difference between a `fit` of many epochs and a `fit` of one.

    The difference excludes the fixed cost of a `fit`. A first, untimed `fit` compiles everything.
    """

    def fit(epochs: int, **validation: Any) -> float:
        before = time.perf_counter()
        model.fit(training[0], training[1], batch_size=spec["batch_size"], epochs=epochs, verbose=0, **validation)
        return time.perf_counter() - before

    more = spec["epochs"] - 1
    fit(1, validation_data=test)
    return {
        "epoch_seconds": (fit(1 + more) - fit(1)) / more,
        "epoch_wall_seconds": (fit(1 + more, validation_data=test) - fit(1, validation_data=test)) / more,
    }


def main() -> None:
    """Run the task of the specification and print its figures."""
    spec = json.loads(sys.argv[1])
    imported = time.perf_counter()
    training, test = load_own(spec["own_data"]) if "own_data" in spec else load(spec)
    loaded = time.perf_counter()
    if "own_data" in spec:
        from own_model import build as build_own  # type: ignore[import-not-found]  # beside this script

        model = build_own([training[0].shape[1:]], classes=10)
    else:
        model = build(spec, training[0].shape[1:])
    built = time.perf_counter()
    figures = {"import_seconds": imported - started, "load_seconds": loaded - imported, "build_seconds": built - loaded}
    if spec["task"] == "steady":
        figures.update(steady(model, training, test, spec))
    elif spec["task"] == "mlflow":
        figures.update(with_mlflow(model, training, test, spec))
    else:
        figures.update(whole(model, training, test, spec, []))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
