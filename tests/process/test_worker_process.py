"""The worker's process: what it inherits, and why it ended."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kerasbench import environments
from kerasbench.config import settings
from kerasbench.config.composition import backend_named
from kerasbench.config.schema import CPU, SettingsConfig
from kerasbench.paths import PROJECT
from kerasbench.process import worker_process
from kerasbench.process.worker_process import WorkerDied, WorkerProcess, variables
from kerasbench.worker import protocol
from tests.conftest import theano

_IN_HOME = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR", "MXNET_HOME", "CUDA_CACHE_PATH")


def test_a_worker_takes_over_a_few_variables_and_no_credentials_and_no_thread_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"OMP_NUM_THREADS": "7", "AWS_SECRET_ACCESS_KEY": "s", "CUDA_VISIBLE_DEVICES": "1"}.items():
        monkeypatch.setenv(name, value)
    found = variables(Path("/env"), "jax", threads=2, own={"NPROC": "2"})
    assert found["OMP_NUM_THREADS"] == found["MKL_NUM_THREADS"] == found["OPENBLAS_NUM_THREADS"] == "2"
    assert (found["CUDA_VISIBLE_DEVICES"], found["CUDA_DEVICE_ORDER"]) == ("1", "PCI_BUS_ID")
    assert (found["KERAS_BACKEND"], found["NPROC"]) == ("jax", "2")
    assert "AWS_SECRET_ACCESS_KEY" not in found


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONSTARTUP", "THEANO_FLAGS", "THEANORC", "XLA_FLAGS", *_IN_HOME])
def test_what_configures_a_framework_is_not_inherited(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/the/users/own")
    assert variables(Path("/env"), "jax", 1, {}).get(name) != "/the/users/own"


def test_a_frameworks_files_are_in_its_environment_and_the_users_home_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    found = variables(Path("/env"), "theano", 1, {})
    assert found["HOME"] == str(tmp_path)
    assert all(found[name].startswith("/env/") for name in (*_IN_HOME, "KERAS_HOME"))


@pytest.mark.parametrize("home", [None, "", "/proc/nonexistent", "/dev/null", "/proc"])
def test_where_nothing_can_be_written_at_home_a_worker_has_one_of_its_own(
    monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    if home == "/proc":  # root may write everywhere, if it is asked
        monkeypatch.setattr(os, "access", lambda path, mode: path != home)
    if home is None:
        monkeypatch.delenv("HOME", raising=False)
    else:
        monkeypatch.setenv("HOME", home)
    assert variables(Path("/env"), "theano", 1, {})["HOME"] == "/env/home"


def test_a_builds_libraries_come_before_those_of_the_system_and_a_cpu_build_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cuda/lib")
    (cudnn := tmp_path / "lib/python3.6/site-packages/nvidia/cudnn/lib").mkdir(parents=True)
    started: list[dict[str, str]] = []
    monkeypatch.setattr(worker_process, "WorkerProcess", lambda python, own, log, limits: started.append(own))
    for build in ("cuda11", CPU):
        backend = replace(backend_named("mxnet"), build=build)
        resolved = settings.resolve(backend, SettingsConfig(), convolutional=False)
        worker_process.start(tmp_path, backend, resolved, tmp_path / "log")
    assert [own["LD_LIBRARY_PATH"] for own in started] == [f"{cudnn}:/opt/cuda/lib", "/opt/cuda/lib"]


def test_a_worker_imports_nothing_of_the_users_own_packages() -> None:
    code = "import site; print(site.ENABLE_USER_SITE)"
    python = sys._base_executable  # type: ignore[attr-defined]  # a virtual environment leaves them out anyway
    for own, told in ((variables(Path("/env"), "jax", 1, {}), "False"), ({"HOME": "/"}, "True")):
        done = subprocess.run([python, "-c", code], env=own, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == told


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1", ""])
def test_a_worker_reads_and_writes_utf_8_under_any_locale(monkeypatch: pytest.MonkeyPatch, locale: str) -> None:
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        monkeypatch.setenv(name, locale)
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    code = "import locale; print('· ü', '\\udcff', locale.getpreferredencoding(), ascii(open('/dev/null').encoding))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables(Path("/env"), "jax", 1, {}), capture_output=True, check=True
    )
    assert done.stdout.decode("utf-8").lower().split() == ["·", "ü", "\\udcff", "utf-8", "'utf-8'"]


@pytest.mark.slow
@theano
def test_theano_reads_no_configuration_of_the_users_and_prints_in_utf_8(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".theanorc").write_text("[global]\noptimizer = None\nlinker = py\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "C")
    environment = environments.provision(environments.Specification(backend_named("theano"), PROJECT / ".envs"), print)
    own = {"THEANO_FLAGS": f"device=cpu,base_compiledir={tmp_path}/compiled"}
    code = "import theano; print('·', theano.config.optimizer, theano.config.linker)"
    done = subprocess.run(
        [environment.python, "-c", code], env=variables(environment.folder, "theano", 1, own), capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode("utf-8").split() == ["·", "o4", "cvm"]  # its defaults


def _python(tmp_path: Path, script: str) -> Path:
    """Return an executable in place of a worker's interpreter; `$3` is the descriptor of its event channel."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o755)
    return python


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 0", "exited with code 0 before it had finished"),
        ("exit 7", "exited with code 7"),
        ("kill -9 $$", "signal 9 (SIGKILL)"),
        ("kill -40 $$", "signal 40"),  # a real-time signal has no name
        (f"""echo '{{"version": {protocol.VERSION}}}' > /dev/fd/$3""", "no kind"),
        ("echo '[1]' > /dev/fd/$3", "no valid event"),
        ("echo null > /dev/fd/$3", "no valid event"),
        ("printf '\\377\\n' > /dev/fd/$3", "no valid event"),
        ("printf '{\"version\"' > /dev/fd/$3", "exited with code 0"),
    ],
)
def test_a_worker_that_ends_or_talks_nonsense_has_died_of_a_named_cause(
    tmp_path: Path, script: str, reason: str
) -> None:
    with WorkerProcess(_python(tmp_path, script), dict(os.environ), tmp_path / "log") as worker:
        with pytest.raises(WorkerDied) as died:
            worker.expect(protocol.READY)
    assert reason in str(died.value)


