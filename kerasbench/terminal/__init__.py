"""Terminal output: progress and errors."""
