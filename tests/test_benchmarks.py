"""The benchmark of the tool's overhead: its arithmetic, its processes, and a small run of everything."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from benchmarks import overhead, processes
from benchmarks.contestants import Job
from kerasbench.paths import PROJECT
from kerasbench.stats import Estimate
from kerasbench.terminal.errors import UserError


def rounds(**changed: tuple[float, float]) -> list[overhead.Round]:
    """Return two rounds of a backend without MLflow."""
    figures = {
        "bare.process_seconds": (10.0, 11.0),
        "bare.peak_rss_mib": (500.0, 500.0),
        "bare_long.process_seconds": (30.0, 31.0),
        "bare_own.peak_rss_mib": (900.0, 900.0),
        "bare_script.epoch_seconds": (2.0, 2.0),
        "bare_steady.epoch_seconds": (1.0, 2.0),
        "bare_steady.epoch_wall_seconds": (1.0, 2.0),
        "train.process_seconds": (11.0, 12.0),
        "train.epoch_seconds": (1.0, 2.0),
        "train.peak_rss_mib": (525.0, 525.0),
        "long.process_seconds": (30.5, 31.5),
        "own.peak_rss_mib": (990.0, 1080.0),
        "script.epoch_seconds": (2.02, 2.02),
        "train.epoch_wall_seconds": (1.1, 2.2),
        "train.parent_rss_mib": (250.0, 310.0),
        "bare_job.process_seconds": (2.0, 2.0),
        "sweep_of_1.process_seconds": (4.0, 5.0),
        "sweep.process_seconds": (24.7, 25.7),
        "sweep.parent_rss_mib": (260.0, 260.0),
    } | {name.replace("__", "."): pair for name, pair in changed.items()}
    return [{name: pair[number] for name, pair in figures.items()} for number in range(2)]


def test_a_difference_is_taken_pair_by_pair_and_may_be_negative() -> None:
    found = overhead.difference([11.0, 22.0, 30.0], [12.0, 22.5, 32.0])
    assert found.value == pytest.approx(-7 / 6)
    # The standard deviation 0.7638, and Student's t of two degrees of freedom, 4.3027.
    assert (found.low, found.high) == pytest.approx((-3.0640, 0.7307), abs=1e-3)


def test_differences_that_are_all_the_same_leave_no_doubt() -> None:
    assert overhead.difference([3.0, 4.0], [1.0, 2.0]) == Estimate(2.0, 2.0, 2.0, 2)


def test_a_single_pair_has_no_interval() -> None:
    assert overhead.difference([3.0], [1.0]) == Estimate(2.0, None, None, 1)


def test_a_jobs_cost_leaves_out_what_a_command_takes_once() -> None:
    assert overhead.per_job(rounds(), jobs=10).value == pytest.approx((24.7 - 4.0) / 9 - 2.0)


def test_a_limit_is_met_or_missed_by_the_mean() -> None:
    found = {result.name: result.text for result in overhead.results(rounds(), jobs=10)}
    assert found["steady epoch as reported, train.py / bare"] == "1.000 [1.000, 1.000] met"
    assert found["steady epoch by the wall clock, train.py / bare"] == "1.100 [1.100, 1.100] missed"
    assert found["whole process, train.py - bare"] == "1.00 [1.00, 1.00] met"
    assert found["whole process, long run, train.py - bare"] == "0.50 [0.50, 0.50] met"
    assert found["an epoch of a user's script, train.py script= / bare"] == "1.010 [1.010, 1.010] met"
    assert found["peak memory, worker / bare"] == "1.050 [1.050, 1.050] met"
    assert found["peak memory on own data, worker / bare"].startswith("1.149")
    assert found["a job in a sweep of 10, train.py - bare"] == "0.30 [0.30, 0.30] met"


def test_a_limit_within_the_interval_leaves_it_open() -> None:
    found = {one.name: one.text for one in overhead.results(rounds(train__process_seconds=(10.5, 12.3)), jobs=10)}
    assert found["whole process, train.py - bare"].startswith("0.90 [")
    assert found["whole process, train.py - bare"].endswith("met, open")


def test_the_largest_memory_counts_and_not_the_median() -> None:
    found = {result.name: result.text for result in overhead.results(rounds(), jobs=10)}
    assert found["memory of train.py's own process"] == "310 missed"
    assert found["memory of train.py's own process, sweep of 10"] == "260 met"


def test_mlflows_callback_is_compared_where_it_ran() -> None:
    with_it = overhead.results(rounds(mlflow__process_seconds=(14.0, 15.0)), jobs=10)
    found = {result.name: result.text for result in with_it}
    assert found["whole process, MlflowCallback - bare"] == "4.00 [4.00, 4.00]"
    assert found["whole process, train.py - MlflowCallback"] == "-3.00 [-3.00, -3.00] met"
    assert len(with_it) == len(overhead.results(rounds(), jobs=10)) + 2


def test_epochs_too_short_to_be_told_give_no_ratio() -> None:
    found = overhead.results(rounds(bare_steady__epoch_seconds=(0.01, -0.001)), jobs=10)
    assert found[0].text == "too short to tell"


def test_a_job_says_to_train_py_what_the_bare_script_does() -> None:
    assert Job(3, 600).overrides == ["trainer.epochs=3", "data.train_samples=600", "data.test_samples=100"]
    assert Job(6, None).overrides == ["trainer.epochs=6"]


def test_a_commands_seconds_output_and_memory_are_its_own(tmp_path: Path) -> None:
    code = "import time; held = bytearray(80 * 2**20); time.sleep(0.4); print('done')"
    finished = processes.run([sys.executable, "-c", code], os.environ, tmp_path / "log")
    assert finished.output == "done\n"
    assert finished.seconds > 0.4
    assert 80 < finished.peak_rss_mib < 160


@pytest.mark.slow
def test_the_memory_of_a_child_does_not_count(tmp_path: Path) -> None:
    child = "import time; held = bytearray(300 * 2**20); time.sleep(0.5)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert processes.run([sys.executable, "-c", code], os.environ, tmp_path / "log").peak_rss_mib < 200


def test_a_command_that_fails_is_told_with_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"exit status 3: no such backend \(.*log\)"):
        processes.run(
            [sys.executable, "-c", "import sys; print('no such backend', file=sys.stderr); sys.exit(3)"],
            os.environ,
            tmp_path / "log",
        )


def test_an_interruption_leaves_no_process_behind(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        processes.run([sys.executable, "-c", "import time; time.sleep(60)"], os.environ, tmp_path / "log")
    assert set(psutil.Process().children(recursive=True)) == before


# Theano has no MLflow beside it, whose installation takes a minute; and torch compiles nothing of the user's.
@pytest.mark.slow
@pytest.mark.quiet  # beside another test, its frameworks' threads take three times as long
@pytest.mark.parametrize(("backend", "parts"), [("theano", "training,sweep,report"), ("torch", "own,script")])
def test_a_quick_run_prints_every_figure_of_its_parts_and_keeps_the_raw_rounds(
    data_cache: Path, tmp_path: Path, backend: str, parts: str
) -> None:
    file = tmp_path / "overhead.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.overhead", "--quick", "--backend", backend, "--part", parts,
         "--output", str(file), "data.source=embedded", f"data.cache={data_cache}"],
        cwd=PROJECT, capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (kept,) = json.loads(file.read_text())["backends"][backend]["rounds"]
    measured = {who for part in parts.split(",") for who in overhead._PARTS[part]} - {"mlflow"}
    expected = {name: value for name, value in rounds()[0].items() if name.split(".")[0] in measured}
    assert expected.keys() <= kept.keys()
    assert {name.split(".")[0] for name in kept} == measured
    for result in overhead.results([expected], jobs=2):
        assert result.name in done.stdout
    assert ("finished runs" in done.stdout) == ("report" in parts)


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        overhead.main(["--part", "scripts"])
    assert "--part scripts" in capsys.readouterr().err
