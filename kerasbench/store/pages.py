"""The pages of MLflow's UI that compare runs, and the layout of their charts."""

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kerasbench.credentials import without_credentials
from kerasbench.paths import CHECKOUT, sqlite_uri, work_path
from kerasbench.store.quality import ACCURACY, QUALITIES, quality_of
from kerasbench.vocabulary import Metric, Tag

if TYPE_CHECKING:
    from kerasbench.config.schema import TrackingConfig
    from kerasbench.store.runs import Run

HOST, PORT = "127.0.0.1", 5000
_DEFAULT = (sqlite_uri(work_path("mlruns/mlflow.db")), "keras-backends")  # conf/config.yaml's store and experiment
_SERVER = f"http://{HOST}:{PORT}"
_MODEL_TRAINING = "workflowType=machine_learning"  # without it, MLflow shows its pages for language models

# What may differ between a competitor's runs besides the seed: groups never average over it.
_CONDITIONS = (Tag.MODEL, Tag.DATA_NAME, Tag.DATA_DIGEST, Tag.FINGERPRINT)


def _sections(learned: Sequence[str]) -> dict[str, list[tuple[str, str, str]]]:
    """Return a view's sections, each a row of charts: (kind, metric, the x-axis of its lines: steps or a metric).

    Args:
        learned: the metrics that say what the sweep's models have learned.
    """
    return {
        "Speed and accuracy" if Metric.VAL_ACCURACY in learned else "Speed and loss": [
            ("LINE", Metric.EPOCH_SECONDS, "step"),
            *(("LINE", metric, "step") for metric in learned),
            ("BAR", Metric.STEADY_EPOCH_SECONDS, ""),
        ],
        "Whole runs": [
            *(("LINE", metric, Metric.ELAPSED_SECONDS) for metric in learned),
            ("BAR", Metric.COMPILE_SECONDS, ""),
            ("BAR", Metric.PEAK_RSS_MIB, ""),
        ],
    }


def _learned(runs: Sequence["Run"]) -> list[str]:
    """Return the metric of each run that says what it has learned, an accuracy or a loss, equal ones once."""
    found = {quality.metric for run in runs if (quality := quality_of([run]))}
    return [quality.metric for quality in QUALITIES if quality.metric in found] or [ACCURACY.metric]


def comparison_url(experiment_id: str, sweep: str, server: str = _SERVER) -> str:
    """Return the address of the page that charts one sweep's runs side by side, in the view that `save` stores."""
    return (
        f"{server}/#/experiments/{experiment_id}/runs"
        f"?{_MODEL_TRAINING}&compareRunsMode=CHART&viewStateShareKey={quote(sweep, safe='')}"
    )


def runs_url(experiment_id: str, server: str = _SERVER) -> str:
    """Return the address of the page that lists an experiment's runs."""
    return f"{server}/#/experiments/{experiment_id}/runs?{_MODEL_TRAINING}"


def serve_command(uri: str, experiment: str) -> str:
    """Return the shell command that serves a store: with its address unless it is the default, without passwords."""
    named = zip(("--uri", "--experiment"), (without_credentials(uri), experiment), _DEFAULT, strict=True)
    arguments = [part for option, value, default in named if value != default for part in (option, value)]
    return "make ui" if CHECKOUT and not arguments else shlex.join(["kerasbench", "ui", *arguments])


def save(tracking: "TrackingConfig", sweep: str) -> None:
    """Save MLflow's view of a sweep with its experiment.

    Raises:
        UserError: the store cannot be read or written, or has no such sweep.
    """
    from kerasbench.store.reading import read  # MLflow takes seconds to import
    from kerasbench.store.tracking import open_store, set_experiment_tags

    found = read(tracking.uri, tracking.experiment, [sweep])
    runs = [run for run in found if run.tags.get(Tag.SWEEP) == sweep and Tag.KIND not in run.tags]
    set_experiment_tags(open_store(tracking), dict([view_tag(sweep, runs)]))


def view_tag(sweep: str, runs: Sequence["Run"]) -> tuple[str, str]:
    """Return the experiment tag, as key and value, that stores MLflow's view of a sweep.

    Without it MLflow shows at most ten runs, and its charts in alphabetical order. Where competitors have several runs,
    the view draws one line per competitor: the mean of its runs, in a band from the lowest to the highest. Clicking the
    cross in MLflow's `Group by` shows the single runs. MLflow lists the view by its name, the sweep's id.
    """
    keys = _grouping([run.tags for run in runs])
    state = _state(sweep, _learned(runs)) | (_grouped(keys, runs) if keys else {})
    view = {"name": sweep, "createdAt": int(time.time() * 1000), "state": json.dumps(state)}
    return f"mlflow.sharedViewState.{sweep}", json.dumps(view)


def _grouped(keys: Sequence[str], runs: Sequence["Run"]) -> dict[str, Any]:
    groups = {tuple(run.tags.get(key) for key in keys) for run in runs}
    return {
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "tag", "groupByData": key} for key in keys],
        },
        "useGroupedValuesInCharts": True,
        "groupsExpanded": {_group_id(keys, values): False for values in groups},
        "compareRunCharts": _grouped_charts(runs),
    }


def _grouping(runs: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the tags that group runs which differ only in their seed; none if no group has two runs.

    Runs in stores older than the tag `competitor` lack it and are not grouped.
    """
    if not all(Tag.COMPETITOR in tags for tags in runs):
        return []

    def groups(keys: list[str]) -> int:
        return len({tuple(tags.get(key) for key in keys) for tags in runs})

    keys: list[str] = [Tag.COMPETITOR]
    for condition in _CONDITIONS:
        if groups([*keys, condition]) > groups(keys):
            keys.append(condition)
    return keys if groups(keys) < len(runs) else []


def _group_id(keys: Sequence[str], values: Sequence[str | None]) -> str:
    """Return a group's name in MLflow's UI."""
    return ",".join(f"tag.{key}.{value or 'null'}" for key, value in zip(keys, values, strict=True))


def _grouped_charts(runs: Sequence["Run"]) -> list[dict[str, Any]]:
    """Return the charts for groups.

    MLflow averages values at equal x, and no two runs have equal seconds, so lines over a metric are left out. Its
    bands make every y-axis start at 0, which hides differences in what was learned, so those axes get explicit ranges.
    """
    learned = _learned(runs)
    charts = [chart for chart in _charts(learned) if chart.get("xAxisKey") != "metric"]
    for chart in charts:
        values = [value for run in runs for value in run.by_epoch(chart["metricKey"])]
        if chart["metricKey"] in learned and values:
            margin = 0.05 * (max(values) - min(values)) or 0.01
            chart["range"] = {"yMin": min(values) - margin, "yMax": max(values) + margin}
    return charts


def _state(sweep: str, learned: Sequence[str]) -> dict[str, Any]:
    kept = {"display": True, "deleted": False, "isReordered": True, "isGenerated": False}  # where it is, as it is
    return {
        # The report's run also has the sweep's tag.
        "searchFilter": f"tags.{Tag.SWEEP} = '{sweep}' and tags.{Tag.KIND} IS NULL",
        "orderByKey": "attributes.start_time",
        "orderByAsc": True,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": _charts(learned),
        "compareRunSections": [{"uuid": section, "name": section, **kept} for section in _sections(learned)],
        "isAccordionReordered": True,
    }


def _charts(learned: Sequence[str]) -> list[dict[str, Any]]:
    return [_chart(section, *chart) for section, charts in _sections(learned).items() for chart in charts]


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
