"""Calls a user's function in a process of its own, and reads the arrays that it returns."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from kerasbench.data.own import call, npy
from kerasbench.data.own.source import Source
from kerasbench.paths import STARTED_IN
from kerasbench.terminal.errors import UserError


class Function:
    """The arrays that a function in a Python file returns."""

    def __init__(self, path: Path, function: str, options: dict[str, Any]) -> None:
        self._path, self._function, self._options = path, function, options
        self._read: list[str] = []

    def files(self, known: list[str]) -> list[Path]:
        """Return the Python file, and what the function read when it was called last."""
        return [Path(path) for path in dict.fromkeys([str(self._path), *(self._read or known)])]

    def content(self, scratch: Path) -> str:
        """Call the function, and return a digest of its arrays."""
        asked = {"file": str(self._path), "function": self._function, "options": self._options, "folder": str(scratch)}
        # -P: a file of ours must not hide a module of the user's. Bytecode in the user's folder would change it.
        command = [sys.executable, "-P", "-B", call.__file__]
        called = subprocess.run(
            command, input=json.dumps(asked), cwd=STARTED_IN, capture_output=True, encoding="utf-8", errors="replace"
        )
        answer = scratch / call.ANSWER
        if not answer.is_file():
            last = (called.stderr.strip().splitlines() or [""])[-1]
            raise UserError(
                f"data={self._path}:{self._function} ended its process with status {called.returncode}"
                f"{last and f': {last[:300]}'}"
            )
        told = json.loads(answer.read_text(encoding="utf-8"))
        if "error" in told:
            raise UserError(f"data={self._path}:{self._function}: {told['error'][:1000]}")
        self._read = told["read"]
        self._names: list[str] = told["arrays"]
        digests = {name: npy.digest(scratch / f"{name}.npy").hex() for name in self._names}
        return hashlib.sha256(json.dumps(digests).encode()).hexdigest()

    def read(self, scratch: Path) -> Source:
        """Return the arrays that the function returned."""
        whose = f"from {self._path}:{self._function}"
        return Source({name: npy.of_file(scratch / f"{name}.npy", name, f"{name} {whose}") for name in self._names})
