"""Makes one environment: installs packages and additions, or adopts the user's, and has it proven."""

import importlib
import itertools
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uv

from kerasbench.environments import existing, hard_links, sizes
from kerasbench.environments.child_processes import ChildProcesses
from kerasbench.environments.download import Download
from kerasbench.environments.proof import Proof, Prover
from kerasbench.environments.specification import Specification
from kerasbench.terminal.errors import UserError

PACKAGES = "packages.txt"
_CONFLICT = "No solution found"  # uv's words for packages that do not go together
_NO_CPU_BUILD = re.compile(r"==[\w.]+\+\w+")  # uv's reason names a build, such as torch==2.13.0+cpu


@dataclass(frozen=True)
class Installation:
    """The installation of one environment.

    Attributes:
        wanted: the environment.
        interpreter: the Python interpreter that the virtual environment is made from.
        variables: uv's environment variables.
        announce: shows the current step.
        processes: starts the child processes.
    """

    wanted: Specification
    interpreter: Path
    variables: Mapping[str, str]
    announce: Callable[[str], None]
    processes: ChildProcesses

    def make(self) -> None:
        """Make the environment in a temporary folder, move it into place once it is proven.

        A failed or interrupted installation leaves only a log (NAME.log).

        Raises:
            UserError: the installation or the proof fails.
        """
        folder, backend = self.wanted.folder, self.wanted.backend
        for leftover in folder.parent.glob(f".{backend.name}.tmp-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        # Not tempfile, whose folders only their owner can read: the umask decides who shares an environment.
        place = folder.parent / f".{backend.name}.tmp-{secrets.token_hex(4)}"
        try:
            proof = self._install(place, self._log)
            proof.write(place)
            if folder.exists():
                shutil.rmtree(folder)  # damaged, or its interpreter is gone
            place.rename(folder)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        self._announce_proven(proof)

    def prove_again(self, earlier: Proof) -> None:
        """Prove the environment where it is: the driver, a card, or a file that it computes with is another.

        If a file is damaged, and the packages are kerasbench's own, it is made again.

        Raises:
            UserError: the proof fails.
        """
        folder = self.wanted.folder
        damaged = not earlier.is_sound(folder)
        why = "a file has changed" if earlier.files else "not done before"
        self.announce(f"proving its kernels: {why if damaged else 'another driver or card'}")
        self._log.unlink(missing_ok=True)
        try:
            proof = Prover(self.wanted, folder, self._log, self.processes).prove(earlier)
        except UserError as error:
            if not damaged or self.wanted.use:
                raise
            self.announce(f"making it again: {error}")
            self.make()
        else:
            proof.write(folder)
            self._announce_proven(proof)

    @property
    def _log(self) -> Path:
        return self.wanted.folder.parent / f"{self.wanted.backend.name}.log"

    def _announce_proven(self, proof: Proof) -> None:
        versions, kernels = proof.versions, proof.kernels[-1]
        self.announce(
            f"ready: Keras {versions['keras_version']}, {self.wanted.backend.framework} {versions['backend_version']}, "
            f"Python {versions['python_version']}; kernels proven on {kernels['device']} in {kernels['seconds']:.1f} s"
        )

    def _install(self, place: Path, log: Path) -> Proof:
        log.unlink(missing_ok=True)  # it may be another user's
        if self.wanted.use:
            existing.write_launcher(self.wanted.used, place)
            packages = self.wanted.used.packages
        else:
            packages = self._install_packages(place, log)
        (place / PACKAGES).write_text(packages, encoding="utf-8")
        # The first import compiles only the modules that it needs. On two cores, TensorFlow's takes 8.1 s; compiling
        # all modules first takes 9.5 s, and the import another 2.6 s. The first training compiles six more modules.
        self.announce(f"importing Keras on {self.wanted.backend.framework}")
        return Prover(self.wanted, place, log, self.processes).prove()

    def _install_packages(self, place: Path, log: Path) -> str:
        """Make a virtual environment with the backend's packages and the user's, and return the list of all."""
        requirements, extra = self.wanted.requirements, self.wanted.extra
        python = place / "bin" / "python"
        self.announce("creating a virtual environment")
        self._uv(log, "venv", "--no-project", "--python", self.interpreter, place)
        size = sizes.of_packages(requirements)
        told = f" ({size})" if size else ""
        self.announce(f"installing the packages of {' and '.join([requirements.name, *extra])}{told}")
        # One call for all packages: the pins are requirements, too, so that no extra package can change one.
        install: tuple[str | Path, ...] = (
            "pip",
            "install",
            "--python",
            python,
            "--requirement",
            requirements,
            *extra,
            "--link-mode",
        )
        if self.wanted.backend.chosen:
            self._link(log, place, install)
        else:
            # Copies instead of uv's hard links into its cache: damage to a linked file would spread to all later
            # environments. For TensorFlow, copies take 2.8 s instead of 0.7 s, and 1.4 GiB.
            self._copy(log, *install, "copy")
        packages = self._uv(log, "pip", "freeze", "--python", python)
        for name in self.wanted.backend.post_install:
            importlib.import_module(f"kerasbench.environments.post_install.{name}").apply(place)
        return packages

    def _copy(self, log: Path, *install: str | Path) -> None:
        """Install a CPU build; where the configured package sources lack it, from the framework's own index, too.

        Raises:
            UserError: the installation fails.
        """
        index = self.wanted.backend.index
        try:
            self._fetch(log, self.variables, *install)
        except UserError as lacking:
            if not index or not _NO_CPU_BUILD.search(str(lacking)):
                raise
            self.announce(f"the configured package sources lack the CPU build: looking in {index}")
            indexes = f"{self.variables.get('UV_INDEX', '')} {index}".strip()
            try:
                self._fetch(log, {**self.variables, "UV_INDEX": indexes}, *install)
            except UserError as failed:
                if _CONFLICT in str(failed) and str(failed) != str(lacking):
                    raise  # the CPU build was found, and something else does not go together
                why = "" if str(failed) == str(lacking) else f" ({failed})"
                on_gpu = [f"backend.requirements={one.requirements}" for one in self.wanted.backend.builds[:1]]
                way_out = "".join(
                    f"; {one} installs a build with CUDA, which computes on the CPU, too" for one in on_gpu
                )
                raise UserError(f"{lacking}; nor can it be had from {index}{why}{way_out}") from failed

    def _link(self, log: Path, place: Path, install: Sequence[str | Path]) -> None:
        """Install a GPU build by hard links, because several contain the same gigabytes of CUDA; check what is linked.

        Raises:
            UserError: the installation fails, or a file is damaged and remains so when it has been fetched again.
        """
        self._fetch(log, self.variables, *install, "hardlink")
        self.announce("checking the files that are shared with uv's cache")
        packages = hard_links.damaged(place)
        if packages:
            self.announce(f"uv's cache holds damaged files of {', '.join(packages)}: fetching these packages again")
            self._uv(log, "cache", "clean", *packages)
            again = itertools.chain.from_iterable(("--reinstall-package", one) for one in packages)
            self._fetch(log, self.variables, *install, "hardlink", *again)
            if still := hard_links.damaged(place):
                raise UserError(
                    f"{self.wanted.backend.name}: the files of {', '.join(still)} arrive damaged (log: {log})"
                )

    def _fetch(self, log: Path, variables: Mapping[str, str], *arguments: str | Path) -> None:
        """Run uv with its messages in the log, and show the progress of its downloads."""
        download = Download(self.announce)
        with log.open("a") as messages:

            def read(line: str) -> None:
                messages.write(line)
                download.read(line)

            status = self.processes.follow([uv.find_uv_bin(), "--no-config", *arguments], read, env=variables)
        if status:
            raise UserError(self._why(log, f"`uv {arguments[0]} {arguments[1]}` failed"))

    def _uv(self, log: Path, *arguments: str | Path) -> str:
        """Run uv with its messages in the log, and return its output."""
        with log.open("a") as messages:
            done = self.processes.run(
                [uv.find_uv_bin(), "--no-config", *arguments],
                env=self.variables, stdout=subprocess.PIPE, stderr=messages,
            )  # fmt: skip
        if done.returncode:
            raise UserError(self._why(log, f"`uv {arguments[0]} {arguments[1]}` failed"))
        return done.stdout

    def _why(self, log: Path, what: str) -> str:
        """Return one line with uv's reason; packages that do not go together are the user's, because the pins do."""
        name, extra = self.wanted.backend.name, self.wanted.extra
        headline, reason = _error(log)
        if extra and headline.startswith(_CONFLICT):
            what = f"{', '.join(extra)} cannot be installed beside the packages of {self.wanted.requirements.name}"
        elif headline != reason:  # a package that cannot be built, and the last line of its own script
            what = f"{what}: {headline}"
        return f"{name}: {what}: {reason} (log: {log})"


def _error(log: Path) -> tuple[str, str]:
    """Return uv's last error, and its last cause or the last error of a program that it ran, each in one line."""
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.strip()] or ["no message"]
    marked = [number for number, line in enumerate(lines) if line.strip().lower().startswith(("error", "cause"))]
    first, *rest = lines[marked[-1] :] if marked else lines[-1:]
    further = itertools.takewhile(lambda line: line[0].isspace(), rest)
    reason = " ".join(_unmarked(line) for line in (first, *further))
    return next((_unmarked(line) for line in reversed(lines) if line.startswith("error: ")), reason), reason


def _unmarked(line: str) -> str:
    return re.sub("^(error|cause): ", "", line.strip())
