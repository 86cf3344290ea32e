"""Which Keras backend should train my model on my hardware?

This file imports nothing: Python 3.6 reads it when it runs `kerasbench.worker`. `from kerasbench import MlflowCallback`
imports neither Keras, nor a backend, nor MLflow, nor Hydra before the callback is made (PEP 562).
"""


def __getattr__(name):  # type: ignore[no-untyped-def]
    if name != "MlflowCallback":
        raise AttributeError("module 'kerasbench' has no attribute {!r}".format(name))  # noqa: UP032
    from kerasbench.callback import MlflowCallback

    return MlflowCallback
