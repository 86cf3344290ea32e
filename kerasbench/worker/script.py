"""Runs a user's own training script, unchanged, and reports every epoch of every `fit` in it."""

import contextlib
import inspect
import itertools
import os
import runpy
import shlex
import sys
from typing import Any, Callable, Dict, Iterator, Optional

from keras.models import Model

from kerasbench.worker import keras2_names, protocol, weights
from kerasbench.worker.callbacks import EpochReporter
from kerasbench.worker.error_line import OwnCodeFailed, located, one_line
from kerasbench.worker.framework import Framework
from kerasbench.worker.memory import peak_rss_mib
from kerasbench.worker.model import prepare_backend

# Called instead of a method that trains, with the model, the method itself and its arguments by name.
Fit = Callable[[Any, Callable[..., Any], Dict[str, Any]], Any]

_TRAINING = ("fit", "fit_generator")  # the second only in Keras 2


class _Reached(BaseException):
    """Ends a script at its first `fit`; no Exception, because scripts handle these."""


def train(request: Dict[str, Any], channel: protocol.Channel) -> None:
    """Run the script, and send an event for each epoch.

    Raises:
        OwnCodeFailed: the script raised an error, exited with another status than 0, or trained no epoch.
    """
    framework = prepare_backend(request)
    measured = Measured(request, channel, framework)
    run(request["script"], framework, measured.fit)
    if not measured.epochs:
        raise OwnCodeFailed("{}: no `fit` of a Keras model trained an epoch".format(_name(request["script"])))
    channel.send(
        protocol.FINISHED,
        ended_at=protocol.now(),
        peak_rss_mib=peak_rss_mib(),
        idle_seconds=channel.idle_seconds,
        parameters=measured.parameters,
    )


def initial_weights(request: Dict[str, Any], channel: protocol.Channel) -> None:
    """Run the script until its first `fit`, and save the model's weights to the file that the request names.

    Raises:
        OwnCodeFailed: it has no `fit`, or failed before.
    """

    def save(model: Any, method: Callable[..., Any], arguments: Dict[str, Any]) -> Any:
        weights.save(_built(model), request["path"])
        channel.send(protocol.WEIGHTS)
        raise _Reached

    try:
        run(request["script"], prepare_backend(request), save)
    except _Reached:
        return
    raise OwnCodeFailed("{}: no `fit` of a Keras model was called".format(_name(request["script"])))


class Measured(object):
    """Trains as the script asks, with the epoch reporter beside the script's own callbacks.

    Attributes:
        epochs: the number of epochs trained so far.
        parameters: the number of parameters of the last model; None if it does not know.
    """

    def __init__(self, request: Dict[str, Any], channel: protocol.Channel, framework: Framework) -> None:
        self._weights = request["weights"]
        self._channel = channel
        self._framework = framework
        self._began_at = protocol.now()
        self._numbers = itertools.count(1)
        self._fits = 0
        self.epochs = 0
        self.parameters: Optional[int] = None

    def fit(self, model: Any, method: Callable[..., Any], arguments: Dict[str, Any]) -> Any:
        """Call a method that trains, and report its epochs."""
        planned = self.epochs + arguments.get("epochs", 1) - arguments.get("initial_epoch", 0)
        if not self._fits:
            self._prepare(model, planned)
        reporter = EpochReporter(self._channel, self._framework, numbers=self._numbers)
        reporter.more = {"fit": self._fits, "epochs": planned, "examples": examples_in(arguments)}
        self._fits += 1
        callbacks = reporter.around(_listed(arguments.get("callbacks")))
        reporter.start()
        try:
            return method(model, **dict(arguments, callbacks=callbacks))
        finally:
            self.epochs += reporter.epochs
            self.parameters = _parameters(model)

    def _prepare(self, model: Any, epochs: int) -> None:
        """Give the first model its shared weights, if any, say what is in force, and wait for the driver."""
        if self._weights:
            weights.load(_built(model), self._weights)
        self._channel.send(
            protocol.BUILT,
            before_fit_seconds=protocol.now() - self._began_at,
            in_force=self._framework.in_force(model),
            epochs=epochs,
        )
        self._channel.await_go()


