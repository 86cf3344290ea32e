"""Finds and calls the function that builds a model: the project's, or a user's own in any folder."""

import importlib
import importlib.util
import inspect
import os
import sys
from typing import Any, Dict

from kerasbench.worker import keras2_names
from kerasbench.worker.error_line import OwnCodeFailed, located, one_line


def construct(spec: Dict[str, Any], offered: Dict[str, Any]) -> Any:
    """Return the model that a request's `model` describes.

    Args:
        spec: `module`, `function`, `file` (of a user's own model), `folder` (where the user's command started), and
            `build`, the arguments that the user gives.
        offered: arguments that the function gets if it has parameters of these names.

    Raises:
        ValueError: the function asks for `classes`, but the data have none, or it returns no Keras model.
        OwnCodeFailed: the user's own file raised an error.
    """
    if spec["own"]:
        keras2_names.accept_todays()
    function = getattr(_called(_module, {"spec": spec}, spec), spec["function"])
    arguments = dict(spec["build"])
    for name in inspect.signature(function).parameters:
        if name in offered and name not in arguments:
            if offered[name] is None:
                raise ValueError(
                    "{} asks for `{}`, but the data are a regression: ask for `outputs`".format(spec["function"], name)
                )
            arguments[name] = offered[name]
    model = _called(function, arguments, spec)
    if not hasattr(model, "fit") or not hasattr(model, "layers"):
        raise ValueError("{} returned {}, which is no Keras model".format(spec["function"], type(model).__name__))
    return model


def _called(function: Any, arguments: Dict[str, Any], spec: Dict[str, Any]) -> Any:
    """Call a function; an error in a user's own file is told with its place there."""
    try:
        return function(**arguments)
    except Exception as error:
        if not spec["own"] or not spec["file"]:
            raise
        raise OwnCodeFailed(located(spec["file"], error, one_line(error))) from error


def _module(spec: Dict[str, Any]) -> Any:
    if not spec.get("own"):
        return importlib.import_module(spec["module"])
    sys.path.insert(0, spec["folder"])
    if not spec["file"] or not spec["file"].endswith(spec["module"] + ".py"):
        return importlib.import_module(spec["module"])  # in a package, which may import its own modules
    sys.path.insert(0, os.path.dirname(spec["file"]))
    found = importlib.util.spec_from_file_location(spec["module"], spec["file"])
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[spec["module"]] = module
    found.loader.exec_module(module)
    return module
