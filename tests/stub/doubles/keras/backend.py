import os

_image_data_format = "channels_last"


def backend() -> str:
    return os.environ["KERAS_BACKEND"]


def floatx() -> str:
    return "float32"


def image_data_format() -> str:
    return _image_data_format


def set_image_data_format(layout: str) -> None:
    global _image_data_format
    _image_data_format = layout


def relu() -> None:
    """The function that the fix theano_relu replaces."""
