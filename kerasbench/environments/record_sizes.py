"""Record the size of each pinned package in requirements/sizes.json (`make lock` runs it).

uv resolves each file of requirements to wheels and their addresses (pylock.toml, PEP 751). Of a wheel, only the end is
read, where a ZIP file lists its content.
"""

import io
import json
import subprocess
import tarfile
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
import uv
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from kerasbench.config.composition import backend_named
from kerasbench.environments import interpreters, pip_settings
from kerasbench.environments.sizes import RECORDED
from kerasbench.paths import CONF

_GLIBCS = range(40, 4, -1)  # manylinux_2_39 and older
_PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in _GLIBCS] + [
    "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64",
]  # fmt: skip
_PYTHONS = ("3.13", "3.12", "3.11", "3.6")  # of a package that two of them install, the older one's wheel counts
_ENDS = (1 << 18, 1 << 22, 1 << 26)  # bytes from a wheel's end, until its list of files is in them


def main() -> None:
    """Resolve the requirements of all builds, and write the sizes of their packages."""
    addresses: dict[str, str] = {}
    for file in sorted((CONF / "backend").glob("*.yaml")):
        backend = backend_named(file.stem)
        python = interpreters.find(backend.python, None, backend.name)
        for name in [backend.requirements, *(build.requirements for build in backend.builds)]:
            for version in filter(SpecifierSet(backend.python).contains, _PYTHONS):
                addresses |= _resolved(RECORDED.with_name(name), python, version, backend.index)
    with ThreadPoolExecutor(8) as pool:
        sizes = dict(zip(addresses, pool.map(_size, addresses.values()), strict=True))
    RECORDED.write_text(json.dumps(dict(sorted(sizes.items())), indent=1) + "\n", encoding="utf-8")
    print(f"{RECORDED}: {len(sizes)} packages, {sum(one['download'] for one in sizes.values()) / 1e6:,.0f} MB")


def _resolved(requirements: Path, python: Path, version: str, index: str | None) -> dict[str, str]:
    """Return the address of each package's wheel, or of its source, as a Python of the version installs them."""
    variables = pip_settings.for_uv()
    command: list[str | Path] = [
        uv.find_uv_bin(), "--no-config", "pip", "compile", "--quiet", "--format", "pylock.toml", "--no-header",
        "--python", python, "--python-version", version, requirements,
    ]  # fmt: skip
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode and index:
        variables["UV_INDEX"] = f"{variables.get('UV_INDEX', '')} {index}".strip()
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{requirements.name}: {done.stderr}")
    wanted = _tags(*map(int, version.split(".")))
    return {f"{one['name']}=={one['version']}": _address(one, wanted) for one in tomllib.loads(done.stdout)["packages"]}


def _tags(major: int, minor: int) -> dict[Tag, int]:
    """Return the tags of the wheels that a Python on Linux x86-64 installs, with their rank, the best first."""
    of_cpython = cpython_tags((major, minor), platforms=_PLATFORMS)
    return {tag: rank for rank, tag in enumerate([*of_cpython, *compatible_tags((major, minor), platforms=_PLATFORMS)])}


def _address(package: dict[str, Any], wanted: dict[Tag, int]) -> str:
    ranked = []
    for wheel in package.get("wheels", []):
        address = _url(wheel)
        ranks = [wanted[tag] for tag in parse_wheel_filename(address.rpartition("/")[2])[3] if tag in wanted]
        ranked += [(min(ranks), address)] if ranks else []
    return min(ranked)[1] if ranked else _url(package["sdist"])


def _url(file: dict[str, Any]) -> str:
    address = file.get("url") or Path(file["path"]).absolute().as_uri()
    return str(address).partition("#")[0].replace("%2B", "+")


def _size(address: str) -> dict[str, int]:
    if not address.endswith(".whl"):
        content = _end(address, None)[0]
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            return {"download": len(content), "installed": sum(member.size for member in archive)}
    for count in _ENDS:
        end, whole = _end(address, count)
        try:
            with zipfile.ZipFile(io.BytesIO(end)) as wheel:
                return {"download": whole, "installed": sum(member.file_size for member in wheel.infolist())}
        except (zipfile.BadZipFile, ValueError):  # the list begins before
            continue
    raise SystemExit(f"{address} is not a wheel")


def _end(address: str, count: int | None) -> tuple[bytes, int]:
    """Return the last bytes of a file, or all, and its size."""
    if urlsplit(address).scheme == "file":
        content = Path(url2pathname(urlsplit(address).path)).read_bytes()
        return content[-count:] if count else content, len(content)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes=-{count}"} if count else {})
    with requests.get(address, headers=headers, timeout=60) as answer:
        answer.raise_for_status()
        _, _, whole = answer.headers.get("Content-Range", "").partition("/")
        return answer.content, int(whole or len(answer.content))


if __name__ == "__main__":
    main()
