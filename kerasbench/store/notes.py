"""What MLflow's UI shows above an experiment and a run, in Markdown, and the colour of a run's lines."""

import textwrap
from typing import TYPE_CHECKING

from kerasbench.config.colours import colour
from kerasbench.config.schema import Config
from kerasbench.machine import provenance
from kerasbench.vocabulary import Tag

if TYPE_CHECKING:
    from kerasbench.data import PreparedData
    from kerasbench.environments import Environment

NOTE, COLOUR = "mlflow.note.content", "mlflow.runColor"

OF_EXPERIMENT = textwrap.dedent("""\
    Which Keras backend trains fastest, and does it learn as well? Choose a sweep under *Views*.

    - `epoch_seconds`: training only, validation excluded
    - `steady_epoch_seconds`: the median of the epochs after the first
    - tag `kind`: `report` holds the page `report.html`, `reference` are the figures published in 2017
    - only runs with equal `model`, `data.digest`, `hardware.fingerprint` and `comparison.hash` may be ranked
""")


def of_run(config: Config, environment: "Environment", data: "PreparedData") -> dict[str, str]:
    """Return the tags that describe a run to its reader."""
    proof, trainer = environment.proof, config.trainer
    versions = f"{config.backend.framework} {proof['backend_version']} under Keras {proof['keras_version']}"
    what = "is compared with the reference" if config.task.value == "parity" else "trains"
    source = provenance.tags()
    commit = source.get(Tag.GIT_COMMIT, "")[:9]
    dirty = ", with changes" if source.get(Tag.GIT_DIRTY) == "true" else ""
    how = f"{trainer.epochs} epochs, batch {trainer.batch_size}, seed {config.seed}"
    note = f"**{config.backend.name}** ({versions}) {what}: `{config.model.name}` on {data.name}, {how}.\n\n"
    note += f"To repeat: `{source[Tag.COMMAND]}`"
    return {
        NOTE: note + (f" (commit {commit}{dirty})" if commit else ""),
        COLOUR: config.backend.colour or colour(config.backend.name),
    }
