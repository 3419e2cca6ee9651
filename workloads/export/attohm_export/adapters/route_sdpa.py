"""Route "sdpa": torch.nn.functional.scaled_dot_product_attention, replaced while the model runs.

Public from PyTorch 2.0 on. Names that other modules bound to the function earlier
(from torch.nn.functional import ...) are replaced as well. It catches whatever a
model does before the call: rotary embedding, qk-norm, repeated keys.
"""

import sys
from contextlib import contextmanager

import torch

from .recorder import mask_or_bias

NAME = "scaled_dot_product_attention"


def applies(model):
    """True where this PyTorch has the function."""
    return hasattr(torch.nn.functional, NAME)


@contextmanager
def active(model, recorder):
    """Every call is recorded and then answered by the original."""
    original = getattr(torch.nn.functional, NAME)

    def recording(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False,
                  **other):
        given = {name: v for name, v in (("scale", scale), ("enable_gqa", enable_gqa or None)) if v is not None}
        out = original(query, key, value, attn_mask=attn_mask, dropout_p=dropout_p, is_causal=is_causal, **given,
                       **other)
        if not recorder.is_muted:
            recorder.add("sdpa", query, key, value, out, query.shape[-1] ** -0.5 if scale is None else scale,
                         is_causal, **mask_or_bias(attn_mask))
        return out

    places = list(_places(original))
    for module, name in places:
        setattr(module, name, recording)
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, original)


def _places(original):
    """Every (module, name) of loaded Python modules that is bound to the function."""
    for module in list(sys.modules.values()):
        if not getattr(module, "__name__", "torch._C").startswith("torch._C"):
            for name, value in list(getattr(module, "__dict__", {}).items()):
                if value is original:
                    yield module, name
