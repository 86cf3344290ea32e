"""What must be said to each framework in its own words, one small module each; a backend's YAML names its own.

Each has:

- `SETTINGS`: those of conf/config.yaml's `settings` that the framework has.
- `COMPILATION`: how the training step is compiled, without and with Keras' `jit_compile` (or the framework's own).
- `variables(settings)`: the environment variables that put settings in force, for the driver to set before the start.
- `configure(settings)`: what can only be said to the imported framework, before a model is built.
- `wait(model)`: return when the device has done all that it was asked: the boundary at which a clock is read.
- `examples(split, order, batch_size)`, optional: the batches of an epoch in the current order, where arrays of the kind
  that `order.py` makes are not read by batches.
- `in_force()`: the settings, and what else decides speed, as the running framework gives them.

`settings` maps every name in `SETTINGS` to its value, None where the framework's own default is to stay. The driver
imports these modules, too: they import their framework only inside their functions.
"""
