"""Start the worker in a backend's environment: `python start.py PROJECT_FOLDER EVENTS_DESCRIPTOR`.

The worker must import `kerasbench.worker` and the project's `models`, and nothing else from where this package is
installed: the driver's packages there may be for another Python. So neither this folder nor the current one is
searched.
"""

import os
import sys
import types


def main() -> int:
    """Make `kerasbench` and the project's folder importable, then run the worker."""
    sys.path[0] = sys.argv[1]  # instead of this file's folder
    package = types.ModuleType("kerasbench")
    package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    sys.modules["kerasbench"] = package
    from kerasbench.worker.command import main as work

    return work(int(sys.argv[2]))


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: a framework's exit handlers can hang or crash after a successful run, and nothing remains to save.
    os._exit(code)
