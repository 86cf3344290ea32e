from pathlib import Path

import pytest

from kerasbench.environments import pip_settings


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home folder without any pip configuration."""
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "UV_FIND_LINKS", "UV_DEFAULT_INDEX", "UV_INDEX", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "pip.conf").write_text("")
    return tmp_path


def test_pips_mirror_and_wheels_are_handed_to_uv(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "pip.conf").write_text("[global]\nindex-url = http://mirror.example/simple\nfind-links = /wheels\n")
    monkeypatch.setenv("PIP_FIND_LINKS", "/other-wheels /more")
    handed = pip_settings.for_uv()
    assert handed["UV_DEFAULT_INDEX"] == "http://mirror.example/simple"
    assert handed["UV_FIND_LINKS"] == "/other-wheels,/more"  # a variable wins over the file


@pytest.mark.slow
def test_uvs_own_sources_win_and_nothing_else_of_its_file_is_handed_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "pip.conf").write_text("[global]\nindex-url = http://mirror.example/simple\nfind-links = /wheels\n")
    (home / ".config/uv").mkdir(parents=True)
    (home / ".config/uv/uv.toml").write_text(
        'exclude-newer = "2020-01-01"\noverride-dependencies = ["numpy==1.0"]\n'
        '[[index]]\nurl = "http://uv.example/simple"\ndefault = true\n'
        '[[index]]\nname = "own"\nurl = "http://own.example/simple"\n'
        '[pip]\nfind-links = ["/uv-wheels"]\n'
    )
    handed = pip_settings.for_uv()
    assert handed["UV_DEFAULT_INDEX"] == "http://uv.example/simple"
    assert handed["UV_INDEX"] == "own=http://own.example/simple"
    assert handed["UV_FIND_LINKS"] == "/uv-wheels"
    assert not {"UV_EXCLUDE_NEWER", "UV_OVERRIDE"} & set(handed)
    monkeypatch.setenv("UV_FIND_LINKS", "/variable")
    assert pip_settings.for_uv()["UV_FIND_LINKS"] == "/variable"


@pytest.mark.slow
def test_variables_that_change_what_is_installed_are_left_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_OVERRIDE", "UV_EXCLUDE_NEWER", "PYTHONPATH"):
        monkeypatch.setenv(name, "x")
    assert not {"UV_OVERRIDE", "UV_EXCLUDE_NEWER", "PYTHONPATH"} & set(pip_settings.for_uv())


@pytest.mark.slow
def test_a_home_folder_that_cannot_be_written_leaves_uv_without_its_cache(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "UV_CACHE_DIR", "UV_NO_CACHE"):
        monkeypatch.delenv(name, raising=False)
    assert "UV_NO_CACHE" not in pip_settings.for_uv()
    monkeypatch.setenv("HOME", str(home / "pip.conf"))  # a file, into which root cannot write a folder, either
    assert pip_settings.for_uv()["UV_NO_CACHE"] == "true"
    monkeypatch.setenv("UV_CACHE_DIR", str(home / "cache"))
    assert "UV_NO_CACHE" not in pip_settings.for_uv()


@pytest.mark.slow
def test_a_file_of_uv_that_cannot_be_read_is_none_and_one_that_is_no_toml_is_named(
    home: Path,
) -> None:
    (home / ".config").touch()  # a file, where a folder is looked for
    assert "UV_INDEX" not in pip_settings.for_uv()
    (home / ".config").unlink()
    (home / ".config/uv").mkdir(parents=True)
    (home / ".config/uv/uv.toml").write_bytes(b"index-url = \xff")
    with pytest.raises(SystemExit, match=r"error: .*uv\.toml"):
        pip_settings.for_uv()
