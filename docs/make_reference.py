"""Generates docs/reference.md: `make docs`.

The sources are the schema's dataclasses (types, defaults), the comments in conf/, in the schema and in the vocabulary
(meanings), the commands' argparse parsers, the Makefile, and docs/reference.yaml for the rest. tests/test_docs.py fails
where the page is not what this module makes, or where a meaning is missing.
"""

import argparse
import dataclasses
import importlib
import inspect
import re
import types
import typing
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, NamedTuple, NoReturn
from unittest.mock import patch

from omegaconf import MISSING, OmegaConf

from kerasbench.__main__ import COMMANDS
from kerasbench.config.schema import Config
from kerasbench.paths import CONF, PROJECT
from kerasbench.vocabulary import Metric, Tag

PAGE = PROJECT / "docs" / "reference.md"
WRITTEN: Any = OmegaConf.to_container(OmegaConf.load(PAGE.with_suffix(".yaml")))

Rows = Iterable[tuple[str, ...]]


class Key(NamedTuple):
    """A row of a table of the configuration."""

    name: str
    type: str
    default: str
    meaning: str


class _Found(Exception):
    """Carries a parser out of the `main` that made it."""


def comments(source: str) -> dict[str, str]:
    """Return the comments above and beside each key of YAML, or each attribute of a class, by its dotted path."""
    found: dict[str, str] = {}
    above: list[str] = []
    parents: list[tuple[int, str]] = []
    for line in source.splitlines():
        if line.strip().startswith("#"):
            above.append(line.strip("# "))
            continue
        if match := re.match(r"( *)(\w+)(?::| =).*?(?:\s+# (.*))?$", line):
            parents = [parent for parent in parents if parent[0] < len(match[1])] + [(len(match[1]), match[2])]
            found[".".join(name for _, name in parents)] = " ".join([*above, match[3] or ""]).strip()
        above = []
    return found


def attributes(cls: type) -> dict[str, str]:
    """Return the comments of a class' attributes, inherited ones included."""
    sources = [inspect.getsource(base) for base in reversed(cls.__mro__) if base is not object]
    return {name: meaning for source in sources for name, meaning in comments(source).items()}


def sections() -> Iterator[tuple[str, str, list[Key]]]:
    """Yield each section of the configuration: its dotted name, its meaning and its keys.

    A default is what conf/config.yaml says, not resolved, so that it is the same on every machine; else the schema's.
    """
    file = CONF / "config.yaml"
    yield from _sections(Config, "", comments(file.read_text()), OmegaConf.to_container(OmegaConf.load(file)))


def _sections(cls: Any, name: str, shown: dict[str, str], defaults: Any) -> Iterator[tuple[str, str, list[Key]]]:
    own, hints, keys, nested = attributes(cls), typing.get_type_hints(cls), list[Key](), list[tuple[Any, str, Any]]()
    for field in dataclasses.fields(cls):
        hint, path = hints[field.name], f"{name}.{field.name}".lstrip(".")
        if dataclasses.is_dataclass(hint) and not own.get(field.name):
            nested.append((hint, path, defaults.get(field.name, {})))
        else:
            schema = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
            default = _default(defaults.get(field.name, schema))
            keys.append(Key(path, _type(hint), default, shown.get(path) or own.get(field.name, "")))
    yield name, shown.get(name) or (cls.__doc__ or "").partition("\n")[0], keys
    for below, path, of in nested:
        yield from _sections(below, path, shown, of)


def _default(value: Any) -> str:
    if value == MISSING:
        return "set by each choice"
    if value is None or isinstance(value, bool):
        return "`null`" if value is None else f"`{str(value).lower()}`"
    return "`{}`" if dataclasses.is_dataclass(value) else f"`{getattr(value, 'name', value)}`"


def _type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join("null" if one is type(None) else _type(one) for one in arguments)
    if origin is list:
        return "list of mappings" if arguments[0] is Any else f"list of {_type(arguments[0])}"
    if origin is dict or dataclasses.is_dataclass(hint):
        return "mapping"
    if issubclass(hint, Enum):
        return " | ".join(f"`{one.name}`" for one in hint)
    return {int: "integer", float: "number", str: "text", bool: "true or false"}[hint]


def parser(module: str) -> argparse.ArgumentParser:
    """Return the parser that a module's `main` makes."""

    def found(self: argparse.ArgumentParser, *arguments: Any) -> NoReturn:
        raise _Found(self)

    with patch.object(argparse.ArgumentParser, "parse_args", found):
        try:
            importlib.import_module(module).main([])
        except _Found as carrier:
            return typing.cast(argparse.ArgumentParser, carrier.args[0])
    raise AssertionError(f"{module}.main parses no command line")


