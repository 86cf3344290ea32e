"""The part of PyTorch that the worker uses. STUB_GPU plays a GPU of this name."""

import os
from types import SimpleNamespace

__version__ = "stub"
_threads = 0


def set_num_threads(threads: int) -> None:
    global _threads
    _threads = threads


def get_num_threads() -> int:
    return _threads


def get_num_interop_threads() -> int:
    return 1


def set_float32_matmul_precision(precision: str) -> None: ...


def get_float32_matmul_precision() -> str:
    return "highest"


cuda = SimpleNamespace(
    is_available=lambda: "STUB_GPU" in os.environ,
    get_device_name=lambda: os.environ["STUB_GPU"],
    synchronize=lambda: None,
)
version = SimpleNamespace(cuda="stub")
backends = SimpleNamespace(
    mkldnn=SimpleNamespace(is_available=lambda: True, enabled=True),
    cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=False)),
    cudnn=SimpleNamespace(version=lambda: 0, allow_tf32=True),
)
__config__ = SimpleNamespace(show=lambda: "BLAS_INFO=stub")
