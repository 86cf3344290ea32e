"""Measures kerasbench's own overhead against a bare Keras script and against MLflow's callback.

python -m benchmarks.overhead [--quick] [--backend tensorflow,jax,torch] [--pairs N] [--part script] [OVERRIDE...]
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich import box
from rich.table import Table

from benchmarks import processes
from benchmarks.contestants import Contestants, Figures, Job
from kerasbench.jobs.rounds import in_turn
from kerasbench.machine import hardware, provenance
from kerasbench.paths import work_path
from kerasbench.process import interruption
from kerasbench.stats import Estimate, mean, paired_ratio
from kerasbench.terminal.errors import reporting
from kerasbench.terminal.progress import Announce, console

_SWEPT = Job(epochs=2, samples=640)  # little training, so that the overhead shows
_REPORT = Path(__file__).with_name("report_of_1000_runs.py")
_PARTS = {
    "training": ("bare", "train", "bare_steady", "bare_long", "long", "mlflow"),
    "own": ("bare_own", "own"),
    "script": ("bare_script", "script"),
    "sweep": ("sweep", "bare_job", "sweep_of_1"),
    "report": (),  # of finished runs, after all backends
}

Round = dict[str, float]  # "contestant.figure" -> its value in this round


@dataclass(frozen=True)
class Plan:
    """The amount of work in a comparison.

    Attributes:
        pairs: number of rounds; each round runs every contestant.
        single: training of a short run.
        long: training of a long run.
        swept: training of one job in a sweep.
        jobs: number of jobs in the sweep.
        bare_jobs: runs of the bare script on such a job per round; their median counts.
        own_examples: training examples of the user's own data; by default they take 0.4 GB.
        script_epochs: epochs of the user's own script.
        parts: what is measured, names of `_PARTS`.
    """

    pairs: int
    single: Job
    long: Job
    swept: Job
    jobs: int
    bare_jobs: int = 3
    own_examples: int = 100_000
    script_epochs: int = 8
    parts: tuple[str, ...] = tuple(_PARTS)


@dataclass(frozen=True)
class Result:
    """One figure of the comparison.

    Attributes:
        estimate: None where the runs were too short to measure.
        limit: the upper limit; None where there is none.
        unit: "" for a ratio.
    """

    name: str
    estimate: Estimate | None
    limit: float | None
    unit: str

    @property
    def text(self) -> str:
        """The figure, its interval, and whether it meets its limit; `open` if the interval contains the limit."""
        found = self.estimate
        if found is None:
            return "too short to tell"
        digits = {"": 3, "s": 2, "MiB": 0}[self.unit]
        interval = "" if found.low is None else f" [{found.low:.{digits}f}, {found.high:.{digits}f}]"
        return f"{found.value:.{digits}f}{interval}{self._verdict(found)}"

    def _verdict(self, found: Estimate) -> str:
        if self.limit is None:
            return ""
        undecided = found.low is not None and found.high is not None and found.low <= self.limit < found.high
        return (" met" if found.value <= self.limit else " missed") + (", open" if undecided else "")


def difference(samples: Sequence[float], reference: Sequence[float]) -> Estimate:
    """Return the mean of paired differences and its 95% interval."""
    return mean([sample - other for sample, other in zip(samples, reference, strict=True)])


def per_job(rounds: Sequence[Round], jobs: int) -> Estimate:
    """Return a sweep's overhead per job over the bare script: (T(sweep of n) - T(sweep of 1)) / (n - 1) - T(bare).

    Subtracting the sweep of one job removes the fixed cost of a command: its start and its end.
    """
    pairs = zip(_all(rounds, "sweep.process_seconds"), _all(rounds, "sweep_of_1.process_seconds"), strict=True)
    return difference([(many - one) / (jobs - 1) for many, one in pairs], _all(rounds, "bare_job.process_seconds"))


def _all(rounds: Sequence[Round], name: str) -> list[float]:
    return [figures[name] for figures in rounds]


def results(rounds: Sequence[Round], jobs: int) -> list[Result]:
    """Return every figure of the rounds, with its limit."""

    def ratio(figure: str, who: str = "train", reference: str = "bare_steady") -> Estimate | None:
        ours, bare = _all(rounds, f"{who}.{figure}"), _all(rounds, f"{reference}.{figure}")
        return paired_ratio(ours, bare) if min(*ours, *bare) > 0 else None

    def longer(who: str, reference: str) -> Estimate:
        return difference(_all(rounds, f"{who}.process_seconds"), _all(rounds, f"{reference}.process_seconds"))

    def largest(who: str) -> Estimate:
        return Estimate(max(_all(rounds, f"{who}.parent_rss_mib")), None, None, len(rounds))

    measured = {name.split(".")[0] for name in rounds[0]}
    found = []
    if "train" in measured:
        found += [
            Result("steady epoch as reported, train.py / bare", ratio("epoch_seconds"), 1.01, ""),
            Result("steady epoch by the wall clock, train.py / bare", ratio("epoch_wall_seconds"), 1.01, ""),
            Result("whole process, train.py - bare", longer("train", "bare"), 1.0, "s"),
            Result("whole process, long run, train.py - bare", longer("long", "bare_long"), 1.0, "s"),
            Result("peak memory, worker / bare", ratio("peak_rss_mib", "train", "bare"), 1.1, ""),
            Result("memory of train.py's own process", largest("train"), 300.0, "MiB"),
        ]
    if "mlflow" in measured:
        found += [
            Result("whole process, MlflowCallback - bare", longer("mlflow", "bare"), None, "s"),
            Result("whole process, train.py - MlflowCallback", longer("train", "mlflow"), 0.0, "s"),
        ]
    if "own" in measured:
        own = ratio("peak_rss_mib", "own", "bare_own")
        found.append(Result("peak memory on own data, worker / bare", own, 1.1, ""))
    if "script" in measured:
        epoch = ratio("epoch_seconds", "script", "bare_script")
        found.append(Result("an epoch of a user's script, train.py script= / bare", epoch, 1.02, ""))
    if "sweep" in measured:
        found += [
            Result(f"a job in a sweep of {jobs}, train.py - bare", per_job(rounds, jobs), 0.3, "s"),
            Result(f"memory of train.py's own process, sweep of {jobs}", largest("sweep"), 300.0, "MiB"),
        ]
    return found


def run_rounds(contestants: Contestants, plan: Plan, announce: Announce) -> Iterator[Round]:
    """Run all rounds and yield each when it ends.

    Contestants that are compared with each other run one after the other. A warm-up before the first round fills the
    system's file cache and Theano's cache of compiled code.
    """
    swept, single = plan.swept, plan.single
    alone: dict[str, Callable[[], Figures]] = {
        "bare": lambda: contestants.bare(single),
        "train": lambda: contestants.train(single),
        "bare_steady": lambda: contestants.bare_steady(single),
        "bare_long": lambda: contestants.bare(plan.long),
        "long": lambda: contestants.train(plan.long),
        "bare_own": lambda: contestants.bare_own(swept),
        "own": lambda: contestants.own(swept),
        "bare_script": lambda: contestants.bare_script(plan.script_epochs),
        "script": lambda: contestants.script(plan.script_epochs),
    }
    in_sweeps: dict[str, Callable[[], Figures]] = {
        "sweep": lambda: contestants.sweep(swept, plan.jobs),
        "bare_job": lambda: _median(contestants.bare, swept, plan.bare_jobs),
        "sweep_of_1": lambda: contestants.sweep(swept, 1),
    }
    if contestants.has_mlflow:
        alone["mlflow"] = lambda: contestants.mlflow(single)
    chosen = [who for part in plan.parts for who in _PARTS[part]]
    alone, in_sweeps = ({who: run for who, run in some.items() if who in chosen} for some in (alone, in_sweeps))
    announce("warming up")
    contestants.bare_steady(swept)
    contestants.train(swept)
    if "mlflow" in alone:
        contestants.mlflow(swept)
    for number in range(plan.pairs):
        over: Round = {}
        for who in [*in_turn(list(alone), number), *in_turn(list(in_sweeps), number)]:
            figures = (alone | in_sweeps)[who]()
            announce(f"pair {number + 1}/{plan.pairs}  {who}")
            over |= {f"{who}.{name}": value for name, value in figures.items()}
        yield over


def _median(run: Callable[[Job], Figures], job: Job, times: int) -> Figures:
    return {"process_seconds": median(run(job)["process_seconds"] for _ in range(times))}


def table(found: dict[str, list[Result]]) -> Table:
    """Return a table with one row per figure and one column per backend."""
    by_name = {result.name: result for backend in found.values() for result in backend}
    drawn = Table("", "at most", *found, box=box.SIMPLE_HEAD)
    for name, example in by_name.items():
        cells = {backend: result.text for backend, all_of in found.items() for result in all_of if result.name == name}
        limit = "" if example.limit is None else f"{example.limit:g} {example.unit}".strip()
        drawn.add_row(
            f"{name} {example.unit and f'({example.unit})'}".strip(),
            limit,
            *(cells.get(backend, "-") for backend in found),
        )
    return drawn


def _plan(options: argparse.Namespace) -> Plan:
    parts = tuple(options.part.split(","))
    if options.quick:
        short = Job(3, options.samples or 640)
        few = {"jobs": 2, "bare_jobs": 1, "own_examples": 640, "script_epochs": 2}
        return Plan(options.pairs or 1, short, short, _SWEPT, **few, parts=parts)
    return Plan(options.pairs or 5, Job(4, options.samples), Job(20, options.samples), _SWEPT, jobs=10, parts=parts)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="tensorflow,jax,torch", help="default: %(default)s")
    parser.add_argument("--pairs", type=int, help="rounds; each runs every contestant once (default: 5)")
    parser.add_argument("--part", default=",".join(_PARTS), help="what is measured (default: %(default)s)")
    parser.add_argument("--samples", type=int, help="training examples of a run (default: all)")
    parser.add_argument(
        "--quick", action="store_true", help="a functional check: 1 pair, 3 epochs, 640 examples, a sweep of 2"
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="the raw samples' file (default: in outputs/)")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="overrides of train.py, for all contestants")
    options = parser.parse_args(arguments)
    if unknown := set(options.part.split(",")) - set(_PARTS):
        parser.error(
            f"--part {options.part}: no such part: {', '.join(sorted(unknown))}; choose from {', '.join(_PARTS)}"
        )
    if options.output and options.output.with_suffix("").exists():
        parser.error(f"--output {options.output}: an earlier run's stores are beside it; name another file")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Run the comparison and print it. A missed limit is reported; the exit status is still 0."""
    options = _arguments(arguments)
    interruption.install()
    now = datetime.now()
    default = Path(work_path("outputs")) / f"{now:%Y-%m-%d}" / f"{now:%H-%M-%S}-overhead.json"
    file: Path = (options.output or default).resolve()
    try:
        with reporting():
            plan = _plan(options)
            found = _compare(options.backend.split(","), options.overrides, plan, file)
            console().print(table(found))
            console().print(f"raw samples: {file}", soft_wrap=True)
            if "report" in plan.parts:
                _report_of_finished_runs(20 if options.quick else 1000, file.with_suffix(".report.log"))
    except KeyboardInterrupt:
        kept = f"the completed rounds are in {file}" if file.exists() else "no round was completed"
        print(f"interrupted: no process is left running; {kept}", file=sys.stderr)
        raise SystemExit(130) from None


