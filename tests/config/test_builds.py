"""Which build of a backend runs on which driver and card, and what follows from it."""

import re
from pathlib import Path
from typing import Any

import pynvml
import pytest

from kerasbench import environments
from kerasbench.config import builds, composition, identity, settings
from kerasbench.config.builds import Facts
from kerasbench.config.schema import Config, SettingsConfig
from kerasbench.environments import Specification
from kerasbench.machine.hardware import this_platform
from kerasbench.paths import CONF, PROJECT, REQUIREMENTS
from kerasbench.terminal.errors import UserError
from tests.played_nvml import play_nvml

BACKENDS = sorted(path.stem for path in (CONF / "backend").glob("*.yaml"))
LINUX = "linux-x86_64"
ON_H100 = "backend.facts='driver=580.65.06 capability=9.0 platform=linux-x86_64'"
NO_GPU = "backend.facts=none"

_DRIVER, _NEW_CARD, _PLATFORM, _NONE = "needs driver", "above", "is for", "no NVIDIA GPU"
_NO_CODE, _PTX = "has code for", "compiles its PTX"

# card, compute capability, driver -> backend: the build, or for each build a part of the reason why it does not fit.
TABLE: dict[tuple[str, str, str], dict[str, str | dict[str, str]]] = {
    ("K80", "3.7", "470.256.02"): {
        "tensorflow": {"cuda12": _DRIVER},
        "jax": {"cuda13": _DRIVER, "cuda12": _DRIVER},
        "torch": {"cuda13": _DRIVER},
        "mxnet": {"cuda11": _NO_CODE},
        "cntk": "cuda10",
        "tensorflow1": "cuda10",
        "theano": {},
    },
    ("GTX 980", "5.2", "535.183.01"): {
        "tensorflow": {"cuda12": _NO_CODE},
        "jax": "cuda12",
        "torch": {"cuda13": _DRIVER},
        "mxnet": "cuda11",
    },
    ("P100", "6.0", "560.35.03"): {"tensorflow": "cuda12", "jax": "cuda12", "mxnet": "cuda11", "cntk": "cuda10"},
    ("GTX 1080", "6.1", "580.65.06"): {
        "tensorflow": "cuda12",  # 6.1 runs the machine code of 6.0
        "jax": "cuda12",
        "torch": {"cuda13": _NO_CODE},
    },
    ("V100", "7.0", "580.65.06"): {
        "tensorflow": "cuda12",
        "jax": "cuda12",
        "torch": {"cuda13": _NO_CODE},
        "mxnet": "cuda11",
        "cntk": "cuda10",
        "tensorflow1": "cuda10",
    },
    ("T4", "7.5", "580.95.05"): {
        "tensorflow": "cuda12",
        "jax": "cuda13",
        "torch": "cuda13",
        "mxnet": "cuda11",
        "cntk": "cuda10",
        "tensorflow1": "cuda10",
        "theano": {},
    },
    ("T4, an old driver", "7.5", "450.51"): {
        "tensorflow": {"cuda12": _DRIVER},
        "mxnet": {"cuda11": _DRIVER},
        "tensorflow1": "cuda10",
    },
    ("T4, an older driver", "7.5", "390.157"): {"cntk": {"cuda10": _DRIVER}, "tensorflow1": {"cuda10": _DRIVER}},
    ("A100", "8.0", "550.54.15"): {
        "tensorflow": "cuda12",
        "jax": "cuda12",
        "torch": {"cuda13": _DRIVER},
        "mxnet": "cuda11",
        "cntk": {"cuda10": _NEW_CARD},
        "tensorflow1": {"cuda10": _NEW_CARD},
    },
    ("RTX 3090", "8.6", "580.65.06"): {
        "tensorflow": "cuda12",
        "jax": "cuda13",
        "torch": "cuda13",
        "mxnet": "cuda11",
        "cntk": {"cuda10": _NEW_CARD},
    },
    ("L4", "8.9", "525.60.13"): {"tensorflow": "cuda12", "jax": "cuda12", "torch": {"cuda13": _DRIVER}},
    ("L4, a driver too old by one", "8.9", "525.60.12"): {"tensorflow": {"cuda12": _DRIVER}},
    ("RTX 4090", "8.9", "580.65.06"): {"tensorflow": "cuda12", "torch": "cuda13", "mxnet": "cuda11"},
    ("H100", "9.0", "580.65.06"): {
        "tensorflow": "cuda12",
        "jax": "cuda13",
        "torch": "cuda13",
        "mxnet": {"cuda11": _NO_CODE},
        "cntk": {"cuda10": _NEW_CARD},
        "tensorflow1": {"cuda10": _NEW_CARD},
        "theano": {},
    },
    ("H100, a cluster's driver", "9.0", "535.183.06"): {"tensorflow": {"cuda12": _PTX}, "jax": "cuda12"},
    ("B200", "10.0", "580.65.06"): {"tensorflow": "cuda12", "jax": "cuda13", "torch": "cuda13"},
    ("RTX 5090", "12.0", "580.65.06"): {
        "tensorflow": "cuda12",
        "jax": "cuda13",
        "torch": "cuda13",
        "mxnet": {"cuda11": _NO_CODE},
    },
    ("RTX 5090, CUDA 12's driver", "12.0", "570.86.16"): {
        "tensorflow": {"cuda12": _PTX},
        "jax": "cuda12",
        "torch": {"cuda13": _DRIVER},
    },
}
CASES: list[tuple[Facts, str, str | dict[str, str]]] = [
    (Facts(LINUX, driver, capability), backend, expected)
    for (_, capability, driver), row in TABLE.items()
    for backend, expected in row.items()
]
CASES += [
    (Facts("linux-aarch64", "580.00", "8.7"), "torch", {"cuda13": _PLATFORM}),  # Jetson Orin
    (Facts("linux-aarch64", "580.00", "8.7"), "jax", {"cuda13": _PLATFORM, "cuda12": _PLATFORM}),
    (Facts("linux-aarch64"), "jax", {"cuda13": _NONE, "cuda12": _NONE}),  # an older Jetson, without NVML
    (Facts("darwin-arm64"), "torch", {"cuda13": _NONE}),
    (Facts("darwin-arm64"), "tensorflow", {"cuda12": _NONE}),
    (Facts(LINUX), "torch", {"cuda13": _NONE}),
    (Facts(LINUX), "theano", {}),
    (Facts(LINUX, "580.65.06", None), "torch", {"cuda13": "does not tell"}),
]


