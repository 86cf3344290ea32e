"""The part of Keras 3 behind its interface that a fix changes."""
