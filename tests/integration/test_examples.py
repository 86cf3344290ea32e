"""The examples of users' own models and data, run as their docstrings say, in small."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasbench.paths import PROJECT
from tests.conftest import runs_in

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

EXAMPLES = PROJECT / "examples"


@pytest.mark.parametrize(
    ("name", "metric", "better_than"), [("images", "accuracy", 0.6), ("text", "accuracy", 0.6), ("table", "loss", 1e6)]
)
def test_an_example_trains_on_every_keras_3_backend(
    name: str, metric: str, better_than: float, command: Callable[..., list[str]], store: str, tmp_path: Path
) -> None:
    text = (EXAMPLES / f"{name}.py").read_text()
    (tmp_path / "examples").symlink_to(EXAMPLES)
    typed = re.findall(r"^python (.*)$", text, re.MULTILINE)
    for line in typed[:-1]:
        subprocess.run([sys.executable, *shlex.split(line)], cwd=tmp_path, check=True)
    arguments = shlex.split(typed[-1])[1:]
    of_data = ("data.source", "data.train_samples", "data.test_samples")
    words = [word for word in command(*arguments, "trainer.epochs=4") if not word.startswith(of_data)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout
    runs = runs_in(store)
    assert {run.data.tags["backend"] for run in runs} == {"tensorflow", "jax", "torch"}
    for run in runs:
        found = run.data.metrics[metric]
        assert found < better_than if metric == "loss" else found > better_than


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 40
