"""What opens a store is in nothing that others read."""

import sys

import pytest

from kerasbench.config import composition, identity
from kerasbench.credentials import without_credentials
from kerasbench.machine import provenance
from kerasbench.terminal.errors import UserError, one_line

_URI = "https://user:secret@mlflow.example/store"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (_URI, "https://mlflow.example/store"),
        (f"tracking.uri={_URI} cannot be used", "tracking.uri=https://mlflow.example/store cannot be used"),
        ("postgresql://me:a@b@db:5432/mlflow", "postgresql://db:5432/mlflow"),
        ("postgresql://me:a#b/c?d@db/mlflow", "postgresql://db/mlflow"),
        ("https://token@mlflow.example", "https://mlflow.example"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
    ],
)
def test_user_and_password_are_left_out_and_nothing_else(text: str, told: str) -> None:
    assert without_credentials(text) == told


def test_a_password_on_the_command_line_is_refused_for_hydra_writes_it_into_files() -> None:
    with pytest.raises(UserError, match="put the address into the variable MLFLOW_TRACKING_URI"):
        composition.compose([f"tracking.uri={_URI}"])


def test_a_run_keeps_none_in_its_settings_its_command_and_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", f"tracking.uri={_URI}"])
    provenance.tags.cache_clear()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", _URI)
    composed = composition.compose([])
    kept = [*identity.flat(composed).values(), *provenance.tags().values(), one_line(UserError(_URI))]
    provenance.tags.cache_clear()
    assert composed.tracking.uri == _URI
    assert "https://mlflow.example/store" in kept
    assert not [text for text in kept if "secret" in text]