def test_the_table_has_at_least_forty_cases() -> None:
    assert len(CASES) >= 40
    assert {backend for _, backend, _ in CASES} == set(BACKENDS)


@pytest.mark.parametrize(("facts", "backend", "expected"), CASES, ids=lambda value: str(value)[:60])
def test_a_machine_gets_the_first_build_that_fits_or_each_builds_reason(
    facts: Facts, backend: str, expected: str | dict[str, str]
) -> None:
    choice = builds.choose(composition.backend_named(backend).builds, facts)
    if isinstance(expected, str):
        assert choice.build is not None
        assert choice.build.name == expected
    else:
        assert choice.build is None
        assert choice.reasons.keys() == expected.keys()
        for name, part in expected.items():
            assert part in choice.reasons[name]


def _composed(*overrides: str) -> Config:
    return composition.compose(["data.root=null", *overrides])


def _folder(*overrides: str) -> str:
    return Specification.of(_composed(*overrides)).folder.name


def _resolved(config: Config) -> dict[str, str]:
    return settings.resolve(config.backend, SettingsConfig(), convolutional=False).variables


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_a_gpu_auto_installs_what_the_cpu_build_is_and_no_cuda(backend: str) -> None:
    auto = Specification.of(_composed(f"backend={backend}", NO_GPU))
    assert auto.requirements.name == f"{backend}.txt"
    assert auto.folder.name == _folder(f"backend={backend}", ON_H100, "backend.device=cpu")
    assert re.fullmatch(f"{backend}-[0-9a-f]{{12}}", auto.folder.name)
    assert not re.findall(r"nvidia|cuda|triton|-gpu\b|-cu\d", auto.requirements.read_text())


