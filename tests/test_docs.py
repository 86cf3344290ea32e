"""The documentation is complete, names only what exists, and its commands are accepted."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir

from docs import make_reference as reference
from kerasbench import paths
from kerasbench.__main__ import COMMANDS
from kerasbench.config import command_line, composition, own_choices
from kerasbench.machine.nvml import Nvml
from kerasbench.machine.telemetry import Telemetry
from kerasbench.paths import CONF, PROJECT
from kerasbench.worker.protocol import now
from tests.compositions import compose
from tests.recorded_gpu import Recording
from tests.stub.driver import Stub

_LISTED = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
_NAMES = subprocess.run(_LISTED, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.splitlines()
FILES = [PROJECT / name for name in _NAMES if (PROJECT / name).is_file()]
PAGES = [file for file in FILES if file.suffix == ".md"]
_KEYS = [key for _, _, keys in reference.sections() for key in keys]
_COMMAND = r"(?:[A-Z_]+=\S+ )*(?:make|kerasbench|python train\.py) .*"
_OF_OVERRIDES = ("make sweep", "make parity", "kerasbench train", "python train.py")


def _id(file: Path) -> str:
    return str(file.relative_to(PROJECT))


def test_the_pages_are_found() -> None:
    assert {PROJECT / "README.md", reference.PAGE} < set(PAGES)


# What is documented


def test_the_reference_is_what_the_generator_makes_now() -> None:
    assert reference.PAGE.read_text() == reference.render(), "run `make docs`"


def test_every_configuration_key_has_a_meaning() -> None:
    assert {"seed", "backend.python", "model.optimizer", "trainer.callbacks"} <= {key.name for key in _KEYS}
    assert [key.name for key in _KEYS if not key.meaning] == []


def test_every_choice_and_make_target_has_a_meaning() -> None:
    assert len(reference.choices()) == len([file for file in CONF.rglob("*.yaml") if file.parent != CONF])
    assert [choice for choice, meaning in reference.choices().items() if not meaning] == []
    assert {"sweep", "docs"} <= set(reference.targets())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_has_a_meaning(command: str) -> None:
    arguments = reference.arguments(command)
    assert arguments
    assert [option for option, meaning in arguments.items() if not meaning] == []


def test_every_metric_and_tag_of_the_vocabulary_has_a_meaning() -> None:
    assert [name for name, _, meaning in reference.metrics() if not meaning] == []
    assert [name for name, meaning in reference.tags().items() if not meaning] == []


def _undocumented(names: set[str], documented: set[str]) -> set[str]:
    patterns = [re.sub(r"<\w+>", r".+", re.escape(name)) for name in documented]
    return {name for name in names if not any(re.fullmatch(pattern, name) for pattern in patterns)}


def test_every_metric_of_load_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    Recording().play(monkeypatch, lambda: 8.0)
    started = now()
    with Nvml() as nvml, Telemetry(os.getpid(), nvml, 0.02) as telemetry:
        time.sleep(0.3)
        figures = telemetry.between(started, now())
    assert {"cpu_percent", "gpu_0_power_watts"} < set(figures)
    assert _undocumented(set(figures), {name for name, _, _ in reference.metrics()}) == set()


@pytest.mark.slow
def test_every_metric_and_tag_of_a_run_is_documented(stub: Stub) -> None:
    assert stub.run("backend=theano", "trainer.augment=true", "label=mine").status == "FINISHED"
    assert stub.run("task=parity", "backend=theano", "parity.reference=theano").status == "FINISHED"
    runs = stub.runs()
    metrics = {name for run in runs for name in run.data.metrics}
    tags = {name for run in runs for name in run.data.tags}
    assert {"loss", "augmentation_seconds", "parity_loss"} < metrics
    assert _undocumented(metrics, {name for name, _, _ in reference.metrics()}) == set()
    assert _undocumented(tags, set(reference.tags())) == set()


# What the pages name


def _slugs(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text()):
        if "://" in target:
            continue
        linked = (page.parent / target) if target else page
        assert linked.exists(), target
        assert not anchor or anchor in _slugs(linked), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_path_in_code_exists_unless_a_part_of_it_is_a_placeholder(page: Path) -> None:
    tops = {file.relative_to(PROJECT).parts[0] for file in FILES}
    for path in re.findall(r"`([\w.-]+/[\w./-]*)`", page.read_text()):
        placeholder = any(Path(part).stem.isupper() and part != "README.md" for part in Path(path).parts)
        if path.split("/")[0] in tops and not placeholder:
            assert (PROJECT / path).exists(), path


def test_every_page_that_code_names_exists() -> None:
    for file in FILES:
        if file.suffix in (".py", ".yaml", ".toml", ".j2"):
            for path in re.findall(r"\bdocs/[\w/-]+\.md\b", file.read_text()):
                assert (PROJECT / path).exists(), f"{file} names {path}"


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_override_in_a_sentence_names_a_key_or_a_group(page: Path) -> None:
    groups = {folder.name for folder in CONF.iterdir() if folder.is_dir()}
    files = (CONF / "hydra" / "launcher").glob("*.yaml")
    launchers = {f"hydra.launcher.{key}" for file in files for key in reference.comments(file.read_text())}
    for key in re.findall(r"`([a-z][a-z_0-9.]*)=[^`]*`", page.read_text()):
        mapped = any(key.startswith(f"{known.name}.") for known in _KEYS if known.type == "mapping")
        assert key in groups | launchers or key in {known.name for known in _KEYS} or mapped, key


# The commands in the pages


def _commands(page: Path) -> Iterator[str]:
    """Yield the commands in a page's code blocks and inline code, without trailing comments."""
    text, fenced = page.read_text().replace("\\\n", " "), False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        if page.suffix == ".yaml":
            yield from re.findall(r"^[ #]+(python train\.py .*)$", line)
        elif fenced or line.startswith("    "):
            yield from re.findall(rf"^\s*(?:\$ )?({_COMMAND})$", line)
        else:
            yield from re.findall(rf"`({_COMMAND.replace('.*', '[^`]*')})`", line)


