"""The packages that replace Keras and its frameworks: this folder is on a stub worker's PYTHONPATH."""
