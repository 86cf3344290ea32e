"""The task `parity`: checks that a backend computes the same network as the reference, and locates deviations.

Both start from the same weights, and take the same steps of plain SGD on the same batches, without dropout. Equal
losses at every step mean equal forward and backward passes. Otherwise, the first layer whose output differs is
reported.
"""

import functools
import hashlib
import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock

from kerasbench import environments
from kerasbench.config import settings
from kerasbench.config.composition import backend_named
from kerasbench.config.schema import BackendConfig, Config, ParityOptimizer, SettingsConfig
from kerasbench.config.settings import Resolved
from kerasbench.data import PreparedData
from kerasbench.process.worker_process import WorkerDied, WorkerProcess, start
from kerasbench.tasks import request
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
        folder: the folder for this job's files.
        sweep: the sweep's id; its jobs compute the reference's losses only once.
    """

    settings: Resolved
    data: PreparedData
    folder: Path
    sweep: str


def certify(session: Session, comparison: Comparison) -> None:
    """Compare the backend's losses with the reference's, step by step, and log the deviations.

    Raises:
        RunFailed: a worker did not finish, or the losses deviate by more than the tolerance.
    """
    config = session.config
    session.await_ready()
    losses = session.worker.expect(protocol.LOSSES)["losses"]
    reference = config.parity.reference
    deviations = {reference: relative_deviations(losses, _reference_losses(session, comparison))}
    if config.model.float64_reference and config.parity.optimizer is ParityOptimizer.sgd:
        asked = request.to_compare(config, config.backend, comparison.settings, comparison.data)
        deviations[FLOAT64] = relative_deviations(losses, _float64_losses(config.model.float64_reference, asked))
    for step, loss in enumerate(losses, start=1):
        of_step = {f"parity_deviation_{name}": found[step - 1] for name, found in deviations.items()}
        session.tracked.metrics({"parity_loss": loss, **of_step}, step=step)
    session.outcome.deviation = max(max(found) for found in deviations.values())
    session.tracked.metrics({Metric.PARITY_MAX_DEVIATION: session.outcome.deviation})
    worst = ", ".join(f"{max(found):.1e} from {name}" for name, found in deviations.items())
    session.announce(f"{len(losses)} steps, largest relative deviation of a loss: {worst}")
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


def _reference_losses(session: Session, comparison: Comparison) -> list[float]:
    """Return the reference backend's losses, computed once for all jobs of a sweep."""
    config = session.config
    reference = _reference(session.config, comparison)
    asked = request.to_compare(config, *reference, comparison.data)
    what = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
    file = comparison.folder.parent / f"{comparison.sweep}-reference-{what}.json"
    with FileLock(f"{file}.lock"):
        if file.exists():
            return list(json.loads(file.read_text(encoding="utf-8")))
        session.announce(f"computing the reference's losses on {config.parity.reference}")
        try:
            with _start(session, reference, comparison.folder / "reference.log") as worker:
                worker.send(protocol.PARITY, **asked)
                worker.expect(protocol.READY)
                losses: list[float] = worker.expect(protocol.LOSSES)["losses"]
        except WorkerDied as died:
            raise RunFailed(f"the reference {config.parity.reference}: {died}") from died
        file.write_text(json.dumps(losses), encoding="utf-8")
    return losses


def _float64_losses(module: str, asked: dict[str, Any]) -> list[float]:
    """Return the losses of the model's NumPy implementation, from the same weights and batches."""
    training, _ = dataset.load(asked["data"])
    losses: list[float] = importlib.import_module(module).losses(
        training.x,
        training.labels,
        draw=functools.partial(initializers.draw, asked["seed"]),
        batch_size=asked["batch_size"],
        rate=asked["optimizer"]["learning_rate"],
        **asked["model"]["build"],
    )
    return losses


class _Side(NamedTuple):
    """One of the two backends that are compared."""

    backend: BackendConfig
    settings: Resolved


def _reference(config: Config, comparison: Comparison) -> _Side:
    """Return the reference with its default settings, but with this run's threads."""
    backend = backend_named(config.parity.reference)
    asked = SettingsConfig(threads=comparison.settings.threads)
    return _Side(backend, settings.resolve(backend, asked, config.model.convolutional))


def _start(session: Session, side: _Side, log: Path) -> WorkerProcess:
    wanted = environments.Specification.of(session.config, side.backend)
    environment = environments.provision(wanted, session.announce)
    return start(environment.folder, side.backend, side.settings, log)


def _first_deviating_layer(session: Session, comparison: Comparison) -> str:
    """Return the name of the first layer whose output for the first batch deviates from the reference's."""
    try:
        found = _layer_outputs(session, comparison, _Side(session.config.backend, comparison.settings), "outputs")
        expected = _layer_outputs(session, comparison, _reference(session.config, comparison), "reference-outputs")
    except WorkerDied as died:
        return f"unknown ({died})"
    for layer, output in expected.items():
        scale = float(np.abs(output).max()) or 1.0
        if not np.abs(found[layer] - output).max() <= session.config.parity.tolerance * scale:
            return layer
    return "none: the forward pass agrees; the gradients or the optimizer's updates deviate"


def _layer_outputs(session: Session, comparison: Comparison, side: _Side, name: str) -> dict[str, Any]:
    path = comparison.folder / f"{name}.npz"
    with _start(session, side, comparison.folder / f"{name}.log") as worker:
        asked = request.to_compare(session.config, *side, comparison.data)
        worker.send(protocol.OUTPUTS, path=str(path), **asked)
        worker.expect(protocol.READY)
        layers = worker.expect(protocol.OUTPUTS)["layers"]
    with np.load(path) as arrays:
        return {layer: arrays[layer] for layer in layers}
