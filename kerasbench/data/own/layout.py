"""Sorts a user's arrays into inputs, targets and weights of a training and a test part."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kerasbench.data.own.source import Array
from kerasbench.terminal.errors import UserError

_NAME = re.compile(r"(x|y|sample_weight)(_train|_test)?(?:_(0|[1-9]\d{0,2}))?", re.ASCII)
READ = (
    "x_train, y_train, x_test, y_test or x, y; several as x_train_0, x_train_1; sample_weight_train, sample_weight_test"
)


@dataclass(frozen=True)
class Part:
    """The arrays of one part, of equal length.

    Attributes:
        inputs, targets: by name without the part: "x", or "x_0", "x_1".
        weights: a weight for each example; None if all count alike.
    """

    inputs: dict[str, Array]
    targets: dict[str, Array]
    weights: Array | None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))


def parts(arrays: Mapping[str, Array], where: str) -> tuple[Part, Part | None]:
    """Return the training part and the test part; None if the examples are not divided yet.

    Args:
        arrays: by name.
        where: their source in error messages.

    Raises:
        UserError: nothing reads an array, one is missing, or two do not fit together.
    """
    found: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        match = _NAME.fullmatch(name)
        if not match or (match[1] == "sample_weight" and match[3]):
            raise UserError(f"{where} holds {name[:100]}, which nothing reads; it may hold {READ}")
        kind, part, number = match.groups()
        found.setdefault(part or "", {})[kind if number is None else f"{kind}_{number}"] = array
    train = _training(found, where)
    test = found.get("_test")
    for part, of in found.items():
        _check_names(of, part, where)
    one, other = _part(found[train]), None if test is None else _part(test)
    if other is not None:
        _check_alike(one, other)
    return one, other


def _training(found: dict[str, dict[str, Array]], where: str) -> str:
    """Return the suffix of the training part's names."""
    if "_train" in found and "" in found:
        rest = sorted(found[""])
        if rest != ["sample_weight"] or "sample_weight" in found["_train"]:
            raise UserError(
                f"{where} holds {rest[0]} beside {next(iter(found['_train']))}_train: use one form of names"
            )
        found["_train"] |= found.pop("")  # they belong to the training examples
    if "_train" not in found and "_test" in found:
        raise UserError(f"{where} holds a test part, but no x_train")
    if not found:
        raise UserError(f"{where} holds no arrays; it may hold {READ}")
    return "_train" if "_train" in found else ""


def _check_names(found: Mapping[str, Array], part: str, where: str) -> None:
    """Check that there are inputs and targets, either single ones or numbered from 0."""
    for kind in ("x", "y"):
        there = [name for name in found if name.partition("_")[0] == kind]
        if not there:
            raise UserError(f"{where} holds no {kind}{part}; it may hold {READ}")
        missing = [f"{kind}_{number}" for number in range(len(there)) if f"{kind}_{number}" not in found]
        if there != [kind] and missing:
            number = missing[0].partition("_")[2]
            raise UserError(f"{where} holds {len(there)} arrays {kind}{part}, but no {kind}{part}_{number}")


def _part(found: Mapping[str, Array]) -> Part:
    names = sorted(found, key=lambda name: (len(name), name))
    inputs, targets = ({name: found[name] for name in names if name[0] == kind} for kind in "xy")
    part = Part(inputs, targets, found.get("sample_weight"))
    first = next(iter(inputs.values()))
    for array in found.values():
        if len(array) != len(first):
            raise UserError(f"{array.where} has {len(array)} rows, but {first.name} has {len(first)}")
    if part.weights and (part.weights.width != 1 or part.weights.dtype.kind not in "biuf"):
        raise UserError(f"{part.weights.where} must hold one number for each example")
    return part


def _check_alike(train: Part, test: Part) -> None:
    """Check that the parts have the same arrays, whose rows have the same shapes and kinds."""
    for mine, other in ((train.inputs, test.inputs), (train.targets, test.targets)):
        if mine.keys() != other.keys():
            one, two = _listed(list(mine.values())), _listed(list(other.values()))
            raise UserError(f"the training part holds {one}, but the test part holds {two}")
        for name, array in mine.items():
            tested = other[name]
            if array.shape[1:] != tested.shape[1:]:
                raise UserError(
                    f"{tested.where} has rows of shape {tested.shape[1:]}, but {array.name} has {array.shape[1:]}"
                )
            if (array.dtype.kind, array.dtype == "u1") != (tested.dtype.kind, tested.dtype == "u1"):
                raise UserError(f"{tested.where} is of type {tested.dtype}, but {array.name} of {array.dtype}")


def _listed(arrays: Sequence[Array]) -> str:
    return ", ".join(array.name for array in arrays)
