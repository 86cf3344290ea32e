"""Cores and GPUs that several jobs of one machine share out among themselves."""

import os
from pathlib import Path

import pytest

from kerasbench.machine import allocation, hardware
from kerasbench.machine.allocation import Wanted, claimed
from tests.played_nvml import play_nvml


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """Four cores of two processors each; return what this process is bound to, one after the other."""
    bound = [set(range(8))]
    monkeypatch.setattr(hardware, "cores", lambda: [(0, 4), (1, 5), (2, 6), (3, 7)])
    monkeypatch.setattr(hardware, "physical_cores", lambda: 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: bound[-1])
    monkeypatch.setattr(os, "sched_setaffinity", lambda process, cpus: bound.append(set(cpus)))
    return bound


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    play_nvml(monkeypatch, ["NVIDIA T0"] * 4, {})


def test_jobs_get_cores_of_their_own_until_none_is_left(tmp_path: Path, four_cores: list[set[int]]) -> None:
    with claimed(tmp_path, Wanted(2, gpu=False)) as one, claimed(tmp_path, Wanted(2, gpu=False)) as other:
        assert one.cpus == frozenset({0, 1, 4, 5})
        assert other.cpus == frozenset({2, 3, 6, 7})
        assert not one.contention + other.contention
        assert four_cores[1:] == [one.cpus, other.cpus]
        with claimed(tmp_path, Wanted(1, gpu=False)) as third:
            assert third.cpus is None
            assert "1 of its 4 cores" in third.contention
    assert four_cores[-1] == four_cores[0]  # as before
    with claimed(tmp_path, Wanted(4, gpu=False)) as alone:
        assert alone.cpus == frozenset(range(8))


def test_a_job_that_lacks_one_core_takes_none_from_the_others(tmp_path: Path, four_cores: list[set[int]]) -> None:
    with claimed(tmp_path, Wanted(1, gpu=False)), claimed(tmp_path, Wanted(4, gpu=False)) as greedy:
        assert greedy.contention
        with claimed(tmp_path, Wanted(3, gpu=False)) as other:
            assert not other.contention


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize(
    ("visible", "names"),
    [(None, ["0", "1", "2", "3"]), ("2,1", ["2", "1"]), ("", []), ("MIG-a,MIG-b", ["MIG-a", "MIG-b"])],
)
def test_each_job_sees_one_gpu_of_those_that_are_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, names: list[str]
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert allocation.gpus() == names
    with claimed(tmp_path, Wanted(0, gpu=True)) as own:
        assert own.gpu == (names[0] if names else None)
        assert bool(own.contention) == (not names)
        assert os.environ.get("CUDA_VISIBLE_DEVICES") == (own.gpu if names else visible)
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == visible


@pytest.mark.usefixtures("four_gpus")
def test_four_jobs_use_four_gpus_and_a_fifth_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocation, "_visible", lambda gpu: allocation._bound(frozenset()))  # as in own processes
    wanted = Wanted(0, gpu=True)
    with claimed(tmp_path, wanted) as a, claimed(tmp_path, wanted) as b, claimed(tmp_path, wanted) as c:
        with claimed(tmp_path, wanted) as d, claimed(tmp_path, wanted) as fifth:
            assert {a.gpu, b.gpu, c.gpu, d.gpu} == {"0", "1", "2", "3"}
            assert fifth.gpu is None
            assert "a GPU of its 4" in fifth.contention


@pytest.mark.parametrize(
    ("variables", "bound", "wanted"),
    [
        ({"SLURM_CPUS_PER_TASK": "4"}, False, Wanted(2, gpu=True)),  # two processors each
        ({"SLURM_CPUS_ON_NODE": "2"}, False, Wanted(1, gpu=True)),
        ({}, False, Wanted(4, gpu=True)),
        ({"SLURM_CPUS_PER_TASK": "4", "SLURM_JOB_GPUS": "1"}, True, Wanted(0, gpu=False)),
    ],
)
def test_a_job_of_slurm_claims_only_what_slurm_does_not_keep_for_it(
    four_cores: list[set[int]],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    bound: bool,
    wanted: Wanted,
) -> None:
    monkeypatch.setattr(hardware, "bound", lambda: frozenset({0, 4}) if bound else None)
    assert allocation.of_slurm(variables, None, gpu=True) == wanted
