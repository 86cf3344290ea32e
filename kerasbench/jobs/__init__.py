"""What happens around runs: one job of a command, the order of a sweep's, what is printed when all have ended."""
