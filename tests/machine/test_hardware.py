import math
import os
from pathlib import Path

import pytest

from kerasbench.machine import hardware
from kerasbench.machine.nvml import Gpu


@pytest.mark.parametrize(
    ("own", "files", "processors"),
    [
        ("0::/", {"cpu.max": "200000 100000\n"}, 2.0),
        ("0::/", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/user/job", {"user/job/cpu.max": "max 100000\n", "user/cpu.max": "150000 100000\n"}, 1.5),
        ("0::/user/job", {"user/other/cpu.max": "50000 100000\n"}, math.inf),
        ("3:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ("3:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ("3:cpu:/of/the/host", {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ("2:memory:/", {}, math.inf),
    ],
)
def test_the_share_of_the_processors_that_a_container_or_a_scheduler_gives_is_known(
    tmp_path: Path, own: str, files: dict[str, str], processors: float
) -> None:
    (tmp_path / "own").write_text(f"{own}\n")
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(content)
    assert hardware.share(tmp_path, tmp_path / "own") == processors


def test_no_more_cores_are_used_than_the_share_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    for share, cores in ((1.5, 1), (0.5, 1)):
        monkeypatch.setattr(hardware, "share", lambda share=share: share)
        assert hardware.physical_cores() == cores


def test_two_threads_of_a_core_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3})
    for cpu, siblings in enumerate(["0-1", "0-1", "2-3", "2-3"]):
        topology = tmp_path / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{siblings}\n")
    monkeypatch.setattr(hardware, "_CPUS", tmp_path)
    monkeypatch.setattr(hardware, "share", lambda: math.inf)
    assert hardware.physical_cores() == 2


def test_equal_machines_have_equal_fingerprints_and_a_gpu_changes_it() -> None:
    without = hardware.tags([])
    assert without["hardware.gpu"] == "none"
    assert without == hardware.tags([])
    with_gpu = hardware.tags([Gpu("NVIDIA T0", "535.1", 16384)])
    assert with_gpu["hardware.gpu"] == "NVIDIA T0"
    assert with_gpu["hardware.fingerprint"] != without["hardware.fingerprint"]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"sysctl": "Apple M3 Max\n"}, "Apple M3 Max"),
        ({"lscpu": "Architecture: aarch64\nModel name: Neoverse-N1\n"}, "Neoverse-N1"),
        ({"sysctl": "exit 1", "lscpu": "Architecture: aarch64\n"}, "arm"),
        ({}, "arm"),
    ],
)
def test_a_processor_that_proc_does_not_name_is_named_by_the_systems_own_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, str], name: str
) -> None:
    for program, output in told.items():
        content = output if output.startswith("exit") else f"cat << 'END'\n{output}END"
        (tmp_path / program).write_text(f"#!/bin/sh\nPATH=/bin:/usr/bin\n{content}\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(hardware, "_CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.processor", lambda: "arm")
    assert hardware.cpu_name() == name
