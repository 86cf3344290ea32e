"""The configuration of a user's own training script (`script=my_train.py`), with a model and data of its own."""

import ast
import shlex
from pathlib import Path

from kerasbench.config.own_choices import digest_of, name_of
from kerasbench.config.schema import Config, DataConfig, ModelConfig, Task
from kerasbench.paths import absolute
from kerasbench.terminal.errors import UserError

DATA = "of-the-script"  # the name of its data set


def take(config: Config) -> None:
    """Replace the model and the data by the script's, if there is one.

    Raises:
        UserError: the script or its command line cannot be used.
    """
    if not config.script:
        if config.args:
            raise UserError(f"args={config.args} is a script's command line: name the script with script=FILE.py")
        return
    if config.task is Task.parity:
        raise UserError(f"task=parity compares models, and script={config.script} is none: name one with model=")
    path = Path(absolute(config.script))
    digest = digest_of(_python(config.script, path))
    try:
        shlex.split(config.args)
    except ValueError as error:
        raise UserError(f"args={config.args} cannot be split into arguments: {error}") from error
    config.script = str(path)
    config.model = ModelConfig(
        name=model_name(config.script), module=path.stem, digest=digest, own=True, batch_size=0, epochs=0
    )
    config.data = DataConfig(name=DATA, scale="none", test_fraction=0.0, cache=config.data.cache)


def model_name(script: str) -> str:
    """Return what the model of a script is called in tables and tags."""
    return name_of(Path(script).stem)


def _python(named: str, path: Path) -> bytes:
    """Return the content of a Python file.

    Raises:
        UserError: it is none.
    """
    if not path.exists():
        raise UserError(f"script={named}: there is no file {path}")
    if not path.is_file():
        raise UserError(f"script={named} is not a file: name the Python file that trains")
    try:
        content = path.read_bytes()
        ast.parse(content, str(path))
    except OSError as error:
        raise UserError(f"script={named} cannot be read: {error.strerror}") from error
    except SyntaxError as error:
        raise UserError(f"script={named} is no Python 3: line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"script={named} is no Python 3: {error}") from error
    return content
