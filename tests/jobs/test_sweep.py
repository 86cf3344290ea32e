"""The composition of a sweep, before its first job."""

import tracemalloc
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import OmegaConf

from kerasbench.config.schema import Noise
from kerasbench.jobs import place, sweep
from kerasbench.jobs.rounds import in_turn
from kerasbench.paths import CONF
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal.errors import UserError
from tests.stub.driver import Stub


def _jobs(repeats: int, params: dict[str, str], *arguments: str) -> list[list[str]]:
    rounds: Any = Plugins.instance().class_name_to_class["hydra_plugins.rounds_sweeper.Rounds"]
    sweeper = rounds(None, params)
    sweeper.config = OmegaConf.create(
        {
            "repeats": repeats,
            "seed": 3,
            "noise": Noise.repeat,
            "sweep": {"id": "s", "finished": []},
            "hydra": {"sweep": {"dir": "nowhere"}},
        }
    )
    overrides = OverridesParser.create().parse_overrides([*sweeper._parse_config(), *arguments])
    sweeper.overrides, sweeper.batch_index = rounds.split_arguments(overrides, None), 0
    jobs = []
    while not sweeper.is_done():
        jobs += [list(job) for job in sweeper.get_job_batch()]
    return jobs


def test_repeats_are_rounds_over_all_cells_with_the_same_seeds_for_each() -> None:
    assert _jobs(2, {"backend": "jax,torch"}, "trainer.epochs=1") == [
        ["seed=3", "backend=jax", "trainer.epochs=1"],
        ["seed=3", "backend=torch", "trainer.epochs=1"],
        ["seed=4", "backend=torch", "trainer.epochs=1"],
        ["seed=4", "backend=jax", "trainer.epochs=1"],
    ]


def test_the_first_round_is_as_given_and_the_others_are_not() -> None:
    order = [job[1].removeprefix("backend=") for job in _jobs(3, {"backend": "jax,torch,theano"})]
    assert order == ["jax", "torch", "theano", "torch", "theano", "jax", "theano", "jax", "torch"]


@pytest.mark.parametrize("count", range(1, 9))
def test_each_cell_has_every_place_and_comes_after_every_other_equally_often(count: int) -> None:
    rounds = [in_turn(range(count), number) for number in range(2 * count if count % 2 else count)]
    places = Counter((place, cell) for order in rounds for place, cell in enumerate(order))
    neighbours = Counter(pair for order in rounds for pair in pairwise(order))
    assert set(places.values()) == {len(rounds) // count}
    assert len(places) == count**2
    assert len(neighbours) == count * (count - 1)
    assert len(set(neighbours.values())) <= 1
    if count > 2:
        assert all(one[-1] != other[0] for one, other in pairwise(rounds))


@pytest.mark.parametrize("seed", ["seed=3", "+seed=3", "++seed=3"])
def test_however_the_seed_is_given_the_rounds_count_up_from_it(seed: str) -> None:
    rounds: Any = Plugins.instance().class_name_to_class["hydra_plugins.rounds_sweeper.Rounds"]
    sweeper = rounds(None, {"backend": "jax"})
    sweeper.config = OmegaConf.create({"repeats": 2, "seed": 3})
    asked: list[list[str]] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rounds.__base__, "sweep", lambda self, arguments: asked.append(arguments))
        sweeper.sweep(["trainer.epochs=1", seed])
    assert asked == [["trainer.epochs=1"]]


def _sweep(*overrides: str, params: dict[str, str] | None = None, repeats: int = 1) -> dict[str, Any]:
    master = OmegaConf.create({
        "repeats": repeats,
        "hydra": {"sweeper": {"params": params, "_target_": sweep._ROUNDS}, "overrides": {"task": list(overrides)}},
    })  # fmt: skip
    with initialize_config_dir(str(CONF), version_base="1.3"):
        found = sweep._overrides(master)
        jobs = sweep._jobs(master, found)
        sweep._check_swept(master, found, sweep._split(found)[1])
    return {"jobs": jobs}


