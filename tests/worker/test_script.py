"""A user's own script, seen from inside the worker."""

import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasbench.worker import protocol
from kerasbench.worker.error_line import OwnCodeFailed
from tests.worker.requests import SETTINGS, events_in
from tests.worker.scripts import write


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a script's process has for itself."""
    monkeypatch.chdir(os.getcwd())
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "stdin", sys.stdin)
    monkeypatch.syspath_prepend("the folder that sys.path is restored after")


def _request(framework: str, script: Path, args: str = "", **changes: Any) -> dict[str, Any]:
    return {
        "framework": framework, "settings": {**SETTINGS, "threads": 1}, "fixes": [], "seed": 1,
        "seed_function": "numpy.random.seed", "weights": None,
        "script": {"path": str(script), "args": args, "folder": str(script.parent.parent)},
    } | changes  # fmt: skip


def _events(request: dict[str, Any], task: str = "train") -> list[dict[str, Any]]:
    from kerasbench.worker import script

    sys.modules.pop("beside", None)
    sys.path.insert(0, "the project")
    stream = io.BytesIO()
    channel = protocol.Channel(stream)
    channel.go.set()
    getattr(script, task)(request, channel)
    return events_in(stream)


def _epochs(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in _events(request) if event["kind"] == protocol.EPOCH]


def test_the_epochs_of_every_fit_are_reported_and_count_on(framework: str, tmp_path: Path) -> None:
    script = write(tmp_path, "fit(2, validation_data=(x, y))\nfit(1)")
    begun, *epochs, finished = _events(_request(framework, script))
    assert begun["kind"] == protocol.BUILT
    assert begun["epochs"] == 2
    assert begun["in_force"]["threads"] == "1"
    assert [(epoch["epoch"], epoch["epochs"], epoch["fit"]) for epoch in epochs] == [(1, 2, 0), (2, 2, 0), (3, 3, 1)]
    assert {epoch["examples"] for epoch in epochs} == {20}
    assert set(epochs[0]["logs"]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert set(epochs[2]["logs"]) == {"loss", "accuracy"}
    assert [epoch["includes_validation"] for epoch in epochs] == [framework == "mxnet"] * 2 + [False]
    assert ["validation_seconds" in epoch for epoch in epochs] == [framework != "mxnet"] * 2 + [False]
    assert epochs[0]["ended_at"] <= epochs[1]["started_at"] <= finished["ended_at"]
    assert finished["parameters"] == 15


def test_it_runs_as_python_would_run_it(framework: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "beside.py").write_text("VALUE = 'imported'")
    script = write(folder, "import beside\nprint(__name__, beside.VALUE, sys.argv[1:], os.getcwd(), __file__)\nfit(1)")
    _events(_request(framework, script, "--rate 0.5 'two words'"))
    expected = f"__main__ imported ['--rate', '0.5', 'two words'] {tmp_path} {script}\n"
    assert expected in capsys.readouterr().out


def test_what_the_user_has_downloaded_for_keras_is_found(
    use: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("torch")
    (tmp_path / ".keras" / "datasets").mkdir(parents=True)
    (tmp_path / ".keras" / "datasets" / "mnist.npz").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "environment" / "keras"))
    _events(_request("torch", write(tmp_path, "fit(1)")))
    assert (tmp_path / "environment" / "keras" / "datasets" / "mnist.npz").exists()
    assert not (tmp_path / "environment" / "keras" / "models").exists()


