"""Route "huggingface": transformers' AttentionInterface and AttentionMaskInterface.

An attention function and a mask function of one name are registered and chosen
while the model runs; without the mask function transformers would hand over no
mask at all. Query is unscaled and turned, key and value have kv heads, `scaling`
comes as a keyword. Follows transformers' documentation, page attention_interface.
"""

import sys
from contextlib import contextmanager

import torch

from ..errors import CaptureError
from .recorder import mask_or_bias

NAME = "attohm_capture"
_recorders = []  # the active one last; the registry has no way to remove a name


def applies(model):
    """True for models of transformers that can choose their attention function."""
    library = sys.modules.get("transformers")
    base = getattr(library, "PreTrainedModel", None)
    return (base is not None and isinstance(model, base) and hasattr(library, "AttentionInterface")
            and hasattr(library, "AttentionMaskInterface") and hasattr(model, "set_attn_implementation"))


@contextmanager
def active(model, recorder):
    """The model uses our function; its own choice comes back afterwards."""
    import transformers
    from transformers.masking_utils import sdpa_mask

    def whole_mask(*args, **kwargs):
        """The mask is always written out, never left to a flag."""
        return sdpa_mask(*args, **{**kwargs, "allow_is_causal_skip": False})

    transformers.AttentionInterface.register(NAME, _attend)
    transformers.AttentionMaskInterface.register(NAME, whole_mask)
    before = getattr(model.config, "_attn_implementation", None) or "eager"
    model.set_attn_implementation(NAME)
    _recorders.append(recorder)
    try:
        yield
    finally:
        _recorders.pop()
        model.set_attn_implementation(before)


def _attend(module, query, key, value, attention_mask, scaling=None, is_causal=None, dropout=0.0, **other):
    """softmax(scaling q.k + mask) v, written out. Returns: out [B, N, h, d], None."""
    recorder = _recorders[-1]
    name = recorder.name_of(module)
    for option in ("softcap", "s_aux", "position_bias"):
        if other.get(option) is not None:
            raise CaptureError("attention with a term the trace format does not have", name, option, f"no {option}")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    wanted = getattr(module, "is_causal", True) if is_causal is None else is_causal
    causal = bool(wanted) and attention_mask is None and query.shape[2] > 1
    if attention_mask is not None:
        attention_mask = attention_mask[..., :key.shape[2]]
    out = _exact(query, key, value, scale, causal, attention_mask)
    recorder.add("huggingface", query, key, value, out, scale, causal, **mask_or_bias(attention_mask), name=name)
    return out.transpose(1, 2).contiguous(), None


def _exact(query, key, value, scale, causal, mask):
    """The product with shared keys repeated, softmax in float32."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = scale * (query @ key.transpose(-2, -1))
    if causal:
        lower = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~lower, float("-inf"))
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    return scores.float().softmax(dim=-1).to(query.dtype) @ value
