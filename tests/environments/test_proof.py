"""When an environment is ready: what its proof refuses, and when it is proven again. The workers are the stub's."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pynvml
import pytest

from kerasbench import environments
from kerasbench.config import builds, composition
from kerasbench.config.builds import Facts
from kerasbench.environments import Specification, proof
from kerasbench.environments.installation import Installation
from kerasbench.environments.proof import Proof
from kerasbench.machine.hardware import this_platform
from kerasbench.terminal.errors import UserError
from tests.played_nvml import play_nvml
from tests.stub.environments import write_environment

CARD = "NVIDIA H100 80GB HBM3"
ZEROS = "+backend.variables.STUB_CONVOLUTION=zeros"
ON_GPU = f"+backend.variables.STUB_GPU='{CARD}'"


@pytest.fixture(autouse=True)
def _stub_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the stub instead of packages; all else, the proof included, is real."""

    def install(self: Installation, place: Path, log: Path) -> Proof:
        write_environment(place)
        return proof.Prover(self.wanted, place, log, self.processes).prove()

    monkeypatch.setattr(Installation, "_install", install)


def _wanted(folder: Path, *overrides: str) -> Specification:
    return Specification.of(composition.compose(["backend=torch", f"environments.folder={folder}", *overrides]))


def _play(monkeypatch: pytest.MonkeyPatch, driver: str, *cards: str, capability: tuple[int, int] = (9, 0)) -> None:
    answers: dict[str, Any] = {"nvmlDeviceGetCudaComputeCapability": lambda handle: capability}
    play_nvml(monkeypatch, cards, answers | {"nvmlSystemGetDriverVersion": lambda: driver})


@pytest.fixture
def h100(monkeypatch: pytest.MonkeyPatch) -> None:
    _play(monkeypatch, "580.65.06", CARD)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def _proven(wanted: Specification) -> list[dict[str, Any]]:
    read = Proof.read(wanted.folder)
    assert read is not None
    return read.kernels


def test_an_environment_is_ready_when_its_kernels_compute_what_numpy_computes(tmp_path: Path) -> None:
    wanted = _wanted(tmp_path, "backend.facts=none")
    steps: list[str] = []
    assert environments.provision(wanted, steps.append).proof["backend_version"] == "stub"
    (kernels,) = _proven(wanted)
    assert kernels["deviations"].keys() == {"matrix product", "convolution", "LSTM"}
    assert all(0 <= deviation < proof.TOLERANCES[True] for deviation in kernels["deviations"].values())
    assert (kernels["device"], kernels["machine"]) == ("cpu", {})
    assert f"{kernels['seconds']:.1f} s" in steps[-1]


@pytest.mark.slow
def test_one_whose_convolution_returns_zeros_is_refused_by_name_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    wanted = _wanted(tmp_path, ZEROS, "backend.facts=none")
    with pytest.raises(UserError) as caught:
        environments.provision(wanted, print)
    message = str(caught.value)
    assert "convolution deviates from NumPy's by 1 " in message
    assert "LSTM" not in message
    assert "\n" not in message
    assert environments.ready(wanted) is None
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


