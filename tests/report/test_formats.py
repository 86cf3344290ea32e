"""The report's other formats, for pasting, for programs and for the terminal, and the command itself."""

import csv
import html
import io
import json
import re
import subprocess
import sys

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from kerasbench.report import collect, tables
from kerasbench.report.formats import markdown
from tests.report.conftest import Experiment, Printed


@pytest.mark.slow
def test_markdown_has_a_verdict_and_a_table_for_each_ranking(filled: Experiment, printed: Printed) -> None:
    text = printed(filled, "--format", "markdown")
    assert text.count("is the fastest") == 1
    assert text.count("Not judged") == 1  # torch was disturbed
    assert "## mnist_mlp · H100" in text
    assert "| jax | 2.0" in text
    assert "theano · mnist_mlp · seed 1 (mnist_mlp · a processor, 2 cores): FAILED, the worker died" in text
    assert "| mnist_mlp | torch | FAIL: its loss deviates at step 2 | 3e-02 |" in text


@pytest.mark.parametrize(
    "odd",
    [
        r"$\frac{1}{2}$",
        "a|b",
        "two\nlines",
        "<script>",
        "*bold*",
        "_x_",
        "`code`",
        "[link](there)",
        "~~no~~",
        "&lt;",
        "\\",
    ],
)
def test_free_text_in_markdown_is_shown_literally(experiment: Experiment, odd: str) -> None:
    experiment.run("jax", variant=f"label={odd}")
    experiment.run("jax", variant="label=other")
    experiment.run("torch", failure=f"because of {odd}")
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(markdown(experiment.report))
    cells = re.findall("<td>(.*?)</td>", shown)
    literal = html.escape(" ".join(odd.split()), quote=False)
    assert f"jax · label={literal}" in cells
    assert cells.count("torch") == 1
    assert "<script" not in shown
    assert literal in re.sub("</?code>", "`", shown.partition("Not finished")[2])


def test_csv_has_a_line_a_cell_with_unrounded_figures(experiment: Experiment, printed: Printed) -> None:
    experiment.repeated("jax", [1.9999999, 2.0000001, 2.0300001])
    (row,) = csv.DictReader(io.StringIO(printed(experiment, "--format", "csv")))
    assert float(row["steady_epoch_seconds"]) == pytest.approx(
        (1.9999999 * 2.0000001 * 2.0300001) ** (1 / 3), rel=1e-12
    )
    assert float(row["steady_epoch_seconds.low"]) < 2 < float(row["steady_epoch_seconds.high"])
    assert (row["backend"], row["runs"], row["hardware.fingerprint"]) == ("jax", "3", "h1")


def test_a_first_epoch_is_no_steady_one_in_csv(experiment: Experiment, printed: Printed) -> None:
    experiment.run("jax", (3.25,))
    (row,) = csv.DictReader(io.StringIO(printed(experiment, "--format", "csv")))
    assert (row["first_epoch_seconds"], row["steady_epoch_seconds"]) == ("3.25", "")


def test_json_has_samples_and_verdicts(filled: Experiment, printed: Printed) -> None:
    content = json.loads(printed(filled, "--format", "json"))
    gpu, cpu = sorted(content["rankings"], key=lambda ranking: len(ranking["cells"]))
    assert gpu["verdict"]["outcome"] == "winner"
    assert gpu["verdict"]["first"] == ["jax"]
    assert cpu["verdict"]["outcome"] == "not judged"
    assert cpu["cells"][0]["samples"] == [2.0, 2.02, 1.98]
    assert content["not_finished"][0]["reason"] == "the worker died: out of memory <here>"


def test_the_terminal_shows_one_table_a_ranking_and_the_reasons(filled: Experiment) -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    for table in tables(collect(filled.uri, filled.name)):
        console.print(table)
    text = console.export_text()
    assert text.count("examples") == 2
    assert "theano · mnist_mlp · seed 1: the worker died: out of memory <here>" in text
    assert "are not ranked together" in text


def test_the_terminal_says_how_much_of_the_data_was_used(experiment: Experiment) -> None:
    for model, asked in (("mnist_mlp", "6000"), ("mnist_cnn", "None")):
        experiment.run("torch", model=model, params={"data.train_samples": asked})
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(*tables(experiment.report))
    heads = [line for line in console.export_text().splitlines() if "mnist (real)" in line]
    assert len(heads) == 2
    assert [line.split()[0] for line in heads if "data.train_samples=6000" in line] == ["mnist_mlp"]
    assert [line.split()[0] for line in heads if "samples" not in line] == ["mnist_cnn"]


def test_the_terminal_needs_neither_matplotlib_nor_jinja() -> None:
    code = (
        "import sys; import kerasbench.report; import kerasbench.report.terminal; "
        "print({'matplotlib', 'jinja2', 'pandas', 'mlflow', 'scipy'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert answer.stdout.strip() == "set()"


@pytest.mark.slow
def test_an_unknown_sweep_is_told_in_one_line(
    experiment: Experiment, printed: Printed, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment.run("jax")
    with pytest.raises(SystemExit) as ended:
        printed(experiment, "--sweep", "s9")
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "no run of sweep s9" in error
    assert error.count("\n") == 1
