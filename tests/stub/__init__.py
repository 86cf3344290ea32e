"""The stub: the real driver and the real worker on a NumPy double of Keras, to test orchestration in seconds.

Tests use `driver.py` (the fixture `stub`). `environments.py` writes the environments and the data set,
`doubles/` holds the packages that replace Keras and its frameworks, and `model.py` is a network that fails on request.
None of this can be selected outside the tests.
"""
