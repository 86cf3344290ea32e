"""The pages of MLflow's UI on which runs are compared, and how their charts are arranged."""

import json
import time
from typing import Any
from urllib.parse import quote

from kerasbench.vocabulary import Metric, Tag

HOST, PORT = "127.0.0.1", 5000
_SERVER = f"http://{HOST}:{PORT}"
_MODEL_TRAINING = "workflowType=machine_learning"  # without it, MLflow shows its pages for language models

# A view's sections, each a row of charts: (kind, metric, what its lines run along: steps or another metric).
_SECTIONS = {
    "Speed and accuracy": [
        ("LINE", Metric.EPOCH_SECONDS, "step"),
        ("LINE", Metric.VAL_ACCURACY, "step"),
        ("BAR", Metric.STEADY_EPOCH_SECONDS, ""),
    ],
    "By the clock, and what it cost": [
        ("LINE", Metric.VAL_ACCURACY, Metric.ELAPSED_SECONDS),
        ("BAR", Metric.COMPILE_SECONDS, ""),
        ("BAR", Metric.PEAK_RSS_MIB, ""),
    ],
}


def comparison_url(experiment_id: str, sweep: str, server: str = _SERVER) -> str:
    """Return the page that shows the charts of one sweep's runs side by side, as `view_tag` arranges them."""
    return (
        f"{server}/#/experiments/{experiment_id}/runs"
        f"?{_MODEL_TRAINING}&compareRunsMode=CHART&viewStateShareKey={quote(sweep)}"
    )


def runs_url(experiment_id: str, server: str = _SERVER) -> str:
    """Return the page that lists an experiment's runs."""
    return f"{server}/#/experiments/{experiment_id}/runs?{_MODEL_TRAINING}"


def view_tag(sweep: str) -> tuple[str, str]:
    """Return the experiment's tag, as key and value, that keeps MLflow's view of a sweep.

    Without it MLflow shows ten runs at most, and its charts in the alphabet's order. The view is listed in the menu
    Views by its name, the sweep's id.
    """
    kept = {"display": True, "deleted": False, "isReordered": True, "isGenerated": False}  # where it is, as it is
    state = {
        # The report's run bears the sweep, too.
        "searchFilter": f"tags.{Tag.SWEEP} = '{sweep}' and tags.{Tag.KIND} IS NULL",
        "orderByKey": "attributes.start_time",
        "orderByAsc": True,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": [_chart(section, *chart) for section, charts in _SECTIONS.items() for chart in charts],
        "compareRunSections": [{"uuid": section, "name": section, **kept} for section in _SECTIONS],
        "isAccordionReordered": True,
    }
    view = {"name": sweep, "createdAt": int(time.time() * 1000), "state": json.dumps(state)}
    return f"mlflow.sharedViewState.{sweep}", json.dumps(view)


def _chart(section: str, kind: str, metric: str, along: str) -> dict[str, Any]:
    chart = {
        "uuid": f"{section}: {metric}",
        "type": kind,
        "metricSectionId": section,
        "metricKey": metric,
        "deleted": False,
        "isGenerated": False,
    }
    if kind == "LINE":
        chart |= {"selectedMetricKeys": [metric], "useGlobalXaxisKey": False}
        chart |= {"xAxisKey": along} if along == "step" else {"xAxisKey": "metric", "selectedXAxisMetricKey": along}
        chart |= {"xAxisScaleType": "linear", "scaleType": "linear", "lineSmoothness": 0, "range": {}}
    return chart
