"""What runs inside a backend's environment: Python 3.6 and later, only the standard library, NumPy and Keras."""
