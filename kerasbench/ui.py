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

    parser = argparse.ArgumentParser(prog="python -m kerasbench.ui", description=main.__doc__)
    parser.add_argument("--uri", help="the MLflow store to serve (default: MLFLOW_TRACKING_URI, else mlruns/mlflow.db)")
    uri = parser.parse_args(arguments).uri or compose([]).tracking.uri
    print(f"MLflow serves {uri} on http://{HOST}:{PORT} (Ctrl-C ends it)", flush=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(PORT), "--workers", "1"]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    os.execve(sys.executable, [*command, "--backend-store-uri", uri], environment)


if __name__ == "__main__":
    main()
