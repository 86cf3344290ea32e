"""The Markdown notes that MLflow's UI shows above an experiment and a run, and the colour of a run's lines."""

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kerasbench.config.colours import colour, shade
from kerasbench.config.schema import Config
from kerasbench.machine import provenance
from kerasbench.vocabulary import Tag

if TYPE_CHECKING:
    from kerasbench.data import PreparedData
    from kerasbench.environments import Environment

NOTE, COLOUR = "mlflow.note.content", "mlflow.runColor"

OF_EXPERIMENT = textwrap.dedent("""\
    Which Keras backend trains fastest, and does it learn as well as the others? Choose a sweep under *Views*.

    - `epoch_seconds`: seconds of training in an epoch, without validation
    - `steady_epoch_seconds`: the median of the epochs after the first
    - tag `kind`: `report` marks the runs that hold the page `report.html`, `reference` the figures published in 2017
    - compare only runs with equal `model`, `data.digest`, `hardware.fingerprint` and `comparison.hash`
""")

_ENTITIES = {"&": "&amp;", "<": "&lt;"}  # MLflow's renderer does not support a backslash before these
_MARKUP = re.compile(r"[\\`*\[\]|~#&<]|(?<!\w)_|_(?!\w)")


def escaped(text: str) -> str:
    """Return a text on one line, escaped so that Markdown shows it literally, in tables, too."""
    return _MARKUP.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), re.sub(r"\s+", " ", text))


def prose(text: str) -> str:
    """Return a sentence of ours as Markdown: parts between backticks stay code, the rest is escaped."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if number % 2 else escaped(part) for number, part in enumerate(parts))


def code(text: str) -> str:
    """Return a text as Markdown's inline code; its own backticks need a longer fence."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    padding = " " if "`" in text else ""
    return f"{fence}{padding}{text.replace(chr(10), ' ')}{padding}{fence}"


def of_run(config: Config, environment: "Environment", data: "PreparedData | None", variant: str) -> dict[str, str]:
    """Return the tags that describe a run to its reader.

    Args:
        config: the run's configuration.
        environment: its backend's environment.
        data: its data set; None: a script has its own.
        variant: what its sweep varied besides the backend; empty if nothing.
    """
    backend, proof, trainer = config.backend, environment.proof, config.trainer
    versions = escaped(f"{backend.framework} {proof['backend_version']} under Keras {proof['keras_version']}")
    what = "is compared with the reference" if config.task.value == "parity" else "trains"
    source = provenance.tags(config.sweep.command)
    commit = source.get(Tag.GIT_COMMIT, "")[:9]
    dirty = ", with uncommitted changes" if source.get(Tag.GIT_DIRTY) == "true" else ""
    how = f"{trainer.epochs} epochs, batch size {trainer.batch_size}, seed {config.seed}"
    trained = f"{code(config.model.name)} on {escaped(data.name)}, {how}" if data else _script(config)
    note = f"**{escaped(backend.name)}** ({versions}) {what}: {trained}."
    note += f"\n\nTo repeat this run: {code(source[Tag.COMMAND])}" + (f" (commit {commit}{dirty})" if commit else "")
    return {NOTE: note, COLOUR: shade(backend.colour or colour(backend.name), variant)}


def of_own_process(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that describe a run of a user's own process to its reader; `tags` are its others."""
    backend = tags[Tag.BACKEND]
    versions = escaped(f"{tags[Tag.BACKEND_VERSION]} under Keras {tags[Tag.KERAS_VERSION]}")
    note = f"**{escaped(backend)}** ({versions}) trained {code(tags[Tag.MODEL])} on {escaped(tags[Tag.DATA_NAME])}, "
    note += "in a process of its user's, logged by `kerasbench.MlflowCallback`."
    return {NOTE: note, COLOUR: colour(backend, tags.get(Tag.VARIANT, ""))}


def _script(config: Config) -> str:
    command = " ".join(filter(None, [Path(str(config.script)).name, config.args]))
    return f"the script {code(command)}, seed {config.seed}"
