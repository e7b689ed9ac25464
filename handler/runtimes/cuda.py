"""What a CUDA device has, and how torch is to use it."""

from __future__ import annotations

import torch

from handler.config import Dtype

FLASH = (8, 0)
"""Compute capability from which torch has FlashAttention, and products in bfloat16 are native (Ampere)."""
TENSOR_CORES = (7, 0)
"""From which products in float16 are faster than in float32 (Volta)."""


def capability(device: torch.device | str) -> tuple[int, int]:
    """Compute capability, such as `(9, 0)` of an H100."""
    return torch.cuda.get_device_capability(device)


def dtypes(device: torch.device | str) -> tuple[Dtype, ...]:
    """What `auto` tries in turn: float16 is as fast as bfloat16 and has eight times its precision, but less range."""
    if capability(device) >= FLASH:
        return "float16", "bfloat16"
    return ("float16", "float32") if capability(device) >= TENSOR_CORES else ("float32",)


def supports_flash_attention(device: torch.device, dtype: torch.dtype, size: int) -> bool:
    """Whether `varlen_attn` runs there: 16 bits, heads of at most 256 in steps of 8, and a card with FlashAttention.

    Limits: `check_flash_attention_*` of aten/src/ATen/native/transformers/cuda/sdp_utils.cpp.
    """
    halves = (torch.float16, torch.bfloat16)
    fits = device.type == "cuda" and dtype in halves and size <= 256 and size % 8 == 0
    return fits and capability(device) >= FLASH


def configure_torch(device: torch.device) -> None:
    """Make it this process's own device, with sums of products in float32 and no TF32, whatever another library set."""
    torch.cuda.set_device(device)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False


def supported(device: torch.device | str) -> bool:
    """Whether this torch was built for the card: each kernel would fail on an older one."""
    built = [name.removeprefix("sm_") for name in torch.cuda.get_arch_list() if name.startswith("sm_")]
    least = min((int(digits.rstrip("af")) for digits in built), default=0)
    major, minor = capability(device)
    return 10 * major + minor >= least


def context_lost() -> bool:
    """Whether the device fails for good: after such an error every call of this process does."""
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return False
    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return True
    return False
