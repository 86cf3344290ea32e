"""Compiles a model with the request's optimizer, losses and metrics, and keeps what its author compiled it with."""

from typing import Any, Dict, List

from kerasbench.worker import optimizers, targets
from kerasbench.worker.optimizers import KERAS


def compile_model(
    model: Any, request: Dict[str, Any], described: List[Dict[str, Any]], widths: List[int], settings: Dict[str, Any]
) -> List[Any]:
    """Compile a model, and return the loss of each output.

    The request's optimizer, loss and metrics come first, then those that the model is compiled with, then what suits
    the data and Adam.

    Args:
        model: a built Keras model, compiled or not.
        request: `optimizer`, `schedule`, `loss` and `metrics`; each may be None.
        described: the description of each target.
        widths: the size of each output's last axis.
        settings: arguments of `compile` that affect speed, in Keras 3.
    """
    compiled = is_compiled(model)
    optimizer = _optimizer(request)
    if compiled and request["loss"] is None and request["metrics"] is None:
        if optimizer is not None:
            model.optimizer = optimizer
        for name, value in settings.items():
            setattr(model, name, value)
        return losses_of(model)
    losses: Any = request["loss"]
    if losses is None:
        losses = model.loss if compiled else [targets.default_loss(*one) for one in zip(described, widths)]
    metrics: Any = request["metrics"]
    if metrics is None and len(widths) == 1:
        metrics = [targets.default_metric(described[0])]
    elif len(widths) > 1:  # by name: Keras 2.2 takes no list for each output, Keras 3 no list for all
        of_each = [metrics or [targets.default_metric(target)] for target in described]
        metrics = dict(zip(model.output_names, of_each))
    model.compile(
        loss=losses[0] if len(widths) == 1 and isinstance(losses, list) else losses,
        optimizer=optimizer or (model.optimizer if compiled else optimizers.build(optimizers.DEFAULT)),
        metrics=metrics,
        **settings,
    )
    return losses_of(model)


def is_compiled(model: Any) -> bool:
    """Return whether the model's author has compiled it."""
    if KERAS >= (3, 0):
        return bool(model.compiled)
    return getattr(model, "optimizer", None) is not None


def losses_of(model: Any) -> List[Any]:
    """Return the loss of each output of a compiled model."""
    loss, names = model.loss, getattr(model, "output_names", None) or [None]
    if isinstance(loss, dict):
        return [loss[name] for name in names]
    if isinstance(loss, (list, tuple)):
        return list(loss)
    return [loss] * len(names)


def _optimizer(request: Dict[str, Any]) -> Any:
    return optimizers.build(request["optimizer"], request["schedule"]) if request["optimizer"] else None
