"""One training run, seen from inside the worker."""

import io
import time
from typing import Any

import numpy as np
import pytest

from kerasbench.worker import protocol
from tests.stub.environments import TRAIN_EXAMPLES
from tests.worker.requests import RMSPROP, asked, events_in, trained


class _Driver:
    """Lets the worker begin after a moment, and keeps the events received by then."""

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream
        self.heard: list[dict[str, Any]] = []

    def wait(self) -> None:
        self.heard = events_in(self._stream)
        time.sleep(0.05)


@pytest.fixture
def batches(framework: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The images that the model is trained on, batch by batch."""
    from keras.models import Model

    given: list[Any] = []
    train = Model._train

    def watched(self: Any, x: Any, y: Any) -> Any:
        given.append(x.copy())
        return train(self, x, y)

    monkeypatch.setattr(Model, "_train", watched)
    return given


def _epochs(batches: list[Any]) -> list[Any]:
    """Return the images of each epoch, flattened."""
    images = np.concatenate(batches)
    return list(images.reshape(-1, TRAIN_EXAMPLES, images[0].size))


def test_it_sends_an_event_for_each_step(framework: str, data: dict[str, Any]) -> None:
    events = trained(asked(framework, data))
    kinds = [protocol.BUILT, protocol.PROBED, protocol.EPOCH, protocol.EPOCH, protocol.FINISHED]
    assert [event["kind"] for event in events] == kinds
    built, probed, *epochs, finished = events
    assert built["examples"] == TRAIN_EXAMPLES
    assert built["parameters"] == (784 + 1) * 8 + (8 + 1) * 8 + (8 + 1) * 10
    assert probed["parity_probe_loss"] > 0
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    for epoch in epochs:
        logs = epoch["logs"]
        assert set(logs) == {"loss", "accuracy", "val_loss", "val_accuracy"}  # also where Keras says "acc"
        assert min(logs["loss"], logs["val_loss"]) > 0
        assert 0 <= min(logs["accuracy"], logs["val_accuracy"]) <= max(logs["accuracy"], logs["val_accuracy"]) <= 1
        assert not epoch["includes_validation"]
    assert epochs[0]["ended_at"] <= epochs[1]["started_at"] <= finished["ended_at"]
    assert finished["peak_rss_mib"] > 1


def test_it_trains_when_the_driver_gives_leave_and_says_how_long_it_waited(
    framework: str, data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kerasbench.worker import training

    stream = io.BytesIO()
    channel, driver = protocol.Channel(stream), _Driver(stream)
    monkeypatch.setattr(channel, "go", driver)
    training.train(asked(framework, data), channel)
    assert [event["kind"] for event in driver.heard] == [protocol.BUILT, protocol.PROBED]
    assert events_in(stream)[-1]["idle_seconds"] >= 0.05


def test_every_epoch_has_all_examples_in_another_order_which_follows_from_the_seed(
    framework: str, data: dict[str, Any], batches: list[Any]
) -> None:
    for seed in (1, 1, 2):
        trained(asked(framework, data, seed=seed))
    first, second, again, _, other, _ = _epochs(batches)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)
    for images in (second, other):
        assert np.array_equal(_sorted(images), _sorted(first))


def _sorted(images: Any) -> Any:
    return images[np.lexsort(images.T)]


def test_augmentation_changes_the_images_every_epoch_anew_and_is_timed_apart(
    framework: str, data: dict[str, Any], batches: list[Any]
) -> None:
    events = trained(asked(framework, data))
    assert not any("augmentation_seconds" in event for event in events)
    events = trained(asked(framework, data, augment=True))
    assert [event["epoch"] for event in events if "augmentation_seconds" in event] == [1, 2]
    plain, _, one, other = map(_sorted, _epochs(batches))
    assert not np.array_equal(plain, one)
    assert not np.array_equal(one, other)


def test_the_probe_is_of_the_first_128_examples_before_training(framework: str, data: dict[str, Any]) -> None:
    whole, part = (trained(asked(framework, data | {"train_samples": count}))[1] for count in (None, 64))
    assert whole["parity_probe_loss"] != part["parity_probe_loss"]
    again = trained(asked(framework, data, batch_size=7, optimizer=RMSPROP | {"learning_rate": 0.1}))[1]
    assert again["parity_probe_loss"] == pytest.approx(whole["parity_probe_loss"], rel=1e-6)


def test_a_part_and_the_layout_of_the_data_are_as_the_request_says(data: dict[str, Any]) -> None:
    from kerasbench.worker import dataset

    training, test = dataset.load(data | {"train_samples": 5, "channels_first": True})
    (images,) = training.inputs
    assert images.shape == (5, 1, 28, 28)
    assert images.dtype == np.float32
    assert 0.9 < images.max() <= 1
    assert training.y.shape == (5,)
    (last,) = dataset.load(data)[1].inputs
    assert np.array_equal(np.moveaxis(last, 3, 1), test.inputs[0])