def _compare(backends: list[str], overrides: list[str], plan: Plan, file: Path) -> dict[str, list[Result]]:
    """Measure one backend after the other; write the raw samples to the file after every round."""
    file.parent.mkdir(parents=True, exist_ok=True)
    measured: dict[str, Any] = {}
    record = {
        "at": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        "hardware": {"cpu": hardware.cpu_name(), "cores": hardware.physical_cores()},
        **provenance.tags(),
        "command": shlex.join(["python", "-m", "benchmarks.overhead", *sys.argv[1:]]),
        "plan": asdict(plan),
        "backends": measured,
    }
    for backend in backends:
        announce = _announcing(backend)
        folder = file.with_suffix("") / backend
        contestants = Contestants(
            backend, overrides, folder, announce, plan.own_examples, mlflow="training" in plan.parts
        )
        measured[backend] = {"versions": contestants.versions, "rounds": []}
        for over in run_rounds(contestants, plan, announce):
            measured[backend]["rounds"].append(over)
            file.write_text(json.dumps(record, indent=1))
    return {backend: results(kept["rounds"], plan.jobs) for backend, kept in measured.items()}


def _announcing(backend: str) -> Announce:
    """Return a function that prints one line per step: a live display would disturb the measurements."""
    return lambda what: console().print(f"[dim]{datetime.now():%H:%M:%S}[/] [bold]{backend}[/]  {what}", soft_wrap=True)


def _report_of_finished_runs(runs: int, log: Path) -> None:
    """Run the report's own benchmark on so many finished runs, and print its result."""
    if not _REPORT.exists():
        console().print(f"report of {runs} finished runs: not measured, benchmarks/{_REPORT.name} is missing")
        return
    console().print(f"report of {runs} finished runs:")
    command = [sys.executable, "-m", f"benchmarks.{_REPORT.stem}", "--runs", str(runs)]
    console().print(processes.run(command, os.environ, log).output, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