@pytest.mark.parametrize(("before", "after", "told"), [(7, 8, True), (7, 7, False), (None, None, False)])
def test_a_worker_that_was_killed_while_the_kernel_killed_for_want_of_memory_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int | None, after: int | None, told: bool
) -> None:
    counters = tmp_path / "vmstat"
    monkeypatch.setattr(worker_process, "_KERNEL_COUNTERS", counters)
    if before is not None:
        counters.write_text(f"nr_free_pages 3\noom_kill {before}\n")
    counting = f"printf 'oom_kill {after}\\n' > {counters}" if after is not None else "true"
    with WorkerProcess(_python(tmp_path, f"{counting}; kill -9 $$"), dict(os.environ), tmp_path / "log") as worker:
        with pytest.raises(WorkerDied) as died:
            worker.expect(protocol.READY)
    assert ("out of memory" in str(died.value)) == told


@pytest.mark.parametrize("ends", ["sys.exit(0)", "sys.exit('enough')"])
def test_a_worker_in_which_somebody_calls_exit_has_not_finished(tmp_path: Path, ends: str) -> None:
    (tmp_path / "keras.py").write_text(f"import sys; {ends}", encoding="utf-8")
    own = {"PYTHONPATH": str(tmp_path), "KERAS_BACKEND": "keras"}
    with WorkerProcess(Path(sys.executable), own, tmp_path / "log") as worker:
        with pytest.raises(WorkerDied) as died:
            worker.expect(protocol.READY)
    assert ends in str(died.value)
    assert "signal" not in str(died.value)


def test_drivers_and_workers_clocks_are_one(tmp_path: Path) -> None:
    before = protocol.now()
    code = "from kerasbench.worker import protocol; print(protocol.now())"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert before < float(done.stdout) < protocol.now()
