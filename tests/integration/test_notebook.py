"""The example notebook, and one whose cell fails, in a real Jupyter kernel."""

import json
import os
import sysconfig
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from kerasbench.config.composition import backend_named
from kerasbench.environments import Specification, provision
from kerasbench.paths import PROJECT
from tests.conftest import runs_in

pytestmark = pytest.mark.slow

EXAMPLE = PROJECT / "examples" / "notebook.ipynb"


def execute(notebook: nbformat.NotebookNode, backend: str, store: str, folder: Path) -> None:
    """Run a notebook in a kernel that has Keras, a backend, kerasbench and MLflow."""
    python = provision(Specification(backend_named(backend), PROJECT / ".envs"), print).python
    path = os.pathsep.join([str(PROJECT), sysconfig.get_paths()["purelib"]])
    own = {"KERAS_BACKEND": backend, "PYTHONPATH": path, "MLFLOW_TRACKING_URI": store, "OMP_NUM_THREADS": "1"}
    kernel = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": backend,
        "language": "python",
        "env": own,
    }
    file = folder / "jupyter" / "kernels" / backend / "kernel.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(kernel))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=300, kernel_name=backend, resources=resources).execute()


def test_the_example_notebook_logs_its_fit(store: str, tmp_path: Path) -> None:
    notebook = nbformat.read(EXAMPLE, as_version=4)
    nbformat.validate(notebook)
    execute(notebook, "torch", store, tmp_path)
    (run,) = runs_in(store)
    assert (run.info.status, run.data.tags["backend"]) == ("FINISHED", "torch")
    assert run.data.metrics["val_accuracy"] > 0.8
    assert run.data.metrics["epoch_seconds"] > 0


@pytest.mark.thorough
def test_a_cell_that_fails_ends_the_run_while_the_kernel_goes_on(store: str, tmp_path: Path) -> None:
    notebook = nbformat.read(EXAMPLE, as_version=4)
    *before, fit, _ = notebook.cells
    failing = nbformat.v4.new_code_cell(
        "class Failing(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        raise ValueError('a bad batch')\n\n"
        f"{fit.source.replace('[callback]', '[callback, Failing()]')}"
    )
    failing.metadata["tags"] = ["raises-exception"]  # the notebook goes on
    status = nbformat.v4.new_code_cell(
        "import mlflow\nprint(mlflow.MlflowClient().get_run(callback.run_id).info.status)"
    )
    notebook.cells = [*before, failing, status]
    try:
        execute(notebook, "jax", store, tmp_path)
    except CellExecutionError as error:
        pytest.fail(str(error))
    assert status.outputs[0].text.strip() == "FAILED"
    (run,) = runs_in(store)
    assert (run.info.status, run.data.tags["failure"]) == ("FAILED", "ValueError: a bad batch")


def test_the_example_notebook_is_short_and_holds_no_output() -> None:
    cells = [cell for cell in nbformat.read(EXAMPLE, as_version=4).cells if cell.cell_type == "code"]
    assert sum(len(cell.source.splitlines()) for cell in cells) <= 40
    assert not any(cell.outputs for cell in cells)