def test_a_seed_gives_the_same_losses_again(framework: str, tmp_path: Path) -> None:
    script = write(tmp_path, "fit(2)")
    first, again, other = (_epochs(_request(framework, script, seed=seed)) for seed in (1, 1, 2))
    assert [epoch["logs"] for epoch in first] == [epoch["logs"] for epoch in again]
    assert first[0]["logs"] != other[0]["logs"]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("fit(1)\nimport beside\nbeside.fail()", r"beside\.py:2: ValueError: told$"),
        ("fit(1)\nraise KeyError('x')", r"my_train\.py:21: KeyError: 'x'$"),
        ("fit(1)\nimport broken", r"broken\.py:1: SyntaxError: "),
        ("fit(1)\nsys.exit(3)", r"my_train\.py:21: sys\.exit\(3\)$"),
        ("fit(1)\nsys.exit('told')", r"my_train\.py:21: sys\.exit\('told'\)$"),
        ("fit(1)\ninput()", r"my_train\.py:21: EOFError"),
        ("fit(1, batch=3)", r"my_train\.py:\d+: TypeError: "),
        ("", r"my_train\.py: no `fit`"),
        ("sys.exit(0)", r"my_train\.py: no `fit`"),
        ("fit(0)", r"my_train\.py: no `fit`"),
    ],
)
def test_a_script_that_does_not_train_to_its_end_fails_with_the_users_own_line(
    use: Any, tmp_path: Path, end: str, reason: str
) -> None:
    use("torch")
    (tmp_path / "beside.py").write_text("def fail():\n    raise ValueError('told\\nin two lines')")
    (tmp_path / "broken.py").write_text("1 +")
    with pytest.raises(OwnCodeFailed, match=reason) as failed:
        _events(_request("torch", write(tmp_path, end)))
    assert "\n" not in str(failed.value)


def test_a_script_may_exit_with_status_0_after_it_has_trained(framework: str, tmp_path: Path) -> None:
    assert _events(_request(framework, write(tmp_path, "fit(1)\nsys.exit()")))[-1]["kind"] == protocol.FINISHED


def test_settings_replace_what_the_script_gives_compile(use: Any, tmp_path: Path) -> None:
    use("torch")
    script = write(tmp_path, "assert model.jit_compile == 'asked'\nfit(1)")
    _events(_request("torch", script, settings={**SETTINGS, "threads": 1, "jit_compile": "asked"}))


def test_shared_weights_are_those_of_the_first_fit_elsewhere(framework: str, tmp_path: Path) -> None:
    script, file = write(tmp_path, "fit(1)\nfit(1)"), tmp_path / "weights.npz"
    (saved,) = _events(_request(framework, script, seed=5, path=str(file)), "initial_weights")
    assert saved["kind"] == protocol.WEIGHTS
    there, native = (_epochs(_request(framework, script, seed=seed)) for seed in (5, 6))
    shared = _epochs(_request(framework, script, seed=6, weights=str(file)))
    assert [epoch["logs"] for epoch in shared] == [epoch["logs"] for epoch in there]
    assert shared[0]["logs"] != native[0]["logs"]


def test_shared_weights_of_another_network_are_a_failure_that_names_the_layer(use: Any, tmp_path: Path) -> None:
    use("torch")
    file = tmp_path / "weights.npz"
    _events(_request("torch", write(tmp_path, "fit(1)"), path=str(file)), "initial_weights")
    wider = write(tmp_path, "model = Model(image, Dense(4, activation='softmax', name='wider')(image))\nfit(1)")
    with pytest.raises(OwnCodeFailed, match=r"my_train\.py:\d+: .*wider"):
        _events(_request("torch", wider, weights=str(file)))


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({"x": np.zeros((10, 2))}, 10),
        ({"x": [np.zeros((10, 2)), np.zeros((10, 3))]}, 10),
        ({"x": {"a": np.zeros((10, 2))}, "validation_split": 0.25}, 7),
        ({"x": np.zeros((10, 2)), "steps_per_epoch": 3}, None),
        ({"x": iter([])}, None),
        ({"generator": iter([])}, None),
    ],
)
def test_the_number_of_examples_is_known_of_arrays(use: Any, arguments: dict[str, Any], count: int | None) -> None:
    use("torch")
    from kerasbench.worker.script import examples_in

    assert examples_in(arguments) == count


def test_keras_is_as_before_when_the_script_has_ended(framework: str, tmp_path: Path) -> None:
    from keras.models import Model

    before = Model.fit, Model.compile
    _events(_request(framework, write(tmp_path, "fit(1)")))
    assert (Model.fit, Model.compile) == before
