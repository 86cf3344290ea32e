"""Names and other free text in the notes that MLflow shows as Markdown."""

import html
import re

import pytest
from markdown_it import MarkdownIt

from kerasbench.store.notes import code, escaped, prose

ODD = (
    r"$\frac{1}{2}$",
    "a|b",
    "two\nlines",
    "<script>",
    "*bold*",
    "_x_",
    "`code`",
    "``",
    "[a](b)",
    "&lt;",
    "\\",
    "a_b",
)


def _shown(markdown: str) -> str:
    return html.unescape(re.sub("<[^>]*>", "", MarkdownIt("gfm-like", {"linkify": False}).render(markdown))).strip()


@pytest.mark.parametrize("text", ODD)
def test_markdown_shows_free_text_as_it_is(text: str) -> None:
    literal = " ".join(text.split())
    assert _shown(escaped(text)) == literal
    assert _shown(code(text)) == literal


def test_code_in_a_sentence_stays_code() -> None:
    assert prose("a_b is *fast*: `repeats=5`") == r"a_b is \*fast\*: `repeats=5`"
