"""Child processes: how a worker is started, read and ended; interruption; garbage collection."""
