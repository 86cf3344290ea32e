"""Framework-specific code, one small module for each framework; a backend's YAML names its module.

Each has:

- `SETTINGS`: the names in conf/config.yaml's `settings` that the framework supports.
- `COMPILATION`: how the training step is compiled, without and with Keras' `jit_compile` (or the framework's own).
- `variables(settings)`: environment variables that apply settings; the driver sets them before it starts the worker.
- `configure(settings)`: apply settings that need the imported framework, before a model is built.
- `wait(model)`: return when the device has finished all its work, so that a clock can be read.
- `examples(split, order, batch_size)`, optional: the batches of an epoch in the current order, for a framework that
  does not read the arrays of `order.py` batch by batch.
- `memory()`, optional: the bytes that arrays take on the GPU now, and at most since the last call; None without a GPU.
  What the framework has reserved for arrays to come is not counted.
- `on_device(model, split, order, batch_size)`, with the setting `data_on_device`: like `examples`, but the data are on
  the device, and only the examples' positions come from the host.
- `in_force()`: the settings, and what else affects speed, as the running framework reports them.

`settings` maps every name in `SETTINGS` to its value, or to None to keep the framework's default. The driver imports
these modules, too, so they import their framework only inside their functions.
"""
