"""The packages that a stub worker finds in place of Keras and its frameworks: this folder is on its PYTHONPATH."""