_TYPING = [page for page in [*PAGES, *sorted(CONF.rglob("*.yaml"))] if page != reference.PAGE]
_TYPED = [(_id(page), command) for page in _TYPING for command in _commands(page)]


def _words(command: str) -> list[str]:
    """Return a command's words, including those of ARGS, without variables set before it or for make."""
    words = shlex.split(command, comments=True)
    opened = [one for word in words for one in (shlex.split(word[5:]) if word.startswith("ARGS=") else [word])]
    return [word for word in opened if not re.match(r"[A-Z_]+=", word)]


@pytest.fixture
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of their own that readers have where they type the commands."""
    (tmp_path / "net.py").write_text("def build(input_shapes, classes, width=8): ...\n")
    for name in ("my_train.py", "small.py", "large.py", "my_data.py"):
        (tmp_path / name).write_text("def load(): ...\n")
    for name in ("mine.npz", "table.csv", "my-requirements.txt"):
        (tmp_path / name).write_text("six\n")
    (tmp_path / "images").mkdir()
    for name in ("examples", "conf"):
        (tmp_path / name).symlink_to(PROJECT / name)
    for module in (paths, own_choices):
        monkeypatch.setattr(module, "STARTED_IN", tmp_path)


@pytest.mark.usefixtures("own_files")
@pytest.mark.parametrize(("page", "command"), _TYPED)
def test_a_command_in_the_docs_is_accepted(page: str, command: str) -> None:
    program, name, *arguments = [*_words(command), ""]
    if program == "make":
        assert name in reference.targets()
    elif program == "kerasbench" and name != "--help":
        assert name in COMMANDS
    if f"{program} {name}" in _OF_OVERRIDES:
        _compose([argument for argument in arguments if "=" in argument])
    elif name in COMMANDS:
        known = " ".join(reference.arguments(name)).split()
        assert {word for word in arguments if word.startswith("--")} <= {*known, "--help"}


def _compose(overrides: list[str]) -> None:
    """Compose a command's overrides; for a sweep, often enough to use each of its values."""
    composition.register()
    choices = []
    for override in overrides:
        key, _, value = override.partition("=")
        if not key.startswith("hydra"):  # launchers and sweepers are extras that may not be installed
            searched = re.findall(r"interval\((.*?),", value)
            values = searched or ([value] if value.startswith("[") else value.split(","))
            choices.append([f"{key}={one}" for one in values if not one.isupper()])  # NAME is a placeholder
    choices = [values for values in choices if values]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for turn in range(max(map(len, choices), default=0)):
            compose("config", command_line.adding([values[turn % len(values)] for values in choices]))
