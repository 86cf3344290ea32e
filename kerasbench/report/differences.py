"""In what the competitors of one ranking were not treated alike, and how they would be: beside the verdict."""

from collections import defaultdict
from collections.abc import Callable, Mapping

from kerasbench.report.results import Cell, Ranking
from kerasbench.store.runs import Run
from kerasbench.vocabulary import Tag

_JIT = Tag.IN_FORCE + "jit_compile"
_DEVICE, _CUDNN = Tag.IN_FORCE + "device", Tag.IN_FORCE + "cudnn"
_TF32, _TF32_OF_CUDNN = Tag.IN_FORCE + "tf32", Tag.IN_FORCE + "cudnn_tf32"
_EXACT = "settings.matmul_precision"


def lines(ranking: Ranking) -> list[str]:
    """Return a line for each of device, TF32, compilation and cuDNN in which the competitors differ."""
    on_gpu = any(run.processor == "gpu" for run in ranking.runs)
    of_gpu = (_differing("device", ranking, _device), _tf32(ranking), _cudnn(ranking)) if on_gpu else ()
    return [line for line in (*of_gpu, compilation(ranking)) if line]


def compilation(ranking: Ranking) -> str:
    """Return how the competitors were compiled, where that differs, and a sweep that compiles those that can be."""
    how = {cell.competitor: " and ".join(cell.tagged(Tag.COMPILATION)) for cell in ranking.measured}
    if len(set(how.values()) - {""}) < 2:
        return ""
    line = "compiled differently: " + ", ".join(f"{name} {what}" for name, what in sorted(how.items()) if what)
    jit = {cell.backend: found for cell in ranking.measured if (found := cell.tagged(_JIT))}
    asked = any(run.params.get("settings.jit_compile", "None") != "None" for run in ranking.runs)
    if asked or len(jit) < 2 or ["False"] not in jit.values():
        return line
    return f"{line}; to compile all that can be: `backend={','.join(sorted(jit))} settings.jit_compile=true`"


def _differing(what: str, ranking: Ranking, of_run: Callable[[Run], str]) -> str:
    """Return the values and who has them, where there are several; competitors that tell none are left out."""
    who: dict[str, list[str]] = defaultdict(list)
    for cell in sorted(ranking.measured, key=lambda cell: cell.competitor):
        if value := _of_cell(cell, of_run):
            who[value].append(cell.competitor)
    if len(who) < 2:
        return ""
    return f"{what} differs: " + "; ".join(f"{value} ({', '.join(names)})" for value, names in who.items())


def _of_cell(cell: Cell, of_run: Callable[[Run], str]) -> str:
    return " and ".join(sorted({value for run in cell.measured if (value := of_run(run))}))


def _device(run: Run) -> str:
    return run.device


def _tf32(ranking: Ranking) -> str:
    """Return who computes float32 products in TF32, which has 10 bits of mantissa instead of 23."""
    line = _differing("TF32", ranking, lambda run: _tf32_of(run.tags))
    if not line or any(run.params.get(_EXACT) == "highest" for run in ranking.runs):
        return line
    return f"{line}; `{_EXACT}=highest` switches it off on all"


def _tf32_of(tags: Mapping[str, str]) -> str:
    products, convolutions = tags.get(_TF32, ""), tags.get(_TF32_OF_CUDNN)
    if convolutions is not None and convolutions != products:
        return "on in cuDNN only" if convolutions == "True" else "on except in cuDNN"
    return {"True": "on", "False": "off"}.get(products, "")


def _cudnn(ranking: Ranking) -> str:
    """Return the versions of cuDNN, as precisely as the framework that tells least."""
    versions = [_version(run) for run in ranking.runs if _version(run)]
    parts = min((len(version) for version in versions), default=0)
    return _differing("cuDNN", ranking, lambda run: ".".join(_version(run)[:parts]))


def _version(run: Run) -> list[str]:
    """Return a version's parts. PyTorch and JAX tell 91002 for 9.10.2, and before version 9, 8907 for 8.9.7."""
    told = run.tags.get(_CUDNN, "")
    if told.isdecimal() and len(told) > 3:
        number, thousand = int(told), 10_000 if int(told) >= 90_000 else 1_000
        return [str(number // thousand), str(number % thousand // 100), str(number % 100)]
    return told.split(".") if told[:1].isdecimal() else []
