"""Hands pip's configuration (a company's mirror, a folder of wheels) on to uv, which does not read it."""

import os
import subprocess
import sys

_UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}


def for_uv() -> dict[str, str]:
    """Return this process's environment with pip's settings under uv's names; uv's own, where set, win."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    environment = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # pip's way: the best version of all indexes
    for line in sorted(listing.splitlines(), key=lambda line: line.startswith(":env:")):  # variables win over files
        key, _, quoted = line.partition("=")
        name = _UV_NAMES.get(key.rpartition(".")[2])
        if name:
            separator = "," if name == "UV_FIND_LINKS" else " "
            environment[name] = separator.join(quoted.strip("'").replace("\\n", " ").split())
    return environment | os.environ


if __name__ == "__main__":  # `python pip_settings.py pip install ...` is `uv pip install ...` with pip's settings
    import uv

    os.execve(uv.find_uv_bin(), ["uv", *sys.argv[1:]], for_uv())