def test_every_build_has_a_file_of_pinned_packages() -> None:
    named = {build.requirements for name in BACKENDS for build in composition.backend_named(name).builds}
    assert named == {path.name for path in REQUIREMENTS.glob("*-cuda*.txt")}
    for name in named:
        lines = (REQUIREMENTS / name).read_text().splitlines()
        assert all("==" in line for line in lines), name
        assert (REQUIREMENTS / name).with_suffix(".in").is_file()
    for name in ("jax-cuda13", "jax-cuda12", "tensorflow-cuda12", "torch-cuda13"):
        assert "\nnvidia-cudnn-cu" in (REQUIREMENTS / f"{name}.txt").read_text()
    assert "\ntorch===" in (REQUIREMENTS / "torch-cuda13.txt").read_text()  # 2.13.0+cpu would be preferred to ==2.13.0


def test_a_build_has_its_own_folder_and_hashes() -> None:
    gpu, cpu = _composed("backend=jax", ON_H100), _composed("backend=jax", ON_H100, "backend.device=cpu")
    plain = _composed("backend=jax", NO_GPU)
    assert Specification.of(gpu).folder.name.startswith("jax-cuda13-")
    assert Specification.of(gpu).requirements.name == "jax-cuda13.txt"
    assert identity.digest(cpu) == identity.digest(plain) != identity.digest(gpu)
    assert identity.comparison(cpu, ()) == identity.comparison(plain, ()) != identity.comparison(gpu, ())
    environment = [identity.environment(one.backend, {}, "") for one in (cpu, plain, gpu)]
    assert environment[0] == environment[1] != environment[2]


def test_gpu_builds_of_different_backends_are_ranked_together_and_never_with_a_cpu_build() -> None:
    jax, torch, theano = (
        identity.comparison(_composed(f"backend={name}", ON_H100), ("backend.device=auto",))
        for name in ("jax", "torch", "theano")
    )
    assert jax == torch != theano


def test_on_the_cpu_the_worker_sees_no_gpu_whatever_else_is_asked() -> None:
    config = _composed("backend=jax", ON_H100, "backend.device=cpu", "+backend.variables.CUDA_VISIBLE_DEVICES='1'")
    assert config.backend.build == "cpu"
    assert _resolved(config).items() >= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}.items()
    assert "JAX_PLATFORMS" not in _resolved(_composed("backend=jax", ON_H100))
    assert _resolved(_composed("backend=theano", ON_H100))["CUDA_VISIBLE_DEVICES"] == ""


def test_a_users_own_environment_is_as_it_is_unless_the_cpu_is_asked_for() -> None:
    use = ["backend=torch", "environments.use=true", "backend.interpreter=/usr/bin/python3"]
    own, elsewhere = _composed(*use, ON_H100), _composed(*use, NO_GPU)
    assert (own.backend.build, elsewhere.backend.build) == ("own", None)
    assert "CUDA_VISIBLE_DEVICES" not in _resolved(own).keys() | _resolved(elsewhere).keys()
    assert identity.comparison(own, ()) == identity.comparison(_composed("backend=jax", ON_H100), ())
    assert _resolved(_composed(*use, ON_H100, "backend.device=cpu"))["CUDA_VISIBLE_DEVICES"] == ""


def test_the_reference_has_its_cpu_build_on_every_machine() -> None:
    assert composition.backend_named("tensorflow").build == "cpu"