@pytest.mark.slow
@pytest.mark.usefixtures("h100")
def test_on_a_gpu_the_refusal_names_driver_card_build_and_what_would_fit(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        environments.provision(_wanted(tmp_path, ZEROS, ON_GPU), print)
    message = str(caught.value)
    for named in ("convolution", "580.65.06", CARD, "9.0", "build cuda13", "No other GPU build", "backend.device=cpu"):
        assert named in message
    assert "\n" not in message


@pytest.mark.slow
@pytest.mark.usefixtures("h100")
def test_a_gpu_build_that_computes_on_the_cpu_is_refused_where_a_gpu_is_visible(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"computes on the CPU .*build cuda13, driver 580\.65\.06"):
        environments.provision(_wanted(tmp_path), print)
    environments.provision(_wanted(tmp_path, "backend.device=cpu"), print)
    environments.provision(_wanted(tmp_path, ON_GPU), print)


def test_the_build_that_a_refusal_names_is_chosen_by_the_override_that_it_names() -> None:
    jax = composition.backend_named("jax")
    jax.facts, jax.build = "driver=580.65 capability=9.0 platform=linux-x86_64", "cuda13"
    (stated,) = [part for part in proof._what_fits(jax).split("'") if part.startswith("driver=")]
    told = builds.stated(stated)
    chosen = builds.choose(jax.builds, replace(told, platform="linux-x86_64")).build
    assert chosen is not None
    assert chosen.name == "cuda12"
    assert chosen.name in proof._what_fits(jax)
    jax.build = "cuda12"
    assert "No other GPU build" in proof._what_fits(jax)


@pytest.mark.slow
@pytest.mark.usefixtures("h100")
def test_it_is_proven_again_once_for_each_driver_and_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = _wanted(tmp_path, ON_GPU)
    environments.provision(wanted, print)
    assert environments.ready(wanted) is not None
    made = wanted.folder.stat().st_ino
    _play(monkeypatch, "590.10", CARD)
    assert environments.ready(wanted) is None
    environments.provision(wanted, print)
    _play(monkeypatch, "590.10", CARD, "NVIDIA A100")
    assert environments.ready(wanted) is None
    environments.provision(wanted, print)
    assert wanted.folder.stat().st_ino == made
    assert [one["machine"]["driver"] for one in _proven(wanted)] == ["580.65.06", "590.10", "590.10"]
    for cards in (("580.65.06", CARD), ("590.10", CARD), ("590.10", CARD, "NVIDIA A100")):
        _play(monkeypatch, *cards)
        assert environments.ready(wanted) is not None


@pytest.mark.slow
@pytest.mark.usefixtures("h100")
def test_a_cpu_build_is_not_proven_again_for_a_new_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = _wanted(tmp_path, "backend.device=cpu")
    environments.provision(wanted, print)
    _play(monkeypatch, "590.10", "NVIDIA A100")
    assert environments.ready(wanted) is not None


@pytest.mark.slow
@pytest.mark.usefixtures("h100")
def test_one_that_fails_on_a_new_driver_is_refused_there_and_stays_ready_where_it_was_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = _wanted(tmp_path, ON_GPU)
    environments.provision(wanted, print)
    _play(monkeypatch, "590.10", CARD)
    failing = _wanted(tmp_path, ON_GPU, ZEROS)
    assert failing.folder == wanted.folder
    with pytest.raises(UserError, match=r"convolution .*driver 590\.10"):
        environments.provision(failing, print)
    assert environments.ready(wanted) is None
    _play(monkeypatch, "580.65.06", CARD)
    assert environments.ready(wanted) is not None


def _with_library(wanted: Specification) -> Path:
    """Provision, with a library that the proof knows; the stub has none."""
    environments.provision(wanted, print)
    library = wanted.folder / "lib/python3.11/site-packages/torch/lib/libtorch.so.2"
    library.parent.mkdir(parents=True)
    library.write_bytes(bytes(1000))
    environments.doubt(wanted)
    environments.provision(wanted, print)
    read = Proof.read(wanted.folder)
    assert read is not None
    assert read.files is not None
    assert list(read.files) == [str(library.relative_to(wanted.folder))]
    return library


@pytest.mark.slow
def test_it_is_proven_again_when_a_library_has_changed_and_made_again_if_the_proof_fails(tmp_path: Path) -> None:
    wanted = _wanted(tmp_path, "backend.facts=none")
    library = _with_library(wanted)
    assert environments.ready(wanted) is not None
    library.write_bytes(bytes(500))
    assert environments.ready(wanted) is None
    environments.provision(wanted, print)
    assert environments.ready(wanted) is not None
    assert library.exists()  # it computes all the same
    library.unlink()
    (wanted.folder / "bin/python").write_text("#!/bin/sh\necho no module named keras\nexit 1\n")
    steps: list[str] = []
    environments.provision(wanted, steps.append)
    assert any("making it again" in step for step in steps)
    assert environments.ready(wanted) is not None


@pytest.mark.slow
def test_one_that_cannot_be_imported_in_a_run_is_proven_before_the_next(tmp_path: Path) -> None:
    wanted = _wanted(tmp_path, "backend.facts=none")
    environments.provision(wanted, print)
    environments.doubt(wanted)
    assert environments.ready(wanted) is None
    environments.provision(wanted, print)
    assert environments.ready(wanted) is not None


@pytest.mark.slow
def test_a_marker_of_before_is_proven_where_it_is_and_not_made_again(tmp_path: Path) -> None:
    wanted = _wanted(tmp_path, "backend.facts=none")
    environments.provision(wanted, print)
    before = wanted.folder.stat().st_ino
    marker = wanted.folder / proof.PROOF
    marker.write_text('{"keras_version": "3", "backend_version": "2", "python_version": "3.11"}')
    assert environments.ready(wanted) is None
    environments.provision(wanted, print)
    assert environments.ready(wanted) is not None
    assert wanted.folder.stat().st_ino == before


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keras_version": 3}', "\x00" * 40])
def test_a_damaged_marker_is_no_proof(tmp_path: Path, content: str) -> None:
    (tmp_path / proof.PROOF).write_text(content)
    assert Proof.read(tmp_path) is None


def test_copies_and_archives_keep_an_environment_sound(tmp_path: Path) -> None:
    library = tmp_path / "lib/python3.6/site-packages/a.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"code")
    found = Proof({}, [], proof.files(tmp_path))
    seconds = library.stat().st_mtime_ns // 10**9
    os.utime(library, ns=(seconds * 10**9, seconds * 10**9))  # an archive has no nanoseconds
    assert found.is_sound(tmp_path)
    os.utime(library, (seconds + 5, seconds + 5))
    assert not found.is_sound(tmp_path)


def test_a_machine_is_its_driver_and_the_cards_that_the_backend_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = composition.backend_named("torch")
    _play(monkeypatch, "580.65.06", CARD, "NVIDIA A100")
    assert proof.machine(backend) == {}
    backend.build = "cuda13"
    here = proof.machine(backend)
    assert (here["driver"], len(here["cards"])) == ("580.65.06", 2)
    backend.variables = {"CUDA_VISIBLE_DEVICES": "1"}
    assert proof.machine(backend)["cards"] == ["NVIDIA A100 (compute capability 9.0)"]
    monkeypatch.setattr(pynvml, "nvmlInit", _no_driver)
    assert proof.machine(backend) == {}  # a login node: proven on its CPU, and again on a compute node
    assert builds.facts_of(backend) == Facts(this_platform())


def _no_driver() -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
