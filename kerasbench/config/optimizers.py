"""The names of Keras' optimizers and losses, and the hyper-parameters that each optimizer takes."""

import re

from kerasbench.config.schema import BackendConfig, Config
from kerasbench.config.signatures import is_file
from kerasbench.paths import REQUIREMENTS
from kerasbench.terminal.errors import UserError

# Keras 3.15, keras.optimizers: the hyper-parameters besides learning_rate and decay, which all take.
OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "SGD": ("momentum",),
    "RMSprop": ("rho", "epsilon", "momentum"),
    "Adam": ("beta_1", "beta_2", "epsilon"),
    "AdamW": ("beta_1", "beta_2", "epsilon"),
    "Adadelta": ("rho", "epsilon"),
    "Adagrad": ("epsilon",),
    "Adamax": ("beta_1", "beta_2", "epsilon"),
    "Nadam": ("beta_1", "beta_2", "epsilon"),
    "Adafactor": (),
    "Ftrl": (),
    "Lion": ("beta_1", "beta_2"),
    "Lamb": ("beta_1", "beta_2", "epsilon"),
    "Muon": ("momentum", "epsilon"),
}
# Keras 2.2 and 2.3: their Nadam takes no `decay`, which a worker passes to every optimizer.
_OF_KERAS_2 = {"SGD", "RMSprop", "Adam", "Adadelta", "Adagrad", "Adamax"}
_NOT_IN_KERAS_2 = {("RMSprop", "momentum")}

# Losses for one-hot labels: the names in both Keras 2 and 3, then those in only one of them.
LOSSES = (
    "categorical_crossentropy", "binary_crossentropy", "categorical_hinge", "hinge", "squared_hinge",
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error",
    "poisson", "mse", "mae", "mape", "msle",
    "kullback_leibler_divergence", "logcosh", "cosine_proximity",
    "kl_divergence", "log_cosh", "cosine_similarity", "huber", "categorical_focal_crossentropy",
    "binary_focal_crossentropy",
)  # fmt: skip


def check(config: Config) -> None:
    """Raise UserError where the backend's Keras has no such optimizer, or the optimizer no such hyper-parameter."""
    optimizer, keras = config.model.optimizer, keras_major(config.backend)
    name = optimizer.class_name
    there = [one for one in OPTIMIZERS if keras != 2 or one in _OF_KERAS_2]
    if name not in there:
        raise UserError(
            f"model.optimizer.class_name={name[:40]}: {config.backend.name}'s Keras has no such optimizer; "
            f"it has {', '.join(there)}"
        )
    takes = [one for one in OPTIMIZERS[name] if keras != 2 or (name, one) not in _NOT_IN_KERAS_2]
    for parameter in ("rho", "beta_1", "beta_2", "epsilon", "momentum"):
        value = getattr(optimizer, parameter)
        if value is not None and parameter not in takes:
            raise UserError(
                f"model.optimizer.{parameter}={value}: {name} takes no {parameter}. "
                f"Leave it out: model.optimizer.{parameter}=null"
            )
    if name == "RMSprop" and optimizer.epsilon is None:
        raise UserError("model.optimizer.epsilon=null: RMSprop needs one, because its default differs between versions")


def keras_major(backend: BackendConfig) -> int | None:
    """Return the first number of the Keras version that the backend's requirements pin; None if they pin none."""
    path = REQUIREMENTS / backend.requirements
    pinned = re.search(r"^keras(?:-mxnet)?==(\d+)", path.read_text() if is_file(path) else "", re.M | re.I)
    return int(pinned.group(1)) if pinned else None