@pytest.mark.parametrize(
    ("backend", "facts", "part"),
    [
        ("torch", "none", "no NVIDIA GPU"),
        ("theano", "'driver=580.65 capability=7.5 platform=linux-x86_64'", "no GPU build"),
        ("torch", "'driver=550.54 capability=9.0 platform=linux-x86_64'", "driver 580 or newer"),
    ],
)
def test_a_gpu_that_is_asked_for_and_cannot_be_had_is_one_line_with_the_reasons_and_the_way_out(
    backend: str, facts: str, part: str
) -> None:
    with pytest.raises(UserError) as caught:
        _composed(f"backend={backend}", "backend.device=gpu", f"backend.facts={facts}")
    assert all(one in str(caught.value) for one in (part, "backend.device=cpu", backend))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "override",
    [
        "backend.facts='driver=580'",
        "backend.facts='capability=9.0'",
        "backend.facts='driver=new capability=9.0'",
        "backend.facts='driver=580 capability=9'",
        "backend.facts='driver=580 driver=581 capability=9.0'",
        "backend.facts='driver=580 capability=9.0 card=H100'",
        "backend.build=cuda12",
        "backend.builds=[{name:cpu,requirements:jax.txt,driver:'1'}]",
        "backend.builds=[{name:cuda12,requirements:jax.txt,driver:new}]",
        "backend.builds=[{name:cuda12,requirements:nosuch.txt,driver:'1'}]",
        "backend.builds=[{name:cuda12,requirements:jax.txt,driver:'1',libraries:[/lib]}]",
    ],
)
def test_what_cannot_be_read_or_chosen_is_refused(override: str) -> None:
    with pytest.raises(UserError, match=r"backend\.(facts|builds?)"):
        _composed("backend=jax", override)


def _cards(monkeypatch: pytest.MonkeyPatch, *capabilities: tuple[int, int] | None) -> None:
    def capability(handle: int) -> Any:
        if capabilities[handle] is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return capabilities[handle]

    play_nvml(monkeypatch, [f"card {number}" for number in range(len(capabilities))],
              {"nvmlDeviceGetCudaComputeCapability": capability})  # fmt: skip


def test_the_facts_are_the_drivers_and_the_least_of_the_visible_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = composition.backend_named("jax")
    _cards(monkeypatch, (12, 0), (7, 0), (9, 0))
    assert builds.facts_of(backend) == Facts(this_platform(), "535.1", "7.0")
    backend.variables = {"CUDA_VISIBLE_DEVICES": "0,2"}
    assert builds.facts_of(backend).capability == "9.0"  # as numbers, not as texts
    backend.variables = {"CUDA_VISIBLE_DEVICES": ""}
    assert builds.facts_of(backend) == Facts(this_platform())
    backend.facts = "driver=580.65 capability=8.9"
    assert builds.facts_of(backend) == Facts(this_platform(), "580.65", "8.9")


def test_a_card_that_does_not_tell_its_capability_fits_no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    _cards(monkeypatch, (9, 0), None)
    assert builds.facts_of(composition.backend_named("jax")) == Facts(this_platform(), "535.1", None)


def test_what_runs_where_is_announced_only_where_there_is_a_gpu() -> None:
    def said(*overrides: str) -> str:
        return "\n".join(builds.announcement([_composed(f"backend={name}", *overrides) for name in ("jax", "theano")]))

    assert said(NO_GPU) == said(ON_H100, "backend.device=cpu") == ""
    lines = said(ON_H100).splitlines()
    assert len(lines) == 3
    assert "cuda13" in lines[0]
    assert "theano" in lines[1]
    assert "ranked apart" in lines[2]
    assert "ranked apart" not in "".join(builds.announcement([_composed("backend=jax", ON_H100)]))


def test_removing_a_backends_environments_removes_those_of_its_builds(tmp_path: Path) -> None:
    own = [tmp_path / f"jax-{build}0123456789ab" for build in ("", "cuda13-", "cuda12-")]
    other = tmp_path / "jax-mine-0123456789ab"
    for folder in (*own, other):
        folder.mkdir()
    assert sorted(environments.remove(composition.backend_named("jax"), tmp_path)) == sorted(own)
    assert other.exists()


def test_the_documented_table_of_cards_is_what_is_chosen() -> None:
    page = (PROJECT / "docs/how-to/gpu.md").read_text()
    head, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page[page.index("| card |") :].partition("\n\n")[0].splitlines()
    )
    assert len(rows) >= 12
    for card, capability, *told in rows:
        facts = Facts(LINUX, "470.256.02" if card == "K80" else "580.65.06", capability)
        for backend, build in zip(head[2:], told, strict=True):
            found = builds.choose(composition.backend_named(backend).builds, facts).build
            assert (found.name if found else "CPU") == build, (card, backend)
