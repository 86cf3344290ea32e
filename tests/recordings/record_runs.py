"""Records what the runs of a sweep have reported, and when, for `benchmarks/scale.py` to replay.

python -m tests.recordings.record_runs OUTPUTS FILE

It keeps no path, host or process of the machine: a file becomes its name and size.
"""

import gzip
import json
import re
import sys
from pathlib import Path

from kerasbench.store.record import EVENTS, Operation, Record
from kerasbench.vocabulary import Tag

_OF_THE_MACHINE = (Tag.OWNER, Tag.RECORD, Tag.COMMAND, Tag.SWEEP, Tag.CELLS, Tag.NOISE, Tag.CLOCK)
_PATH = re.compile(r"(?:file://)?/(?:[\w.@+-]+/)+[\w.@+-]*")


def _cleaned(operation: Operation) -> Operation:
    kept = {name: value for name, value in operation.items() if name not in ("version", "store")}
    if "tags" in kept:
        kept["tags"] = {key: value for key, value in kept["tags"].items() if key not in _OF_THE_MACHINE}
    if kept["op"] == "artifact":
        file = Path(kept["path"])
        kept = {"op": "artifact", "name": file.name, "bytes": file.stat().st_size}
    cleaned: Operation = json.loads(json.dumps(kept), object_hook=_without_paths)
    return cleaned


def _without_paths(content: dict[str, object]) -> dict[str, object]:
    return {key: _PATH.sub("/somewhere", one) if isinstance(one, str) else one for key, one in content.items()}


def main(outputs: str, file: str) -> None:
    """Write the runs' operations: a list for each run."""
    records = sorted(path.parent for path in Path(outputs).rglob(EVENTS))
    runs = [[_cleaned(one) for one in Record(folder).operations()] for folder in records]
    with gzip.GzipFile(file, "wb", mtime=0) as packed:
        packed.write(json.dumps(runs).encode())
    print(f"{len(runs)} runs of {sum(map(len, runs))} operations")


if __name__ == "__main__":
    main(*sys.argv[1:])
