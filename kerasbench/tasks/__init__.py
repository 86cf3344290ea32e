"""The tasks of a run: training, and parity with the reference backend."""
