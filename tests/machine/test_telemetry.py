"""Sampling from outside, with simulated GPUs (a recorded one and two others), because a machine may have none."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest

from kerasbench.machine.nvml import Gpu, Nvml
from kerasbench.machine.telemetry import Telemetry, noise_limit
from kerasbench.worker.protocol import now
from tests.played_nvml import play_nvml, unsupported
from tests.recorded_gpu import Recording

_WATTS = 250.0
_INTERVAL = 0.05


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large GPU that draws 250 W, and a small one that does not report its power."""

    def only_of_the_first(answer: Callable[[], Any]) -> Callable[[int], Any]:
        return lambda gpu: answer() if gpu == 0 else unsupported()

    def of_an_old_driver(gpu: int, version: int | None = None) -> Any:
        if version is not None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
        return SimpleNamespace(total=16 << 30, used=(gpu + 1) << 30)

    clocks = {pynvml.NVML_CLOCK_SM: 1410, pynvml.NVML_CLOCK_MEM: 1215}
    answers: dict[str, Callable[..., Any]] = {
        "nvmlDeviceGetMemoryInfo": of_an_old_driver,
        "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=90 - gpu),
        "nvmlDeviceGetTemperature": lambda gpu, sensor: 61 + gpu,
        "nvmlDeviceGetClockInfo": lambda gpu, clock: clocks[clock],
        "nvmlDeviceGetPowerUsage": only_of_the_first(lambda: int(_WATTS * 1000)),
        "nvmlDeviceGetTotalEnergyConsumption": only_of_the_first(lambda: int(now() * _WATTS * 1000)),
        "nvmlDeviceGetComputeRunningProcesses": lambda gpu: [SimpleNamespace(pid=7)] if gpu == 0 else [],
    }
    play_nvml(monkeypatch, ["NVIDIA T0", "NVIDIA T1"], answers)


def test_gpus_are_described_and_sampled_and_what_one_does_not_give_is_left_out(two_gpus: None) -> None:
    with Nvml() as nvml:
        assert nvml.gpus() == [Gpu("NVIDIA T0", "535.1", 16384), Gpu("NVIDIA T1", "535.1", 16384)]
        assert nvml.processes() == [1, 0]
        first, second = nvml.sample()
        assert first.pop("energy_joules") == pytest.approx(now() * _WATTS)
        assert first == {
            "utilization_percent": 90.0,
            "memory_mib": 1024.0,
            "power_watts": 250.0,
            "temperature_celsius": 61.0,
            "sm_clock_mhz": 1410.0,
            "memory_clock_mhz": 1215.0,
        }
        assert set(first) - set(second) == {"power_watts"}
        assert second["memory_mib"] == 2048.0


def test_without_a_driver_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    with Nvml() as nvml:
        assert nvml.gpus() == []
        assert nvml.processes() == []
        assert nvml.sample() == []


