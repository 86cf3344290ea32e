"""Reads the parameters of a function from its source, so that the driver need not import Keras."""

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasbench.paths import PROJECT
from kerasbench.terminal.errors import UserError

_TYPES: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function.

    Attributes:
        required: it has no default.
        types: the types that its annotation allows; empty if there is no annotation, or none that is supported here.
        choices: the values of its annotation `Literal[...]`.
    """

    required: bool
    types: tuple[type, ...] = ()
    choices: tuple[Any, ...] = ()

    def refuses(self, value: Any) -> str | None:
        """Return what a value should be; None if it is valid."""
        if self.choices and value not in self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        fits = isinstance(value, self.types) and (not isinstance(value, bool) or bool in self.types)
        return None if fits or not self.types else f"of type {self.types[-1].__name__}"


def module_file(module: str) -> Path | None:
    """Return the file of a module of the project, by its dotted name; None if there is none."""
    if not all(part.isidentifier() for part in module.split(".")):
        return None
    path = PROJECT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if is_file(file)), None)


def is_file(path: Path) -> bool:
    """Return whether the file exists; False for a path that the system rejects (a name of 300 characters)."""
    try:
        return path.is_file()
    except OSError:
        return False


def parameters(file: Path, function: str, named: str, offered: Collection[str] = ()) -> dict[str, Parameter] | None:
    """Return the parameters of a top-level function that a user may set; None if it accepts any.

    Args:
        file: a Python file.
        function: the function's name.
        named: the file's name in error messages: the setting and its value.
        offered: the names of parameters that the caller supplies.

    Raises:
        UserError: the file is not valid Python, or has no such function.
    """
    try:
        body = ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError, OSError) as error:
        raise UserError(f"{named}: {file} is not a Python file: {error}") from error
    for statement in reversed(body):  # the last definition counts
        if isinstance(statement, ast.FunctionDef) and statement.name == function:
            return None if statement.decorator_list or statement.args.kwarg else _of(statement.args, offered)
        if isinstance(statement, ast.ClassDef) and statement.name == function:
            return None  # a subclass of keras.Model
        if function in _bound(statement):
            return None
    raise UserError(f"{named}: {file} has no function `{function}`")


def check(values: Mapping[str, Any], takes: Mapping[str, Parameter], key: str, owner: str) -> None:
    """Raise UserError if a function does not accept these values.

    Args:
        values: by parameter.
        takes: as `parameters` returns it.
        key: the dotted key that holds the values.
        owner: the function's name in error messages.
    """
    for name, value in values.items():
        if name not in takes:
            raise UserError(f"{key}.{name}: {owner} takes no {name}; it takes {', '.join(takes) or 'no options'}")
        wanted = takes[name].refuses(value)
        if wanted:
            raise UserError(f"{key}.{name}={str(value)[:40]} must be {wanted}")
    missing = [name for name, parameter in takes.items() if parameter.required and name not in values]
    if missing:
        raise UserError(f"{key}.{missing[0]} is missing: {owner} needs it. Add +{key}.{missing[0]}=VALUE")


def _of(arguments: ast.arguments, offered: Collection[str]) -> dict[str, Parameter]:
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    required = [number < first_default for number in range(len(positional))]
    found = list(zip(positional, required, strict=True))
    found += [(one, default is None) for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return {one.arg: _parameter(one.annotation, needed) for one, needed in found if one.arg not in offered}


def _parameter(annotation: ast.expr | None, required: bool) -> Parameter:
    if isinstance(annotation, ast.Name):
        return Parameter(required, types=_TYPES.get(annotation.id, ()))
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).rpartition(".")[2] == "Literal":
        choices = ast.literal_eval(annotation.slice)
        return Parameter(required, choices=choices if isinstance(choices, tuple) else (choices,))
    return Parameter(required)


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names that an import or an assignment binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name for alias in statement.names}
    if isinstance(statement, ast.Assign):
        return {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return set()
