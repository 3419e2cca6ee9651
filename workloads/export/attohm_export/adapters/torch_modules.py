"""PyTorch modules to NumPy arrays under trace names."""

import numpy as np


def array_of(tensor):
    """A detached float32 copy on the host (bfloat16 included)."""
    return np.array(tensor.detach().float().cpu().numpy(), dtype=np.float32, order="C")


def linear(module, weight, bias):
    """torch.nn.Linear as {weight: [out, in], bias: [out]}; no bias, no entry."""
    tensors = {weight: array_of(module.weight)}
    if module.bias is not None:
        tensors[bias] = array_of(module.bias)
    return tensors


def layer_norm(module, prefix):
    """torch.nn.LayerNorm as {prefix_w: [W], prefix_b: [W]}."""
    return {f"{prefix}_w": array_of(module.weight), f"{prefix}_b": array_of(module.bias)}