@pytest.fixture
def busy() -> Iterator[int]:
    """The id of a busy process."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield process.pid
    process.kill()
    process.wait()


def _sampled(telemetry: Telemetry, started: float, least: int) -> dict[str, float]:
    """Wait for at least so many samples (a loaded machine samples late), and return their figures."""
    while now() < started + 20:
        time.sleep(0.01)
        figures = telemetry.between(started, now())
        if figures["system/samples"] >= least:
            return figures
    raise AssertionError("it did not sample")


@pytest.mark.slow
def test_a_busy_process_is_seen_at_work_by_means_peaks_and_the_number_of_samples(two_gpus: None, busy: int) -> None:
    with Nvml() as nvml, Telemetry(busy, nvml, _INTERVAL) as telemetry:
        started = now()
        figures = _sampled(telemetry, started, least=30)  # energy needs a second
        seconds = now() - started
    assert 10 < figures["cpu_percent"] <= figures["system/cpu_percent_peak"]
    assert 1 < figures["rss_mib"] <= figures["system/rss_mib_peak"]
    assert figures["gpu_0_power_watts"] == figures["system/gpu_0_power_watts_peak"] == 250.0
    assert figures["system/gpu_0_temperature_celsius"] == 61.0
    assert figures["system/gpu_0_sm_clock_mhz"] == 1410.0
    assert figures["system/gpu_0_energy_joules"] == pytest.approx(_WATTS * seconds, rel=0.05)
    assert figures["system/gpu_0_energy_readings"] == figures["system/samples"]
    assert "system/gpu_1_energy_joules" not in figures
    assert figures["gpu_1_utilization_percent"] == 89.0


def test_an_epochs_gpu_figures_are_those_of_a_recorded_session(monkeypatch: pytest.MonkeyPatch) -> None:
    recording, readings, played = Recording(), iter(range(1_000_000)), threading.Event()
    second = 0.0

    def next_reading() -> float:
        nonlocal second
        number = next(readings)
        if number < len(recording.seconds):
            second = float(recording.seconds[number])
        else:
            played.set()
            second = float(recording.seconds[-1]) + 60  # when all epochs are over
        return second

    recording.play(monkeypatch, lambda: second)
    monkeypatch.setattr("kerasbench.machine.telemetry._clock_offset", lambda: 0.0)
    monkeypatch.setattr("kerasbench.machine.telemetry.now", next_reading)
    with Nvml() as nvml, Telemetry(os.getpid(), nvml, interval_seconds=0.001) as telemetry:
        assert played.wait(20)
    # Idle; busy; all of it.
    for started, ended in ((2.0, 6.5), (7.9, 9.7), (0.0, 11.7)):
        figures = telemetry.between(started, ended)
        there = {name: values[recording.within(started, ended)] for name, values in recording.readings.items()}
        assert figures["system/samples"] == len(there["power_watts"])
        for name in ("utilization_percent", "memory_mib", "power_watts"):
            assert figures[f"gpu_0_{name}"] == pytest.approx(there[name].mean(), abs=0.5), name
            assert figures[f"system/gpu_0_{name}_peak"] == pytest.approx(there[name].max(), abs=0.5), name
        for name in ("temperature_celsius", "sm_clock_mhz", "memory_clock_mhz"):
            assert figures[f"system/gpu_0_{name}"] == pytest.approx(there[name].mean()), name
        used = recording.joules(ended) - recording.joules(started)
        assert figures["system/gpu_0_energy_joules"] == pytest.approx(used, rel=0.03)
    busy = telemetry.between(7.9, 9.7)
    assert busy["gpu_0_power_watts"] > 200 > telemetry.between(2.0, 6.5)["gpu_0_power_watts"]


def test_a_child_that_ends_while_a_sample_is_taken_does_not_end_the_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = subprocess.Popen(["true"])
    ended = psutil.Process(compiler.pid)
    compiler.wait()
    monkeypatch.setattr(psutil.Process, "children", lambda process, recursive: [ended])
    with Nvml() as nvml, Telemetry(os.getpid(), nvml, _INTERVAL) as telemetry:
        assert _sampled(telemetry, now(), least=2)["rss_mib"] > 10


@pytest.mark.slow
def test_energy_is_told_only_of_an_epoch_that_its_samples_cover_and_of_a_second(two_gpus: None) -> None:
    with Nvml() as nvml, Telemetry(os.getpid(), nvml, interval_seconds=0.01) as telemetry:
        started = now()
        while now() < started + 1.5:
            _sampled(telemetry, started, least=2)
        ended = now()
    energy = "system/gpu_0_energy_joules"
    assert telemetry.between(started, ended)["system/gpu_0_energy_readings"] > 10
    assert energy in telemetry.between(started, ended)
    assert energy not in telemetry.between(started - 10, ended)
    assert energy not in telemetry.between(ended - 0.9, ended)


def _reasons(monkeypatch: pytest.MonkeyPatch, reasons: int, utilization: int) -> None:
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCurrentClocksEventReasons", lambda gpu: reasons)
    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetUtilizationRates", lambda gpu: SimpleNamespace(gpu=utilization if gpu == 0 else 0)
    )


_HOT, _BRAKE = pynvml.nvmlClocksEventReasonHwThermalSlowdown, pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown


@pytest.mark.parametrize(
    ("reasons", "utilization", "told"),
    [
        (_HOT, 90, ["heat", "GPU 0", "61"]),
        (_BRAKE, 90, ["hardware", "GPU 0"]),
        (pynvml.nvmlClocksEventReasonSwPowerCap, 90, []),  # its own power limit, in all runs
        (_HOT, 0, []),  # idle
        (0, 90, []),
    ],
)
def test_a_card_that_is_slowed_under_load_is_noise(
    two_gpus: None, monkeypatch: pytest.MonkeyPatch, reasons: int, utilization: int, told: list[str]
) -> None:
    _reasons(monkeypatch, reasons, utilization)
    monkeypatch.setattr(psutil, "cpu_times", lambda: SimpleNamespace(user=0.0))  # other programs use no CPU
    with Nvml() as nvml, Telemetry(os.getpid(), nvml, interval_seconds=0.01) as telemetry:
        figures = _sampled(telemetry, now(), least=5)
    assert figures["system/gpu_0_heat_slowdown_percent"] == (100 if reasons == _HOT else 0)
    noise = telemetry.noise() or ""
    assert all(word in noise for word in told)
    assert bool(noise) == bool(told)
    assert "GPU 1" not in noise


def test_a_card_that_is_slowed_now_and_then_is_no_noise(two_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_times", lambda: SimpleNamespace(user=0.0))
    number = iter(range(1_000_000))
    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetCurrentClocksEventReasons", lambda gpu: _HOT if next(number) % 100 == 99 else 0
    )
    with Nvml() as nvml, Telemetry(os.getpid(), nvml, interval_seconds=0.001) as telemetry:
        _sampled(telemetry, now(), least=100)
    assert telemetry.noise() is None


@pytest.mark.parametrize(("visible", "names"), [
    (None, ["NVIDIA T0", "NVIDIA T1"]), ("1", ["NVIDIA T1"]), ("1,0", ["NVIDIA T1", "NVIDIA T0"]), ("", []),
    ("-1", []), ("0,7,1", ["NVIDIA T0"]), ("GPU-1", ["NVIDIA T1"]), ("GPU-", []),
    ("0,0", []), ("1,0,GPU-1", []),
    ("MIG-GPU-1/1/0", []),  # neither card is divided
])  # fmt: skip
def test_only_gpus_that_a_worker_can_see_are_looked_at(
    two_gpus: None, monkeypatch: pytest.MonkeyPatch, visible: str | None, names: list[str]
) -> None:
    monkeypatch.setattr(pynvml, "nvmlDeviceGetUUID", lambda gpu: f"GPU-{gpu}ab")
    variables = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    with Nvml(variables) as nvml:
        assert [gpu.name for gpu in nvml.gpus()] == names
        assert len(nvml.sample()) == len(names)
    with Nvml(variables | {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}) as nvml:
        assert len(nvml.gpus()) == 2  # whose number is whose, NVML cannot tell


@pytest.mark.parametrize(("processors", "limit"), [(1, 10), (2, 10), (10, 10), (64, 64)])
def test_a_large_machine_may_do_more_beside_a_run(processors: int, limit: float) -> None:
    assert noise_limit(processors) == limit


@pytest.mark.slow
@pytest.mark.parametrize(("share", "processors", "noisy"), [(0.03, 2, False), (0.3, 2, True), (0.3, 64, False)])
def test_what_others_take_is_noise_above_a_tenth_of_a_core_or_a_hundredth_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, share: float, processors: int, noisy: bool
) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda: processors)
    own = psutil.Process()

    def played() -> Any:
        used = own.cpu_times()
        return SimpleNamespace(user=used.user + used.system + share * now())

    monkeypatch.setattr(psutil, "cpu_times", played)
    sleeping = subprocess.Popen(["sleep", "60"])
    try:
        with Nvml() as nvml, Telemetry(sleeping.pid, nvml, _INTERVAL) as telemetry:
            _sampled(telemetry, now(), least=10)
    finally:
        sleeping.kill()
        sleeping.wait()
    assert (telemetry.noise() is not None) == noisy


@pytest.mark.parametrize(("set_by", "told"), [(-3600.0, "-3600 s"), (3600.0, "+3600 s"), (0.5, None)])
def test_a_clock_that_is_set_during_a_run_changes_no_figure_and_is_told(
    two_gpus: None, busy: int, monkeypatch: pytest.MonkeyPatch, set_by: float, told: str | None
) -> None:
    of_day = time.time
    with Nvml() as nvml, Telemetry(busy, nvml, interval_seconds=0.02) as telemetry:
        started = now()
        _sampled(telemetry, started, least=5)
        monkeypatch.setattr(time, "time", lambda: of_day() + set_by)
        figures = _sampled(telemetry, started, least=20)
    assert figures["cpu_percent"] > 10
    jump = telemetry.clock_jump()
    assert jump is None if told is None else told in str(jump)


def test_an_epoch_too_short_to_be_sampled_is_given_no_figures(two_gpus: None) -> None:
    with Nvml() as nvml, Telemetry(os.getpid(), nvml, _INTERVAL) as telemetry:
        _sampled(telemetry, now(), least=1)
        later = now() + 60
        assert telemetry.between(later, later + 1) == {"system/samples": 0}


def test_one_sample_gives_no_figure_that_takes_two(two_gpus: None) -> None:
    with Nvml() as nvml, Telemetry(os.getpid(), nvml, interval_seconds=0.5) as telemetry:
        figures = _sampled(telemetry, now(), least=1)
    assert figures["system/samples"] == 1
    assert "rss_mib" in figures
    assert not {"cpu_percent", "system/gpu_0_energy_joules", "system/other_cpu_percent"} & figures.keys()


def test_a_process_that_joins_the_worker_on_a_gpu_is_noticed(two_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    joined = threading.Event()

    def processes(gpu: int) -> list[int]:
        return [7, 8] if gpu == 0 and joined.is_set() else [7]

    monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", processes)
    with Nvml() as nvml, Telemetry(os.getpid(), nvml, _INTERVAL) as telemetry:
        _sampled(telemetry, now(), least=2)
        assert telemetry.others_on_gpus == 0
        joined.set()
        _sampled(telemetry, now(), least=2)
    assert telemetry.others_on_gpus == 1


def test_the_load_of_a_child_is_a_part_of_its_parents() -> None:
    code = "import subprocess, sys; print(flush=True); subprocess.run([sys.executable, '-c', 'while True: pass'])"
    idle = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert idle.stdout is not None
    idle.stdout.readline()
    try:
        with Nvml() as nvml, Telemetry(idle.pid, nvml, _INTERVAL) as telemetry:
            deadline = now() + 30
            while telemetry.between(deadline - 30, deadline).get("cpu_percent", 0) < 20:
                assert now() < deadline
                time.sleep(_INTERVAL)
    finally:
        os.killpg(idle.pid, signal.SIGKILL)
        idle.communicate()


def _spin(seconds: float) -> None:
    end = now() + seconds
    while now() < end:
        pass


@pytest.mark.slow
@pytest.mark.quiet
def test_a_busy_process_that_is_not_the_runs_is_noise() -> None:
    context = multiprocessing.get_context("fork")
    measured = context.Process(target=time.sleep, args=(60,))
    measured.start()
    assert measured.pid is not None
    stranger = context.Process(target=_spin, args=(1.5,))
    try:
        # A child of the test, and so of the driver, but no part of the measured process' tree.
        with Nvml() as nvml, Telemetry(measured.pid, nvml, _INTERVAL) as telemetry:
            stranger.start()
            stranger.join()
            noise = telemetry.noise()
    finally:
        measured.kill()
        measured.join()
    assert noise is not None
    assert "% of a core on average" in noise


def test_a_gpu_that_does_not_tell_its_memory_is_still_one(two_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", unsupported)
    with Nvml() as nvml:
        assert [gpu.memory_mib for gpu in nvml.gpus()] == [0, 0]
