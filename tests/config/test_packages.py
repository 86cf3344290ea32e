"""The user's own packages: which are accepted, and that only what they say counts."""

from pathlib import Path

import pytest

from kerasbench import paths
from kerasbench.config import composition, identity, packages
from kerasbench.terminal.errors import UserError


def _extra(*overrides: str) -> tuple[str, ...]:
    return packages.extra(composition.compose(list(overrides)).environments)


def test_the_same_packages_are_the_same_from_a_file_or_a_list_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "STARTED_IN", tmp_path)  # a relative path starts there
    (tmp_path / "mine.txt").write_text("\ufeff# mine\n\nsix >= 1.0 # for Python 2\n  humanize\nhumanize\n", "utf-8")
    wheel = "name @ https://host.invalid/name-1.0-py3-none-any.whl#sha256=0"
    assert _extra("environments.requirements=mine.txt") == ("humanize", "six>=1.0")
    assert _extra("environments.extra=[humanize,'six>=1.0']") == ("humanize", "six>=1.0")
    assert _extra("environments.requirements=mine.txt", f"environments.extra=['{wheel}',humanize]") == (
        "humanize", wheel, "six>=1.0",
    )  # fmt: skip
    assert _extra() == ()


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("environments.extra=['']", "environments.extra"),
        ("environments.extra=['six==']", "six=="),
        ("environments.extra=['./wheels/six.whl']", "./wheels/six.whl"),
        ("environments.extra=['--pre']", "--pre"),
        ("environments.extra=['six @ file:///nosuch/six.whl']", "/nosuch/six.whl"),
        ("environments.extra=['six @ https://me:secret@host.invalid/six.whl nosuch']", "environments.extra"),
        ("environments.extra=six", "environments.extra"),
        ("environments.requirements=nosuch.txt", "/nosuch.txt"),
        ("environments.requirements=.", "environments.requirements"),
        ("environments.requirements=''", "environments.requirements"),
        ("environments.requirements=/dev/null", "/dev/null"),
        ("environments.requirements={}/options.txt", "options.txt, line 2"),
        ("environments.requirements={}/binary.txt", "binary.txt"),
    ],
)
def test_what_names_no_package_is_refused_by_name(tmp_path: Path, override: str, named: str) -> None:
    (tmp_path / "options.txt").write_text("six\n-r others.txt\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Exception, match=named) as caught:
        composition.compose([override.format(tmp_path)])
    assert isinstance(caught.value, UserError) or override.endswith("=six")  # OmegaConf's own
    assert len(str(caught.value).splitlines()) == 1 or override.endswith("=six")
    assert "secret" not in str(caught.value)


def test_a_folder_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{tmp_path} is not a file"):
        composition.compose([f"environments.extra=['mine @ file://{tmp_path}']"])


def test_an_environment_to_use_needs_an_interpreter_and_takes_no_packages(tmp_path: Path) -> None:
    use = ["environments.use=true", "backend.interpreter=/nosuch/bin/python"]
    (tmp_path / "mine.txt").write_text("six")
    assert composition.compose(use).environments.use
    with pytest.raises(UserError, match=r"backend\.interpreter="):
        composition.compose(["environments.use=true"])
    for own in ("environments.extra=[six]", f"environments.requirements={tmp_path}/mine.txt"):
        with pytest.raises(UserError, match=r"environments\.use=true"):
            composition.compose([*use, own])


def test_runs_with_other_packages_may_be_ranked_together() -> None:
    plain, own = composition.compose([]), composition.compose(["environments.extra=[six]"])
    assert identity.comparison(own, []) == identity.comparison(plain, [])