def options(of: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Yield a parser's arguments and options, those of its subcommands included, as (usage, meaning)."""
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action._choices_actions:
                yield sub.dest, sub.help or ""
                yield from ((f"{sub.dest} {usage}", text) for usage, text in options(action.choices[sub.dest]))
        elif not isinstance(action, argparse._HelpAction):
            value = "|".join(map(str, action.choices or [])) or str(action.metavar or action.dest.upper())
            more = " ..." if action.nargs in ("*", "+") else ""
            yield " ".join([*action.option_strings, *([value] if action.nargs != 0 else [])]) + more, action.help or ""


def arguments(command: str) -> dict[str, str]:
    """Return a command's arguments and options with their meanings; of `train`, Hydra's, those that a user needs."""
    return WRITTEN["train"] if command == "train" else dict(options(parser(COMMANDS[command][0])))


def targets() -> dict[str, str]:
    """Return the Makefile's documented targets."""
    return dict(re.findall(r"^([a-z-]+):.*## (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE))


def choices() -> dict[str, str]:
    """Return every file of conf/ that can be chosen, and its first paragraph of comment."""
    heads = {
        f"{file.parent.relative_to(CONF)}={file.stem}": re.match(r"(?:# @.*\n)?((?:# (?! ).*\n)*)", file.read_text())
        for file in sorted(CONF.glob("**/*.yaml"))
        if file.parent != CONF
    }
    return {choice: " ".join(re.findall("# (.*)", head[1] if head else "")) for choice, head in heads.items()}


def named(vocabulary: type) -> dict[str, str]:
    """Return the names in a class of the vocabulary, prefixes left out, and their meanings."""
    names = {getattr(vocabulary, constant, None): meaning for constant, meaning in attributes(vocabulary).items()}
    return {name: meaning for name, meaning in names.items() if isinstance(name, str) and not name.endswith(".")}


def metrics() -> Iterator[tuple[str, str, str]]:
    """Yield (name, what it is a figure of, meaning) of every metric."""
    of_epoch = (*Metric.OF_EPOCH, *Metric.OF_EPOCH_ON_GPU)
    yield from ((name, "epoch" if name in of_epoch else "run", text) for name, text in named(Metric).items())
    for per in ("epoch", "step", "run"):
        yield from ((name, per, text) for name, text in WRITTEN[f"metrics_per_{per}"].items())


def tags() -> dict[str, str]:
    """Return every tag and its meaning."""
    return dict(sorted((named(Tag) | WRITTEN["tags"]).items()))


def _table(head: str, rows: Rows) -> str:
    """Return a Markdown table; the first column is code."""
    titles = head.split(", ")
    cells = [titles, ["---"] * len(titles), *([f"`{first}`", *others] for first, *others in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells) + "\n"


def render() -> str:
    """Return the page."""
    parts = ["# Reference\n", "Generated by `make docs` from the code and its comments. Change those, not this page.\n"]
    parts += [
        "## Commands\n",
        _table("command, purpose", ((f"kerasbench {k}", text) for k, (_, text) in COMMANDS.items())),
    ]
    parts += [
        "In a checkout, the command is `.venv/bin/kerasbench`, and `python train.py` equals `kerasbench train`.\n"
    ]
    for name in COMMANDS:
        parts += [f"### kerasbench {name}\n", _table("argument, meaning", arguments(name).items())]
    parts += ["### make\n", 'In a checkout; `ARGS="..."` passes arguments on.\n']
    parts += [_table("target, purpose", ((f"make {name}", text) for name, text in targets().items()))]
    parts += ["### Exit statuses\n", _table("status, meaning", WRITTEN["statuses"].items())]
    parts += ["### Environment variables\n", _table("variable, meaning", WRITTEN["variables"].items())]
    parts += ["## Choices\n", _table("choice, what it is", choices().items())]
    parts += ["## Configuration\n", "`${...}` refers to another key, to a variable or to a folder.\n"]
    for name, meaning, keys in sections():
        parts += [f"### {name}\n\n{meaning[:1].upper()}{meaning[1:].rstrip('.')}.\n"] if name else []
        parts += [_table("key, type, default, meaning", keys)]
    parts += ["## Metrics\n", "A metric of an epoch has the epoch, counted from 1, as its step.\n"]
    parts += [_table("metric, per, meaning", metrics()), "## Tags\n", _table("tag, meaning", tags().items())]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render())
