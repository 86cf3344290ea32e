"""Checks that a run can use as many devices as it asks for (`settings.devices`)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from kerasbench.config import builds, settings
from kerasbench.config.schema import Config, Device, SettingsConfig, Task
from kerasbench.terminal.errors import UserError


def check(config: Config) -> None:
    """Raise UserError for devices that a run, whose build is chosen, cannot share its batches among."""
    devices, backend, size = config.settings.devices, config.backend, config.trainer.batch_size
    if devices == 1:
        return
    asked = f"settings.devices={devices}"
    settings.check(backend, SettingsConfig(devices=devices))
    if config.task is Task.parity or config.script:
        what = "a script decides itself what it computes on" if config.script else "task=parity computes on one device"
        raise UserError(f"{asked}: {what}; leave settings.devices out")
    if config.settings.data_on_device:
        raise UserError(f"{asked}: settings.data_on_device=true keeps the data on one device; leave one of them out")
    if size % devices:
        raise UserError(
            f"{asked}: trainer.batch_size={size} is the batch of all devices together, and {devices} cannot share it "
            f"equally; trainer.batch_size={-(-size // devices) * devices} is a multiple of {devices}"
        )
    if not backend.on_gpu:
        _check_simulated(config, asked)
    elif (visible := builds.facts_of(backend).gpus) is not None and visible < devices:
        raise UserError(f"{asked}: {visible} GPU{'s are' if visible > 1 else ' is'} visible (CUDA_VISIBLE_DEVICES)")


def _check_simulated(config: Config, asked: str) -> None:
    """Raise UserError unless the user has chosen the CPU: only then are devices simulated."""
    backend = config.backend
    if backend.device is not Device.cpu:
        raise UserError(
            f"{asked}: {backend.name} would compute on the CPU ({builds.why(backend, builds.facts_of(backend))}); "
            "backend.device=cpu simulates the devices there"
        )


def combined(choices: Sequence[Config]) -> Iterator[Config]:
    """Yield the configuration for each value of each of a sweep's overrides with each number of devices in it."""
    numbers = sorted({one.settings.devices for one in choices})
    for one in choices:
        yield from (replace(one, settings=replace(one.settings, devices=devices)) for devices in numbers)


def check_examples(config: Config, train: int, test: int) -> None:
    """Raise UserError if the devices cannot share the last batch of an epoch or of its validation equally.

    Args:
        config: the run's.
        train: how many training examples its data set has, of which it may use fewer.
        test: how many test examples, likewise.
    """
    devices = config.settings.devices
    for part, held, asked in (("train", train, config.data.train_samples), ("test", test, config.data.test_samples)):
        examples = held if asked is None else min(held, asked)
        rest = examples % config.trainer.batch_size
        if rest % devices:
            raise UserError(
                f"settings.devices={devices}: the last batch of {examples} {part} examples has {rest}, and {devices} "
                f"cannot share it equally; data.{part}_samples={examples - rest % devices} leaves out {rest % devices}"
            )
