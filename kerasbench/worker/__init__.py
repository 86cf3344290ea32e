"""The code that runs inside a backend's environment: Python 3.6+, only the standard library, NumPy and Keras."""
