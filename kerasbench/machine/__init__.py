"""The machine: its CPU and GPUs, their load, and which code is running on it."""
