from pathlib import Path

import pytest

from kerasbench.environments import pip_settings


def test_pips_mirror_and_wheels_are_handed_to_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = http://mirror.example/simple\nfind-links = /wheels\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_FIND_LINKS", "/other-wheels /more")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    handed = pip_settings.for_uv()
    assert handed["UV_DEFAULT_INDEX"] == "http://mirror.example/simple"
    assert handed["UV_FIND_LINKS"] == "/other-wheels,/more"  # a variable wins over the file


def test_uvs_own_settings_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    monkeypatch.setenv("UV_FIND_LINKS", "/uv-wheels")
    assert pip_settings.for_uv()["UV_FIND_LINKS"] == "/uv-wheels"
