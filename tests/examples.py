"""How many examples Hypothesis tries: few, unless KERASBENCH_EXAMPLES=10000 asks every test for that many."""

import os


def examples(usual: int) -> int:
    """Return a test's number of examples."""
    return int(os.environ.get("KERASBENCH_EXAMPLES", usual))
