"""Writes the files that replace a backend's environment and a real data set in a stub run."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from kerasbench.config.composition import backend_named
from kerasbench.config.schema import DataConfig, DataSource
from kerasbench.data import mnist, prepare
from kerasbench.data.arrays import Arrays
from kerasbench.environments import Specification
from kerasbench.environments.proof import Proof

BACKENDS = ("tensorflow", "theano", "torch")  # the backends whose framework `doubles/` has, and what their fixes change
TRAIN_EXAMPLES, TEST_EXAMPLES = 128, 64
DOUBLES = Path(__file__).parent / "doubles"
# A worker gets few variables: this passes coverage's on, when it measures.
_COVERAGE = "COVERAGE_PROCESS_CONFIG"


def write_environments(folder: Path) -> None:
    """Write an environment for each backend."""
    for backend in BACKENDS:
        write_environment(Specification(backend_named(backend), folder).folder)


def write_gpu_environment(name: str, build: str, folder: Path) -> None:
    """Write an environment for a GPU build of a backend, proven on the played cards, if it is not there."""
    backend = backend_named(name)
    backend.build = build
    environment = Specification(backend, folder).folder
    if not environment.exists():
        write_environment(environment, {"driver": "580.65.06", "cards": ["NVIDIA Played (compute capability 9.0)"]})


def write_environment(environment: Path, machine: Mapping[str, Any] = MappingProxyType({})) -> Proof:
    """Write an environment that runs this interpreter, which imports the doubles, with a proof; return the proof."""
    variables = {"PYTHONPATH": str(DOUBLES)}
    if _COVERAGE in os.environ:
        variables[_COVERAGE] = os.environ[_COVERAGE]
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    versions = {"keras_version": "stub", "backend_version": "stub", "python_version": "stub"}
    proof = Proof(versions, [{"machine": dict(machine), "device": "cpu", "deviations": {}, "seconds": 0.0}], {})
    python = environment / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\n{exports}exec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    (environment / "packages.txt").write_text("keras==stub\n")
    proof.write(environment)
    return proof


def write_data(cache: Path) -> None:
    """Prepare a few images in place of MNIST's stand-in, which takes seconds to make."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mnist, "embedded", _images)
        prepare(DataConfig(name="mnist", source=DataSource.embedded, cache=str(cache)))


def _images() -> Arrays:
    """Return images that are easy to classify: each class has its own three bright rows under the noise."""
    random = np.random.RandomState(1)
    parts = {}
    for part, count in (("train", TRAIN_EXAMPLES), ("test", TEST_EXAMPLES)):
        labels = random.randint(0, 10, count).astype(np.uint8)
        images = random.randint(0, 128, (count, 28, 28, 1)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 3] += 127
        parts[f"{part}_image"], parts[f"{part}_labels"] = images, labels
    return Arrays("stub-digits", ("image",), 10, parts)
