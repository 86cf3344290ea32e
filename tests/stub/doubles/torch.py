"""The part of PyTorch that the worker uses."""

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


def get_float32_matmul_precision() -> str:
    return "highest"


cuda = SimpleNamespace(is_available=lambda: False)
backends = SimpleNamespace(mkldnn=SimpleNamespace(is_available=lambda: True, enabled=True))
__config__ = SimpleNamespace(show=lambda: "BLAS_INFO=stub")