def run(script: Dict[str, Any], framework: Framework, fit: Fit) -> None:
    """Run a script as `python SCRIPT ARGUMENTS` would, from the folder that the user's command started in.

    Args:
        script: its `path`, its command line `args`, and the `folder`.
        framework: the backend's, whose settings replace arguments of `Model.compile`.
        fit: called instead of each call of `Model.fit` from outside Keras.

    Raises:
        OwnCodeFailed: the script raised an error or exited with another status than 0.
    """
    _share_downloads(os.environ.get("KERAS_HOME"), os.path.expanduser("~/.keras"))
    keras2_names.accept_todays()
    os.chdir(script["folder"])
    sys.path[0] = os.path.dirname(script["path"])
    sys.argv[:] = [script["path"], *shlex.split(script["args"])]
    try:
        with open(os.devnull) as sys.stdin, _replaced(framework.compile_arguments(), fit):  # not the driver's pipe
            runpy.run_path(script["path"], run_name="__main__")
    except SystemExit as ended:
        if ended.code not in (None, 0):
            raise OwnCodeFailed(located(script["path"], ended, "sys.exit({!r})".format(ended.code))) from ended
    except Exception as error:
        raise OwnCodeFailed(located(script["path"], error, one_line(error))) from error


def _share_downloads(home: Optional[str], users: str) -> None:
    """Let Keras find the data sets and weights that the user has downloaded, not the user's keras.json."""
    for name in ("datasets", "models"):
        there = os.path.join(users, name)
        if home and os.path.isdir(there) and not os.path.lexists(os.path.join(home, name)):
            os.makedirs(home, exist_ok=True)
            with contextlib.suppress(FileExistsError):  # another worker was faster
                os.symlink(there, os.path.join(home, name))


@contextlib.contextmanager
def _replaced(compile_arguments: Dict[str, Any], fit: Fit) -> Iterator[None]:
    """Replace the methods of `Model` that compile and train; subclasses inherit them."""
    originals = {name: getattr(Model, name) for name in ("compile", *_TRAINING) if hasattr(Model, name)}
    for name in _TRAINING:
        if name in originals:
            setattr(Model, name, _training(originals[name], fit))

    def compiled(model: Any, *arguments: Any, **more: Any) -> Any:
        return originals["compile"](model, *arguments, **dict(more, **compile_arguments))

    if compile_arguments:
        Model.compile = compiled
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(Model, name, original)


def _training(original: Callable[..., Any], fit: Fit) -> Callable[..., Any]:
    """Return what replaces a method that trains. Keras' own calls, such as of `fit_generator` in `fit`, pass."""
    names = list(inspect.signature(original).parameters)[1:]

    def replaced(model: Any, *given: Any, **more: Any) -> Any:
        arguments = dict(zip(names, given), **more)
        if any(isinstance(one, EpochReporter) for one in _listed(arguments.get("callbacks"))):
            return original(model, **arguments)
        return fit(model, original, arguments)

    return replaced


def _listed(callbacks: Any) -> Any:
    """Return the callbacks that `fit` was given, as a list. Keras 3 takes its own container of them, too."""
    if callbacks is None:
        return []
    callbacks = getattr(callbacks, "callbacks", callbacks)
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def examples_in(arguments: Dict[str, Any]) -> Optional[int]:
    """Return how many examples an epoch of `fit` has; None if its arguments do not say: a generator, a stream."""
    if arguments.get("steps_per_epoch") is not None:
        return None
    x = arguments.get("x")
    while isinstance(x, (list, tuple, dict)) and len(x):
        x = next(iter(x.values())) if isinstance(x, dict) else x[0]
    try:
        count = int(x.shape[0])  # type: ignore[union-attr]
    except (AttributeError, IndexError, TypeError, ValueError):
        return None
    return int(count * (1.0 - (arguments.get("validation_split") or 0.0)))  # rounded as Keras does


def _parameters(model: Any) -> Optional[int]:
    try:
        return int(model.count_params())
    except Exception:  # a model of the user's own class may have anything
        return None


def _built(model: Any) -> Any:
    """Return a model that has its weights.

    Raises:
        ValueError: it gets them only from its first batch.
    """
    if not model.built:
        raise ValueError("at its first `fit`, the model has no weights yet: give it an Input, or trainer.init=native")
    return model


def _name(script: Dict[str, Any]) -> str:
    return str(os.path.basename(script["path"]))
