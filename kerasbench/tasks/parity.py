"""The task `parity`: checks that a backend computes the same network as the reference, and locates deviations.

Both start from the same weights, and take the same steps of plain SGD on the same batches, without dropout. Equal
losses at every step mean equal forward and backward passes. Otherwise, the first layer whose output differs is
reported.
"""

import functools
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasbench import environments
from kerasbench.config.schema import BackendConfig, ParityOptimizer
from kerasbench.config.settings import Resolved
from kerasbench.process.worker_process import WorkerDied, start
from kerasbench.tasks import request
from kerasbench.tasks.outcome import passing
from kerasbench.tasks.reference import Reference
from kerasbench.tasks.session import Session
from kerasbench.terminal.errors import RunFailed
from kerasbench.vocabulary import Metric
from kerasbench.worker import dataset, initializers, protocol

FLOAT64 = "float64"  # the name of the NumPy reference, where a model has one


@dataclass(frozen=True)
class Comparison:
    """The data that both sides of a comparison share.

    Attributes:
        settings: the settings of this run's worker.
        reference: the backend that it is compared with.
        weights: the file of initial weights; None if both sides draw them in NumPy.
    """

    settings: Resolved
    reference: Reference
    weights: Path | None


def certify(session: Session, comparison: Comparison) -> None:
    """Compare the backend's losses with the reference's, step by step, and log the deviations.

    Raises:
        RunFailed: a worker did not finish, or the losses deviate by more than the tolerance.
    """
    config = session.config
    session.await_ready()
    losses = session.worker.expect(protocol.LOSSES)["losses"]
    reference = config.parity.reference
    deviations = {reference: relative_deviations(losses, comparison.reference.losses(comparison.weights))}
    if config.model.float64_reference and config.parity.optimizer is ParityOptimizer.sgd:
        asked = request.to_compare(config, config.backend, comparison.settings, comparison.reference.data, None)
        deviations[FLOAT64] = relative_deviations(losses, _float64_losses(config.model.float64_reference, asked))
    for step, loss in enumerate(losses, start=1):
        of_step = {f"parity_deviation_{name}": found[step - 1] for name, found in deviations.items()}
        session.tracked.metrics({"parity_loss": loss, **of_step}, step=step)
    session.outcome.deviation = max(max(found) for found in deviations.values())
    session.tracked.metrics({Metric.PARITY_MAX_DEVIATION: session.outcome.deviation})
    worst = ", ".join(f"{max(found):.1e} from {name}" for name, found in deviations.items())
    passes = passing(session.outcome.deviation)
    told = f"; it passes with parity.tolerance={passes:.0e}" if passes else ""
    session.announce(f"{len(losses)} steps, largest relative deviation of a loss: {worst}{told}")
    for name, found in deviations.items():
        first = first_above(found, config.parity.tolerance)
        if first is not None:
            # The NumPy reference has no layer outputs. If only its losses deviate, the reference backend's do, too.
            layer = _first_deviating_layer(session, comparison) if name == reference else f"not compared with {name}"
            raise RunFailed(
                f"its loss deviates from {name}'s by {found[first - 1]:.1e} at step {first} "
                f"(tolerance {config.parity.tolerance:.0e}); first layer whose output deviates: {layer}"
            )


def relative_deviations(losses: list[float], reference: list[float]) -> list[float]:
    """Return |loss - reference| / |reference| for each step; infinite if a loss is not finite."""
    pairs = zip(losses, reference, strict=True)
    found = [abs(loss - other) / max(abs(other), np.finfo(float).tiny) for loss, other in pairs]
    return [value if np.isfinite(value) else float("inf") for value in found]


def first_above(deviations: list[float], tolerance: float) -> int | None:
    """Return the first step, counted from 1, whose deviation is above the tolerance."""
    return next((step for step, value in enumerate(deviations, start=1) if not value <= tolerance), None)


def _float64_losses(module: str, asked: dict[str, Any]) -> list[float]:
    """Return the losses of the model's NumPy implementation, from the same weights and batches."""
    training, _ = dataset.load(asked["data"])
    losses: list[float] = importlib.import_module(module).losses(
        training.x,
        np.eye(asked["data"]["targets"][0]["classes"])[training.targets[0]],
        draw=functools.partial(initializers.draw, asked["seed"]),
        batch_size=asked["batch_size"],
        rate=asked["optimizer"]["learning_rate"],
        **asked["model"]["build"],
    )
    return losses


def _first_deviating_layer(session: Session, comparison: Comparison) -> str:
    """Return the first layer, by its place and name, whose output for the first batch deviates from the reference's."""
    reference = comparison.reference
    try:
        found, names = _layer_outputs(comparison, session.config.backend, comparison.settings, "outputs")
        expected, _ = _layer_outputs(comparison, reference.backend, reference.settings, "reference-outputs")
    except WorkerDied as died:
        return f"unknown ({died})"
    for place, (output, own, name) in enumerate(zip(expected, found, names, strict=False), start=1):
        if own.shape != output.shape:
            return f"{name} (number {place}), whose output has another shape: Keras built another network"
        scale = float(np.abs(output).max()) or 1.0
        if not np.abs(own - output).max() <= session.config.parity.tolerance * scale:
            return f"{name} (number {place})"
    return "none: the forward pass agrees; the gradients or the optimizer's updates deviate"


def _layer_outputs(
    comparison: Comparison, backend: BackendConfig, resolved: Resolved, name: str
) -> tuple[list[Any], list[str]]:
    reference = comparison.reference
    path = reference.folder / f"{name}.npz"
    asked = request.to_compare(reference.config, backend, resolved, reference.data, comparison.weights)
    wanted = environments.Specification.of(reference.config, backend)
    environment = environments.provision(wanted, reference.announce)
    with start(environment.folder, backend, resolved, reference.folder / f"{name}.log") as worker:
        worker.send(protocol.OUTPUTS, path=str(path), **asked)
        worker.expect(protocol.READY)
        names: list[str] = worker.expect(protocol.OUTPUTS)["layers"]
    with np.load(path) as arrays:
        return [arrays[str(place)] for place in range(len(names))], names
