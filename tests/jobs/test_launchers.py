"""What each of several jobs at once gets of a machine, and what is refused before any of them starts."""

import sys
from importlib.util import find_spec

import pytest
from omegaconf import OmegaConf

from kerasbench.config import composition, extras
from kerasbench.jobs import launchers
from kerasbench.jobs.launchers import Share, share
from kerasbench.machine import allocation, hardware
from kerasbench.terminal.errors import UserError
from tests.stub.driver import Stub


def _share(
    monkeypatch: pytest.MonkeyPatch,
    has: int,
    asked: int | None,
    jobs: int,
    gpus: int = 0,
    devices: int = 1,
    **launcher: object,
) -> tuple[Share, int]:
    monkeypatch.setattr(hardware, "physical_cores", lambda: has)
    monkeypatch.setattr(allocation, "gpus", lambda: [str(number) for number in range(gpus)])
    choice = composition.compose(["backend=torch"])
    choice.settings.devices = devices
    if gpus:
        choice.backend.build = "cuda13"
    master = OmegaConf.create({
        "repeats": 1, "launcher": {"cores": None, "allow_contention": False} | launcher,
        "hydra": {"launcher": {"_target_": launchers._JOBLIB, "n_jobs": asked}},
    })  # fmt: skip
    return share(master, [choice], jobs), master.hydra.launcher.n_jobs


@pytest.mark.parametrize(
    ("cores", "gpus", "asked", "jobs", "at_once", "each"),
    [
        (8, 0, None, 20, 8, 1),
        (8, 0, None, 3, 3, 2),
        (8, 0, 2, 20, 2, 4),
        (8, 0, -1, 20, 8, 1),
        (32, 4, None, 20, 4, 8),
        (32, 4, 2, 20, 2, 16),
    ],
)
def test_the_jobs_that_run_at_once_share_the_machine_equally(
    monkeypatch: pytest.MonkeyPatch, cores: int, gpus: int, asked: int | None, jobs: int, at_once: int, each: int
) -> None:
    expected = Share(each, gpus > 0, "")
    assert _share(monkeypatch, cores, asked, jobs, gpus) == (expected, at_once)


@pytest.mark.parametrize(
    ("cores", "gpus", "asked", "own", "fitting"), [(2, 0, 4, None, 2), (32, 2, 4, None, 2), (8, 0, 4, 4, 2)]
)
def test_jobs_that_cannot_have_their_own_are_refused_unless_the_user_allows_it(
    monkeypatch: pytest.MonkeyPatch, cores: int, gpus: int, asked: int, own: int | None, fitting: int
) -> None:
    with pytest.raises(UserError, match=rf"hydra\.launcher\.n_jobs={fitting} .*launcher\.allow_contention=true"):
        _share(monkeypatch, cores, asked, 20, gpus, cores=own)
    allowed, at_once = _share(monkeypatch, cores, asked, 20, gpus, cores=own, allow_contention=True)
    assert allowed.contention
    assert at_once == 4


def test_a_run_on_several_gpus_is_refused_where_each_job_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"settings\.devices=2"):
        _share(monkeypatch, 8, 2, 20, gpus=4, devices=2)


@pytest.mark.parametrize("extra", ["joblib", "slurm", "optuna"])
def test_a_missing_extra_is_one_line_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    extras.check(extra, "it")  # CI has all of them
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=rf"{sys.executable} -m pip install hydra-\w+-\w+==1\.\d\.0$"):
        extras.check(extra, "it")


@pytest.mark.parametrize(
    ("choice", "extra"),
    [("hydra/launcher=joblib", "joblib"), ("hydra/launcher=slurm", "slurm"), ("hydra/launcher=submitit_local", "slurm"),
     ("hydra/sweeper=optuna", "optuna")],
)  # fmt: skip
def test_it_is_told_before_anything_starts(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, choice: str, extra: str
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == extras._MODULES[extra] else find_spec(name))
    done = stub.train("-m", "backend=theano", choice)
    assert done.returncode == 2
    assert "pip install" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not stub.runs()


def test_settings_of_jobs_that_run_at_once_are_refused_where_they_run_one_by_one(stub: Stub) -> None:
    done = stub.train("-m", "backend=theano", "launcher.allow_contention=true")
    assert done.returncode == 2
    assert "has no effect" in done.stderr
