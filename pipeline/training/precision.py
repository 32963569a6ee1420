"""In which precision a training computes where the config leaves it to the machine."""

from typing import Literal

import torch

Precision = Literal["32-true", "bf16-mixed"]

# What `torch.cpu.get_capabilities` calls the instructions that multiply bfloat16: x86, then ARM.
_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")


def resolved(precision: Precision | Literal["auto"], device: str) -> Precision:
    """The precision of Lightning Fabric that a training uses.

    Args:
        precision: of the training keys. ``"auto"``: bfloat16 for the passes of the network, with
            float32 weights, where the device multiplies bfloat16 itself, which takes half the time;
            elsewhere it would be emulated, many times slower than float32.
        device: ``"cpu"`` or ``"cuda"``.
    """
    if precision != "auto":
        return precision
    return "bf16-mixed" if multiplies_bfloat16(device) else "32-true"


def multiplies_bfloat16(device: str) -> bool:
    """Whether a device has instructions for products of bfloat16 numbers, and PyTorch uses them.

    On a CPU it does so by oneDNN, which builds for macOS lack.
    """
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    found = torch.cpu.get_capabilities()
    return torch.backends.mkldnn.is_available() and any(
        found.get(name, False) for name in _INSTRUCTIONS
    )
