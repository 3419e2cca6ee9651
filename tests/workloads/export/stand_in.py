"""A stand-in for scaled_dot_product_attention, for a PyTorch that lacks it."""

import math
from contextlib import contextmanager

import torch
from torch.nn import functional


def sdpa(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    """What scaled_dot_product_attention is documented to do (PyTorch 2), for a PyTorch that lacks it."""
    if enable_gqa:
        groups = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
    scores = (query @ key.transpose(-2, -1)) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        assert attn_mask is None
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(dim=-1) @ value


@contextmanager
def shim():
    """Puts `sdpa` where PyTorch 2 has the function, if this PyTorch does not."""
    if hasattr(functional, "scaled_dot_product_attention"):
        yield
        return
    functional.scaled_dot_product_attention = sdpa
    try:
        yield
    finally:
        del functional.scaled_dot_product_attention
