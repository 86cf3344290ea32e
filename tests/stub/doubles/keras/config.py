from types import SimpleNamespace

_policy = "float32"


def dtype_policy() -> SimpleNamespace:
    return SimpleNamespace(name=_policy)


def set_dtype_policy(name: str) -> None:
    global _policy
    _policy = name
