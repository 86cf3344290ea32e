"""Models of a user's own, and the data that they are trained on."""
