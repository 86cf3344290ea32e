"""Refuses overrides that have no effect beside the other choices of a command, such as `parity.steps=3` in training."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from kerasbench.config.schema import Config, Init, InitialWeights, ParityOptimizer, Task, Variant
from kerasbench.terminal.errors import UserError


@dataclass(frozen=True)
class _Rule:
    """Settings that have an effect only in some configurations.

    In a sweep, it is enough that one choice gives an effect. Only one choice is varied at a time, so `in_force` must
    not need two choices together: `a or b` is right, and `a and b` is two rules.

    Attributes:
        keys: patterns of the settings' keys.
        in_force: whether the settings have an effect in a configuration.
        otherwise: completes the sentence "KEY=VALUE has no effect ...".
    """

    keys: tuple[str, ...]
    in_force: Callable[[Config], bool]
    otherwise: str


def _trains(config: Config) -> bool:
    return config.task is Task.train


_RULES = (
    _Rule(
        ("model", "model[.@]*", "data", "data[.@]*", "experiment", "trainer.epochs", "trainer.batch_size",
         "trainer.augment", "trainer.callbacks", "settings.image_layout", "settings.data_on_device"),
        lambda config: config.script is None,
        "with script=: the script decides. Leave one of them out; args= is the script's command line",
    ),
    _Rule(
        ("trainer.epochs", "trainer.batch_size", "trainer.init", "trainer.augment", "trainer.callbacks", "model.epochs",
         "model.batch_size", "model.metrics", "model.build.*dropout", "data.train_samples", "data.test_samples",
         "settings.data_on_device"),
        _trains,
        "with task=parity: it takes parity.steps steps of parity.batch_size examples, from equal initial weights, "
        "without dropout",
    ),
    _Rule(
        ("parity.steps", "parity.batch_size", "parity.optimizer", "parity.learning_rate", "parity.tolerance"),
        lambda config: not _trains(config),
        "without task=parity",
    ),
    _Rule(
        ("parity.reference",),
        lambda config: not _trains(config) or config.model.initial_weights is InitialWeights.reference,
        "on the training of this model: its initial weights are drawn in NumPy, not on the reference backend",
    ),
    _Rule(
        ("parity.reference",),
        lambda config: not _trains(config) or config.trainer.init is Init.shared,
        "with trainer.init=native: each backend draws its own initial weights",
    ),
    _Rule(
        ("model.optimizer", "model.optimizer.*", "model.schedule", "model.schedule.*"),
        lambda config: _trains(config) or config.parity.optimizer is ParityOptimizer.own,
        "with task=parity, which takes steps of plain SGD: add parity.optimizer=own",
    ),
    _Rule(
        ("parity.learning_rate",),
        lambda config: _trains(config) or config.parity.optimizer is ParityOptimizer.sgd,
        "with parity.optimizer=own: it is plain SGD's; set model.optimizer.learning_rate",
    ),
    _Rule(
        ("backend.tuned", "backend.tuned.*"),
        lambda config: config.settings.variant is Variant.tuned,
        "with settings.variant=stock: add settings.variant=tuned",
    ),
    _Rule(
        ("backend.index",),
        lambda config: not config.environments.use,
        "with environments.use=true: nothing is installed",
    ),
    _Rule(
        ("backend.index",),
        lambda config: config.backend.chosen is None,
        "on the GPU build that is chosen: it is an index of CPU builds; backend.device=cpu installs one",
    ),
    _Rule(
        ("settings.image_layout",),
        lambda config: config.settings.image_layout is None or config.model.convolutional,
        "on a model without convolutions; if it is your own and has some, add model.convolutional=true",
    ),
)  # fmt: skip


def check(overrides: Iterable[str], configs: Sequence[Config]) -> None:
    """Raise UserError for an override that has no effect in any of the configurations.

    Args:
        overrides: as the user typed them; those that Hydra's grammar does not accept raise its error.
        configs: the configuration of the run, or those of a sweep: one for each value of each override.
    """
    without = [rule for rule in _RULES if not any(map(rule.in_force, configs))]
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        for key in _keys(override):
            for rule in without:
                if any(fnmatchcase(key, pattern) for pattern in rule.keys):
                    raise UserError(f"{str(override.input_line).lstrip('+')} has no effect {rule.otherwise}")


def _keys(override: Override) -> Iterator[str]:
    """Yield the keys that an override sets: `trainer={epochs: 2}` sets trainer.epochs."""
    return _leaves(
        str(override.get_key_element()).lstrip("+~"), None if override.is_sweep_override() else override.value()
    )


def _leaves(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(f"{key}.{name}", item)
    else:
        yield key
