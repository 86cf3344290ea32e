"""Runs the jobs of a command: each job, the order of a sweep's jobs, and the summary."""
