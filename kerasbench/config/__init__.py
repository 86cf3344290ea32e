"""The configuration: its types, how it is composed and checked, and what follows from it."""
