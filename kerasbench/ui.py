"""Where the MLflow UI is served, and its pages: `python -m kerasbench.ui` serves the project's store."""

import argparse
import os
import sys
from urllib.parse import quote

HOST, PORT = "127.0.0.1", 5000


def comparison_url(experiment_id: str, sweep: str) -> str:
    """Return the page that shows the charts of one sweep's runs side by side."""
    search = quote(f"tags.sweep = '{sweep}'")
    return (
        f"http://{HOST}:{PORT}/#/experiments/{experiment_id}/runs"
        f"?workflowType=machine_learning&compareRunsMode=CHART&searchFilter={search}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Serve the store until Ctrl-C, with one worker process and no job runner: up in seconds, in half a GB."""
    from kerasbench.config import compose
    from kerasbench.errors import reporting
    from kerasbench.tracking import open_store

    parser = argparse.ArgumentParser(prog="python -m kerasbench.ui", description=main.__doc__)
    parser.add_argument("--uri", help="the MLflow store to serve (default: MLFLOW_TRACKING_URI, else mlruns/mlflow.db)")
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}, which the printed links name")
    options = parser.parse_args(arguments)
    with reporting():
        tracking = compose([] if options.uri is None else [f"tracking.uri={options.uri}"]).tracking
        open_store(tracking)  # made under its lock, before a server and a run do so at once
    print(f"MLflow serves {tracking.uri} on http://{HOST}:{options.port} (Ctrl-C ends it)", flush=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(options.port), "--workers", "1"]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    os.execve(sys.executable, [*command, "--backend-store-uri", tracking.uri], environment)


if __name__ == "__main__":
    main()
