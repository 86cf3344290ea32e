"""The containers hold what the checkout pins, and what deploy/server.py sets."""

import re
import tomllib
from typing import Any

import pytest
from omegaconf import OmegaConf

from deploy import server
from kerasbench.paths import PROJECT


@pytest.fixture(scope="module")
def mlflow() -> Any:
    services: Any = OmegaConf.to_container(
        OmegaConf.create((PROJECT / "deploy" / "compose.yaml").read_text()), resolve=False
    )
    return services["services"]["mlflow"]


def test_the_container_has_the_checkouts_mlflow_and_driver(mlflow: Any) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    pinned = next(one for one in project["dependencies"] if one.startswith("mlflow=="))
    installed = re.findall(r'"([^"]+)"', mlflow["build"]["dockerfile_inline"])
    assert installed == [pinned.replace("mlflow", "mlflow[auth]"), project["optional-dependencies"]["server"][0]]


def test_the_container_has_the_scripts_settings_and_listens_for_this_machine(mlflow: Any) -> None:
    assert server._SETTINGS.items() <= mlflow["environment"].items()
    assert mlflow["ports"] == ["${BIND:-127.0.0.1}:5000:5000"]


def test_no_secret_is_a_value_in_the_file(mlflow: Any) -> None:
    named = {name for name in mlflow["environment"] if re.search("PASSWORD|SECRET", name)}
    assert not named
