"""Takes NVML's place in a process and in those that it starts: KERASBENCH_PLAYED_GPUS equal GPUs, which are idle."""

import os
from types import SimpleNamespace
from typing import Any

nvmlMemory_v2 = 2
NVML_TEMPERATURE_GPU = NVML_CLOCK_SM = 0
NVML_CLOCK_MEM = 1
nvmlClocksEventReasonSwPowerCap, nvmlClocksEventReasonHwSlowdown = 4, 8
nvmlClocksEventReasonSwThermalSlowdown, nvmlClocksEventReasonHwThermalSlowdown = 32, 64
nvmlClocksEventReasonHwPowerBrakeSlowdown = 128
_MEMORY = SimpleNamespace(total=16 << 30, used=1 << 30)


class NVMLError(Exception):
    """An error of NVML."""


class NVMLError_NotSupported(NVMLError):
    """A value that the GPU does not report."""


class NVMLError_FunctionNotFound(NVMLError):
    """A function that the driver lacks."""


def nvmlInit() -> None: ...
def nvmlShutdown() -> None: ...
def nvmlSystemGetDriverVersion() -> str:
    return "580.65.06"


def nvmlDeviceGetCount() -> int:
    return int(os.environ["KERASBENCH_PLAYED_GPUS"])


def nvmlDeviceGetHandleByIndex(index: int) -> int:
    return index


def nvmlDeviceGetName(handle: int) -> str:
    return "NVIDIA Played"


def nvmlDeviceGetUUID(handle: int) -> str:
    return f"GPU-{handle}"


def nvmlDeviceGetMemoryInfo(handle: int, version: int | None = None) -> Any:
    return _MEMORY


def nvmlDeviceGetCudaComputeCapability(handle: int) -> tuple[int, int]:
    return 9, 0


def nvmlDeviceGetComputeRunningProcesses(handle: int) -> list[Any]:
    return []


def nvmlDeviceGetUtilizationRates(handle: int) -> Any:
    return SimpleNamespace(gpu=0)


def _unsupported(*arguments: Any) -> Any:
    raise NVMLError_NotSupported


nvmlDeviceGetPowerUsage = nvmlDeviceGetTemperature = nvmlDeviceGetClockInfo = _unsupported
nvmlDeviceGetTotalEnergyConsumption = nvmlDeviceGetMaxClockInfo = nvmlDeviceGetEnforcedPowerLimit = _unsupported
nvmlDeviceGetEccMode = nvmlDeviceGetPersistenceMode = nvmlDeviceGetMigMode = _unsupported
nvmlDeviceGetCurrentClocksEventReasons = nvmlDeviceGetCurrentClocksThrottleReasons = _unsupported
