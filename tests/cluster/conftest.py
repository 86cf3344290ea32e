from collections.abc import Iterator

import pytest

from tests.cluster import slurm


@pytest.fixture(scope="session")
def cluster() -> Iterator[slurm.Slurm]:
    """A real Slurm with one node, which is this machine."""
    with slurm.running() as running:
        yield running
