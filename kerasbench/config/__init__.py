"""The configuration: its schema, composition and checks, and values derived from it."""
