"""The proof of the real environments: their kernels compute what NumPy computes, and no CPU build contains CUDA."""

import re
import subprocess
from pathlib import Path

import pytest
import uv

from kerasbench import environments
from kerasbench.config import composition
from kerasbench.environments import Specification, pip_settings
from kerasbench.environments.child_processes import ChildProcesses
from kerasbench.environments.proof import TOLERANCES, Prover
from kerasbench.paths import CONF, PROJECT
from kerasbench.terminal.errors import UserError
from tests.conftest import theano

pytestmark = pytest.mark.slow

BACKENDS = [
    pytest.param(path.stem, marks=theano if path.stem == "theano" else ())
    for path in sorted((CONF / "backend").glob("*.yaml"))
]
CUDA = re.compile(r"(lib(cud|cublas|cufft|curand|cusolver|cusparse|nccl|nv|c10_cuda)|nvidia|triton)", re.IGNORECASE)

# What a build that does not fit the card may do, played in PyTorch before anything else is imported.
ZEROS = """
import torch

def zeros(*arguments, convolve=torch.nn.functional.conv2d, **options):
    return convolve(*arguments, **options) * 0

torch.nn.functional.conv2d = zeros
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_computes_what_numpy_computes(backend: str, tmp_path: Path) -> None:
    wanted = Specification(composition.backend_named(backend), PROJECT / ".envs")
    folder = environments.provision(wanted, print).folder
    found = Prover(wanted, folder, tmp_path / "log", ChildProcesses()).prove().kernels[0]
    print(backend, found)
    assert found["device"] == "cpu"
    assert found["deviations"].keys() == {"matrix product", "convolution", "LSTM"}
    # None is exactly NumPy's float64: a proof that compared a result with itself would show 0.
    assert all(0 < deviation < TOLERANCES[True] / 3 for deviation in found["deviations"].values())


def test_an_environment_whose_convolution_returns_zeros_is_refused(tmp_path: Path) -> None:
    torch = environments.provision(Specification(composition.backend_named("torch"), PROJECT / ".envs"), print)
    (tmp_path / "sitecustomize.py").write_text(ZEROS)
    overrides = [
        "backend=torch", "environments.use=true", f"backend.interpreter={torch.python}",
        f"environments.folder={tmp_path}/envs", f"+backend.variables.PYTHONPATH={tmp_path}",
    ]  # fmt: skip
    with pytest.raises(UserError, match=r"torch.*: its convolution deviates from NumPy's by (1|0\.9\d) ") as caught:
        environments.provision(Specification.of(composition.compose(overrides)), print)
    assert "matrix product" not in str(caught.value)


@pytest.mark.parametrize("backend", [path.stem for path in sorted((CONF / "backend").glob("*.yaml"))])
def test_a_cpu_machine_gets_not_one_byte_of_cuda(backend: str, tmp_path: Path) -> None:
    wanted = Specification(composition.backend_named(backend), PROJECT / ".envs")
    made = environments.provision(wanted, print)
    # What would be downloaded on a machine that has nothing yet.
    command: list[str | Path] = [
        uv.find_uv_bin(), "--no-config", "pip", "install", "--dry-run", "--target", tmp_path, "--python", made.python,
        "--requirement", wanted.requirements,
    ]  # fmt: skip
    told = subprocess.run(command, env=pip_settings.for_uv(), capture_output=True, text=True, check=True).stderr
    downloads = re.findall(r"^ \+ (\S+)==(\S+)", told, re.MULTILINE)
    assert len(downloads) >= 5
    assert not [name for name, version in downloads if re.search(r"nvidia|cuda|triton|-cu\d", name + version)]
    # And what was installed.
    files = [path for path in made.folder.rglob("*.so*") if path.is_file() and not path.is_symlink()]
    assert len(files) >= 5
    assert not [path for path in files if CUDA.match(path.name)]
