"""The part of Theano that the worker and the backend's fixes use."""

from types import SimpleNamespace

__version__ = "stub"

config = SimpleNamespace(
    cxx="g++", openmp=False, blas=SimpleNamespace(ldflags=""), gcc=SimpleNamespace(cxxflags=""), optimizer="fast_run",
    allow_gc=True, linker="cvm", floatX="float32", device="cpu",
)  # fmt: skip