@pytest.mark.parametrize(
    ("overrides", "repeats", "jobs"),
    [
        (["backend=jax,torch", "seed=range(0,10)"], 1, 20),
        (["seed=range(0,10000)"], 1, 10_000),
        (["seed=range(10,0,-3)"], 1, 4),
        (["model.optimizer.learning_rate=range(0.1,0.5,0.1)"], 1, 4),
        (["backend=jax,torch"], 5_000, 10_000),
        (["seed=shuffle(1,2,3)", "backend=glob(t*)"], 1, 12),
    ],
)
def test_the_jobs_of_a_sweep_are_counted(overrides: list[str], repeats: int, jobs: int) -> None:
    assert _sweep(*overrides, repeats=repeats) == {"jobs": jobs}


@pytest.mark.parametrize(
    ("overrides", "repeats", "named"),
    [
        (["seed=range(0,1000000)"], 1, "1000000 jobs, and one command runs at most 10000"),
        (["seed=range(0,1e15)"], 1, "1000000000000000 jobs"),
        (["backend=jax,torch"], 10**9, "2000000000 jobs"),
        (["seed=range(0,100000)", "model.build.units=range(0,100000)"], 1, "10000000000 jobs"),
        (["seed=range(0,10,0)"], 1, "never ends"),
        (["seed=range(0,inf)"], 1, "never ends"),
        (["seed=range(3,0)"], 1, "holds no value"),
        (["backend=glob(nosuch*)"], 1, "holds no value"),
        (["repeats=1,2"], 1, "repeats"),
        (["quiet=true,false"], 1, "quiet"),
        (["objective=loss,accuracy"], 1, "objective"),
        (["sweep.id=a,b"], 1, "sweep.id"),
    ],
)
def test_a_sweep_that_is_too_large_or_holds_nothing_is_refused_without_being_made(
    overrides: list[str], repeats: int, named: str
) -> None:
    tracemalloc.start()
    with pytest.raises(UserError, match=named):
        _sweep(*overrides, repeats=repeats)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.parametrize("params", [{"repeats": "3"}, {"seed": "5"}])
def test_what_a_study_would_set_too_late_is_refused(params: dict[str, str]) -> None:
    with pytest.raises(UserError, match=next(iter(params))):
        _sweep("backend=jax,torch", params=params, repeats=2)


def test_without_repeats_a_sweep_is_hydras_own() -> None:
    assert _jobs(1, {}, "backend=jax,torch", "seed=7") == [["backend=jax", "seed=7"], ["backend=torch", "seed=7"]]


def test_a_label_and_a_changed_backend_make_another_competitor(monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = ["backend=theano", "label=after", "backend.fixes=[]", "settings.threads=1", "trainer.epochs=2"]
    told = SimpleNamespace(mode=RunMode.MULTIRUN, overrides=SimpleNamespace(task=OmegaConf.create(overrides)))
    monkeypatch.setattr(HydraConfig, "get", lambda: told)
    sweep = {"id": "s1", "varied": ["backend", "settings.threads"]}
    composed = OmegaConf.create({"sweep": sweep, "settings": {"devices": 1}})
    expected = place.Job("s1", ("label=after", "backend.fixes=[]", "settings.threads=1"), in_sweep=True)
    assert place.this_job(composed) == expected


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["repeats=2"], "add -m"),
        (["objective=val_acc"], "objective=val_acc is unknown; there are: loss, accuracy, val_loss,"),
        (["-m", "repeats=2", "seed=1,2"], "give one seed"),
        (["-m", "repeats=2", "hydra/sweeper=basic"], "needs Hydra's sweeper `rounds`"),
        (["-m", "backend=tensorflow,cntk", "settings.jit_compile=true"], "cntk has no such setting"),
        (["-m", "backend=torch,theano", "backend.device=gpu", "backend.facts=none"], "backend.device=cpu runs it on"),
        (["-m", "backend=jax,torch", "settings.devices=1,2", "backend.device=cpu"], "torch has no such setting"),
    ],
)
def test_what_cannot_be_repeated_or_set_is_one_line_before_anything_starts(
    stub: Stub, arguments: list[str], named: str
) -> None:
    done = stub.train(*arguments)
    assert done.returncode == 2
    assert named in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.slow
