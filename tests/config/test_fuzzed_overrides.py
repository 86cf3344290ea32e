"""Any override of any key is applied or refused: never ignored, never an undocumented error.

`KERASBENCH_EXAMPLES=10000` tries that many, and `KERASBENCH_SEED=2` others. The default is few, because
composing a configuration is slow.
"""

import functools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, get_args, get_type_hints

import hydra
import pytest
from hydra.errors import HydraException
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from omegaconf.errors import OmegaConfBaseException

from kerasbench.config import checks, composition
from kerasbench.config.schema import Config
from kerasbench.terminal.errors import UserError, one_line
from tests.examples import examples

FREE = ("model.build", "model.optimizer", "model.schedule", "data.options", "backend.variables",
        "backend.tuned.variables")  # fmt: skip
# A choice that lets the settings of a section have an effect.
BESIDE = {
    "parity": "task=parity",
    "backend.tuned": "settings.variant=tuned",
    "settings.image_layout": "model=mnist_cnn",
}


def _leaves(kind: Any, prefix: str = "") -> dict[str, Any]:
    """Return the type of every setting by its dotted key."""
    found: dict[str, Any] = {}
    hints = get_type_hints(kind)
    for field in fields(kind):
        key, hint = f"{prefix}{field.name}", hints[field.name]
        found |= _leaves(hint, f"{key}.") if is_dataclass(hint) else {key: hint}
    return found


LEAVES = _leaves(Config)
SECTIONS = sorted({key.rpartition(".")[0] for key in LEAVES if "." in key})


def _number(hint: Any) -> bool:
    return bool({int, float} & {hint, *get_args(hint)}) and hint not in (bool, dict[str, Any])


def test_every_number_of_the_schema_has_a_range() -> None:
    assert {key for key, hint in LEAVES.items() if _number(hint)} == set(checks.RANGES)


@dataclass(frozen=True)
class _Raw:
    """A value in Hydra's grammar, which Hydra itself interprets."""

    text: str


_text = st.text(st.characters(exclude_categories=[], exclude_characters="'\\$"), max_size=20)
_values = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, -(2**63), 10**20, 10**400]),
    st.floats(),
    st.sampled_from([0.0, -0.0, 1e-12, 1e20, math.inf, -math.inf, math.nan]),
    st.booleans(),
    st.none(),
    _text,
    st.sampled_from(["x" * 201, "x" * 10_000, "train", "tuned", "float32", "real", "models.mnist_cnn", "jax", "Adam"]),
    st.sampled_from(
        ["[]", "[a,1,null]", "{}", "{a:1}", "{a:{b:[1]}}", "???", "", "a,b", "range(0,10)", "range(0,1e9)",
         "${seed}", "${parity}", "${model.build}",
         "${nosuch}", "${oc.env:NOSUCH}", "${label}", "1_000", "1e3", "007", "3.10", "0x10", "[" * 200,
         "[{class_name: EarlyStopping}]", "[{class_name: EarlyStopping, monitor: x}]", "{class_name: Adam}",
         "{class_name: ExponentialDecay, decay_steps: 10, decay_rate: 0.9}", "{class_name: SGD, momentum: 2}",
         "[pillow]", "[--index-url=x]", "train.py",
         "glob(*)", "choice(1,2)", "interval(0,1)", "shuffle(1,2)", "int(3.5)", "str(3)", "float(nan)", "~", "🙂"]
    ).map(_Raw),
)  # fmt: skip
_word = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
_known = st.sampled_from([*LEAVES, *SECTIONS, *FREE])
_unknown = st.one_of(
    _word,
    st.builds("{}.{}".format, st.sampled_from([*SECTIONS, *FREE]), _word),
    st.builds("{}{}".format, _known, st.sampled_from(["s", "_", ".x", ".", "@x", "/x", " "])),
    st.text(max_size=5),
)
_of_optimizer = st.builds(
    "{}.{}".format, st.sampled_from(["model.optimizer", "model.schedule"]),
    st.sampled_from(["class_name", "learning_rate", "rho", "epsilon", "decay", "clipnorm", "beta_1", "decay_steps"]),
)  # fmt: skip
_overrides = st.tuples(
    st.sampled_from(["", "", "+", "++", "~"]),
    st.one_of(_known, st.sampled_from(list(LEAVES)), _of_optimizer, _unknown),
    _values,
)


def _written(value: Any) -> str:
    if isinstance(value, _Raw):
        return value.text
    if isinstance(value, str):
        return f"'{value}'"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _held(config: Config, key: str) -> Any:
    return functools.reduce(lambda node, name: node[name] if isinstance(node, dict) else getattr(node, name),
                            key.split("."), config)  # fmt: skip


def _same(asked: Any, held: Any, key: str) -> bool:
    if isinstance(held, Enum):
        return bool(asked == held.name)
    if key in PATHS and asked not in (None, ""):
        return bool(composition._absolute(key, str(asked)) == held)
    if isinstance(asked, str) and isinstance(held, bool):  # OmegaConf reads YAML's words
        return asked.lower() in (("1", "true", "yes", "on", "y") if held else ("0", "false", "no", "off", "n"))
    if isinstance(asked, str) and isinstance(held, int | float):
        return bool(type(held)(asked) == held)
    if isinstance(held, str):
        return held == str(asked) or (isinstance(asked, float) and float(held) == asked)
    return bool(asked == held) or (key == "data.root" and not asked and held is None)


@pytest.fixture
def composed_by_hydra() -> Iterator[None]:
    """Compose as the product does: tests.compositions chooses config groups first, and these overrides may do both."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(composition, "hydra_compose", hydra.compose)
        yield


PATHS = (
    "data.root", "data.cache", "environments.folder", "environments.requirements", "launcher.locks",
    "tracking.artifacts", "script",
)  # fmt: skip


@seed(int(os.environ.get("KERASBENCH_SEED", "1")))
@settings(
    max_examples=examples(30), deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(_overrides)
def test_an_override_is_obeyed_or_refused(composed_by_hydra: None, override: tuple[str, str, Any]) -> None:
    prefix, key, value = override
    line = f"{prefix}{key}={_written(value)}"
    try:
        config = composition.compose([*(choice for of, choice in BESIDE.items() if key.startswith(of)), line])
    except (UserError, HydraException, OmegaConfBaseException) as error:
        assert len(one_line(error).splitlines()) == 1
        return
    free = key.startswith(tuple(f"{one}." for one in FREE)) or key in FREE
    if prefix == "~" or isinstance(value, _Raw) or line != line.strip():
        assert free or key in LEAVES or key in SECTIONS or key.strip() in ("experiment",) or "hydra" in key, line
    elif free:
        assert key in FREE or _same(value, _held(config, key), key), line
    else:
        assert key in LEAVES, f"{line} is accepted, and there is no such setting"
        assert _same(value, _held(config, key), key), line


@pytest.mark.parametrize("section", ["", *(f"{section}." for section in SECTIONS)])
@pytest.mark.parametrize("prefix", ["+", "++"])
def test_a_key_that_the_schema_does_not_have_is_refused_by_name(prefix: str, section: str) -> None:
    if section[:-1].startswith(FREE):
        return
    with pytest.raises(UserError, match=rf"no setting {section}nosuch"):
        composition.compose([f"{prefix}{section}nosuch=1"])
