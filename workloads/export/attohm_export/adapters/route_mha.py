"""Route "mha": torch.nn.MultiheadAttention.

The module never shows q, k, v or what it feeds to its output projection, so they
are computed from its inputs and weights, and the projected result is compared
with what the module itself returned. The fused path of nn.TransformerEncoderLayer,
which does not call the module at all, is switched off while the model runs.
"""

from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

from ..errors import CaptureError

LIMIT = 1e-3  # of the largest |output|: our product against the module's


def applies(model):
    """True where the model has such modules."""
    return any(isinstance(module, nn.MultiheadAttention) for module in model.modules())


@contextmanager
def active(model, recorder):
    """Every call of nn.MultiheadAttention is recorded."""
    original = nn.MultiheadAttention.forward

    def recording(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, *args, **kwargs):
        with recorder.muted():
            result = original(self, query, key, value, key_padding_mask, need_weights, attn_mask, *args, **kwargs)
        _record(self, recorder, (query, key, value), key_padding_mask, attn_mask, result[0])
        return result

    layers = [m for m in model.modules() if isinstance(m, nn.TransformerEncoderLayer)]
    modes = [layer.training for layer in layers]
    for layer in layers:
        layer.training = True  # the layer's own flag only: its dropouts keep theirs
    nn.MultiheadAttention.forward = recording
    try:
        with _fast_path_off():
            yield
    finally:
        nn.MultiheadAttention.forward = original
        for layer, mode in zip(layers, modes):
            layer.training = mode


@contextmanager
def _fast_path_off():
    """torch.backends.mha exists from PyTorch 2.1 on; before, the training flag does it."""
    switch = getattr(torch.backends, "mha", None)
    if switch is None:
        yield
        return
    was = switch.get_fastpath_enabled()
    switch.set_fastpath_enabled(False)
    try:
        yield
    finally:
        switch.set_fastpath_enabled(was)


def _record(module, recorder, inputs, key_padding_mask, attn_mask, returned):
    """Computes q, k, v and out of one call and checks the projected result."""
    name = recorder.name_of(module)
    if module.bias_k is not None or module.add_zero_attn:
        raise CaptureError("keys that belong to no token", name or "model",
                           "bias_k" if module.bias_k is not None else "add_zero_attn",
                           "neither bias_k nor add_zero_attn")
    batched = inputs[0].dim() == 3
    if not batched:
        inputs, returned = [x.unsqueeze(0) for x in inputs], returned.unsqueeze(0)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    elif not module.batch_first:
        inputs, returned = [x.transpose(0, 1) for x in inputs], returned.transpose(0, 1)
    q, k, v = (_heads(functional.linear(x, w, b), module.num_heads)
               for x, w, b in zip(inputs, *_projections(module)))
    mask, bias = _masks(q, attn_mask, key_padding_mask)
    scale = q.shape[-1] ** -0.5
    out = _attend(q, k, v, scale, mask, bias)
    _check(module, name, out, returned, mask)
    recorder.add("mha", q, k, v, out, scale, mask=mask, bias=bias, name=name)


def _projections(module):
    """Weights and biases of q, k, v, packed or apart."""
    if module.in_proj_weight is not None:
        weights = module.in_proj_weight.chunk(3)
    else:
        weights = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
    biases = (None, None, None) if module.in_proj_bias is None else module.in_proj_bias.chunk(3)
    return weights, biases


def _heads(x, heads):
    """[B, N, h*d] -> [B, h, N, d]."""
    return x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)


def _masks(q, attn_mask, key_padding_mask):
    """This module's masks (bool: True = forbidden) as ours. Returns: bool or None, additive or None."""
    mask, bias = None, None
    if attn_mask is not None and attn_mask.dim() == 3:
        attn_mask = attn_mask.reshape(q.shape[0], q.shape[1], *attn_mask.shape[1:])
    for given in (attn_mask, None if key_padding_mask is None else key_padding_mask[:, None, None, :]):
        if given is None:
            continue
        if given.is_floating_point():
            bias = given if bias is None else bias + given
        else:
            allowed = given == 0
            mask = allowed if mask is None else mask & allowed
    return mask, bias


def _attend(q, k, v, scale, mask, bias):
    """softmax(scale q.k + bias) v; rows without a key are nan, as in the module."""
    scores = scale * (q @ k.transpose(-2, -1))
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v


def _check(module, name, out, returned, mask):
    """The projection of our out is what the module returned, wherever both are finite."""
    merged = out.transpose(1, 2).flatten(2)
    got = functional.linear(merged, module.out_proj.weight, module.out_proj.bias)
    good = torch.isfinite(got) & torch.isfinite(returned)
    if not good.any():
        return
    error = float((got - returned)[good].abs().max())
    allowed = LIMIT * float(returned[good].abs().max())
    if not error <= allowed:
        raise CaptureError("recomputed attention differs from what nn.MultiheadAttention returned", name or "model",
                           f"{error:.3g}", f"up to {allowed:.3g}")