def test_a_gpu_that_no_backend_can_use_is_told_first_and_all_run_on_the_cpu(stub: Stub) -> None:
    done = stub.train("-m", "backend=torch,theano", "backend.facts='driver=390.157 capability=3.7'")
    assert done.returncode == 0, done.stdout + done.stderr
    first, second, *_ = done.stdout.splitlines()
    assert "torch: CPU build" in first
    assert "theano: CPU build" in second
    assert ["build" in run.data.tags for run in stub.runs()] == [False, False]


def test_rounds_run_in_their_order_with_a_seed_each_and_tags_tell_competitors_apart(stub: Stub) -> None:
    done = stub.train("-m", "repeats=2", "backend=torch", "settings.threads=1,2", "label=mine", "seed=5")
    assert done.returncode == 0, done.stdout + done.stderr
    runs = stub.runs()
    assert [(run.data.params["seed"], run.data.tags["in_force.threads"]) for run in runs] == [
        ("5", "1"),
        ("5", "2"),
        ("6", "2"),
        ("6", "1"),
    ]
    for run in runs:
        threads = run.data.tags["in_force.threads"]
        assert set(run.data.tags["variant"].split()) == {"label=mine", f"settings.threads={threads}"}
        assert run.data.tags["label"] == "mine"
    for tag in ("sweep", "comparison.hash"):
        assert len({run.data.tags[tag] for run in runs}) == 1
    rows = [line for line in done.stdout.splitlines() if "■" in line]
    assert ["2 of 2" in row for row in rows] == [True, True]
    assert all(f"settings.threads={threads}" in done.stdout for threads in (1, 2))


def test_a_disturbed_job_is_run_again_at_the_end_of_its_round_at_most_twice(tmp_path: Path) -> None:
    rounds: Any = Plugins.instance().class_name_to_class["hydra_plugins.rounds_sweeper.Rounds"]
    sweeper = rounds(None, {"backend": "jax,torch"})
    sweeper.config = OmegaConf.create(
        {"repeats": 2, "seed": 1, "noise": Noise.repeat, "sweep": {"id": "s", "finished": []},
         "hydra": {"sweep": {"dir": str(tmp_path)}}}
    )  # fmt: skip
    overrides = OverridesParser.create().parse_overrides(sweeper._parse_config())
    sweeper.overrides, sweeper.batch_index = rounds.split_arguments(overrides, None), 0
    begun: list[tuple[str, ...]] = []
    while not sweeper.is_done():
        for job in sweeper.get_job_batch():
            noise = "other processes" if "backend=jax" in job and (len(begun) < 2 or "seed=2" in job) else ""
            Outcome("jax", "m", 1, noise=noise).save(place.outcome_file(str(tmp_path), "s", len(begun)))
            begun.append(job)
    assert [job[0][-1] + job[1][8:] for job in begun] == [
        "1jax", "1torch", "1jax", "2torch", "2jax", "2jax", "2jax",
    ]  # fmt: skip


@pytest.mark.slow
def test_an_override_that_names_another_key_is_resolved_in_each_job(stub: Stub) -> None:
    done = stub.train("-m", "backend=theano,torch", "label='of ${backend.name}'")
    assert done.returncode == 0, done.stderr
    assert {run.data.tags["backend"]: run.data.tags["label"] for run in stub.runs()} == {
        "theano": "of theano", "torch": "of torch",
    }  # fmt: skip
