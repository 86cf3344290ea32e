"""The user's packages beside a backend's: resolved together, in an environment of their own."""

import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from kerasbench import environments
from kerasbench.config import composition
from kerasbench.environments import Specification
from kerasbench.paths import PROJECT
from kerasbench.terminal.errors import UserError
from tests.conftest import Train


def _wanted(folder: Path, *overrides: str) -> Specification:
    return Specification.of(composition.compose([f"environments.folder={folder}", *overrides]))


def test_other_packages_are_another_environment_and_their_order_and_place_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("six\nhumanize\n")
    plain = _wanted(tmp_path, "backend=theano")
    one = _wanted(tmp_path, "backend=theano", "environments.extra=[humanize]")
    two = _wanted(tmp_path, "backend=theano", "environments.extra=[humanize,six]")
    same = _wanted(tmp_path, "backend=theano", f"environments.requirements={tmp_path}/mine.txt")
    assert len({plain.folder, one.folder, two.folder}) == 3
    assert same.folder == two.folder


def test_the_reference_backend_gets_the_same_packages_but_not_the_users_environment(tmp_path: Path) -> None:
    reference = composition.backend_named("tensorflow")
    config = composition.compose(["backend=jax", "environments.extra=[humanize]"])
    assert Specification.of(config, reference).extra == ("humanize",)
    config = composition.compose(["backend=jax", "environments.use=true", "backend.interpreter=/mine/bin/python"])
    assert Specification.of(config).use
    assert not Specification.of(config, reference).use
    assert Specification.of(config, composition.backend_named("jax")) == Specification.of(config)


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "theano"])
def test_a_package_can_be_imported_beside_a_backends_own(tmp_path: Path, backend: str) -> None:
    wanted = _wanted(tmp_path, f"backend={backend}", "environments.extra=[humanize]")
    made = environments.provision(wanted, print)
    code = "import humanize; print(humanize.naturalsize(2048, binary=True))"
    done = subprocess.run([made.python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2.0 KiB"
    plain = environments.provision(replace(wanted, cache=PROJECT / ".envs", extra=()), print)
    own, pinned = (set(one.packages.read_text().split()) for one in (made, plain))
    assert pinned <= own
    assert "humanize" in {package.partition("==")[0] for package in own - pinned}


@pytest.mark.slow
def test_a_package_that_cannot_be_built_is_named(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("raise SystemExit('error: no compiler')\n")
    with tarfile.open(tmp_path / "broken-1.0.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "setup.py", "broken-1.0/setup.py")
    requirement = f"broken @ file://{tmp_path}/broken-1.0.tar.gz"
    with pytest.raises(UserError, match=r"broken.*: no compiler") as caught:
        environments.provision(
            _wanted(tmp_path / "envs", "backend=theano", f"environments.extra=['{requirement}']"), print
        )
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "named"),
    [("numpy<1.19", ["numpy<1.19", "numpy==1.19.5"]), ("tensorflow==2.6.2", ["tensorflow==2.6.2", "keras==2.3.1"])],
)
def test_a_package_that_would_change_a_pinned_one_is_one_line_that_names_both(
    train: Train, tmp_path: Path, extra: str, named: list[str]
) -> None:
    folder = tmp_path / "envs"
    done = train("backend=theano", f"environments.extra=['{extra}']", f"environments.folder={folder}")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    for name in named:
        assert name in line
    assert [path.name for path in folder.iterdir() if path.is_dir()] == []
