"""PyTorch under Keras 3."""

import re
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple

if TYPE_CHECKING:  # the driver, which reads SETTINGS, must not wait for NumPy
    from kerasbench.worker.dataset import Split
    from kerasbench.worker.example_order import Order

SETTINGS = ("threads", "jit_compile", "matmul_precision", "precision", "image_layout", "onednn", "data_on_device")
COMPILATION = {False: "eager", True: "torch.compile"}


def variables(settings: Dict[str, Any]) -> Dict[str, str]:
    """Return the environment variables: none."""
    return {}


def configure(settings: Dict[str, Any]) -> None:
    """Set threads, the precision of float32 products, and whether oneDNN's kernels are used."""
    import torch

    torch.set_num_threads(settings["threads"])
    if settings["matmul_precision"] is not None:
        torch.set_float32_matmul_precision(settings["matmul_precision"])
        torch.backends.cudnn.allow_tf32 = settings["matmul_precision"] != "highest"
    if settings["onednn"] is not None:
        torch.backends.mkldnn.enabled = settings["onednn"]


def wait(model: Any) -> None:
    """Wait for the GPU's streams; on a CPU, operators are synchronous."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def memory() -> Optional[Tuple[int, int]]:
    """Return the bytes of all tensors on the GPU now, and at most since the last call."""
    import torch

    if not torch.cuda.is_available():
        return None
    found = torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return found


def on_device(model: Any, split: "Split", order: "Order", batch_size: int) -> Dict[str, Any]:
    """Return batches that are gathered on the device that Keras computes on."""
    import torch
    from keras.src.backend.torch.core import get_device

    tensors = [torch.tensor(array, device=get_device()) for array in split.arrays]

    class Examples(torch.utils.data.Dataset):
        def __getitems__(self, rows: Any) -> Any:
            return split.batch([tensor[rows] for tensor in tensors])

        def __len__(self) -> int:
            return len(split)

    class Batches(torch.utils.data.Sampler):
        def __iter__(self) -> Iterator[Any]:
            return iter(torch.as_tensor(order.current).to(get_device()).split(batch_size))

        def __len__(self) -> int:
            return -(-len(split) // batch_size)

    def whole(batch: List[Any]) -> List[Any]:
        return batch

    loader = torch.utils.data.DataLoader(Examples(), batch_sampler=Batches(), collate_fn=whole)
    return {"x": loader, "shuffle": False}


def in_force() -> Dict[str, Any]:
    """Return what PyTorch reports about itself."""
    import torch

    blas = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    found = {
        "threads": torch.get_num_threads(),
        "threads_between_operators": torch.get_num_interop_threads(),
        "matmul_precision": torch.get_float32_matmul_precision(),
        "onednn": torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled,
        "blas": blas.group(1) if blas else "unknown",
        "device": "cpu",
    }
    if torch.cuda.is_available():
        found.update(
            device=torch.cuda.get_device_name(),
            cuda=torch.version.cuda,
            cudnn=torch.backends.cudnn.version(),
            tf32=torch.backends.cuda.matmul.allow_tf32,
            cudnn_tf32=torch.backends.cudnn.allow_tf32,
        )
    return found
