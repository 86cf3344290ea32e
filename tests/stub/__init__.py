"""The stub: the real driver and the real worker on a NumPy double of Keras, so that orchestration is tested in seconds.

`driver.py` is what tests use (the fixture `stub`), `environments.py` writes the environments and the data set,
`doubles/` holds what a worker imports in place of Keras and its frameworks, `model.py` is a network that fails on
request. Nothing of it can be chosen outside the tests.
"""
