"""Apache MXNet under keras-mxnet 2.2."""

import os
from typing import Any, Dict

SETTINGS = ("threads", "image_layout", "onednn")
COMPILATION = {False: "graph"}


def variables(settings: Dict[str, Any]) -> Dict[str, str]:
    """Return the environment variables that MXNet reads when it is imported."""
    return {} if settings["onednn"] is None else {"MXNET_MKLDNN_ENABLED": str(int(settings["onednn"]))}


def configure(settings: Dict[str, Any]) -> None:
    """Do nothing: MXNet reads OMP_NUM_THREADS when it is imported."""


def wait(model: Any) -> None:
    """Wait for MXNet's engine, which is asynchronous on the CPU, too."""
    import mxnet as mx

    mx.nd.waitall()


def in_force() -> Dict[str, Any]:
    """Return what MXNet reports about itself."""
    import mxnet as mx

    features = mx.runtime.Features()
    libraries = [name for name in ("BLAS_OPEN", "BLAS_MKL", "BLAS_ATLAS", "BLAS_APPLE") if features.is_enabled(name)]
    return {
        "threads": os.environ["OMP_NUM_THREADS"],
        "onednn": features.is_enabled("MKLDNN") and os.environ.get("MXNET_MKLDNN_ENABLED", "1") != "0",
        "blas": ", ".join(libraries),
        "device": "cpu" if not mx.context.num_gpus() else "gpu",
    }
