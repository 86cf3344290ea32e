"""Processes: starting, reading and ending a worker; interruption; garbage collection."""
