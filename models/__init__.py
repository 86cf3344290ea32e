"""The networks, one file each: `build(input_shapes, classes, ...)` returns an uncompiled Keras model.

They run unchanged on Keras 2.2, 2.3 and 3, under Python 3.6 and later. Every layer has a name: weights are matched by
name, because the order of a model's weights differs between Keras versions.
"""
