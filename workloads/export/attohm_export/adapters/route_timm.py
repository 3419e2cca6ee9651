"""Route "timm": modules with the layout of timm's Attention.

One Linear `qkv`, optional `q_norm` and `k_norm`, `num_heads`, `scale`, `proj`; q is
scaled before the product, so q is taken from the Linear (or from q_norm), unscaled.
A flag `fused_attn` is put off while the model runs and restored. A module that
also turns q and k (it takes `rope`, or owns a position bias) is left to "sdpa".
"""

import inspect
from contextlib import contextmanager

import torch

from .recorder import mask_or_bias

KNOWN_ARGUMENTS = {"x", "attn_mask", "is_causal"}


def matches(module):
    """Is this a timm-like Attention that the route understands?"""
    if not isinstance(getattr(module, "qkv", None), torch.nn.Linear) or not hasattr(module, "proj"):
        return False
    if not isinstance(getattr(module, "num_heads", None), int) or not isinstance(getattr(module, "scale", None), float):
        return False
    arguments = set(inspect.signature(module.forward).parameters)
    own = {name for name, _ in module.named_parameters(recurse=False)}
    return arguments <= KNOWN_ARGUMENTS and not own and module.qkv.out_features % (3 * module.num_heads) == 0


def applies(model):
    """True where the model has such modules."""
    return any(matches(module) for module in model.modules())


@contextmanager
def active(model, recorder):
    """Every such module is recorded."""
    modules = [module for module in model.modules() if matches(module)]
    undo = []
    try:
        for module in modules:
            undo.append(_watch(module, recorder))
        yield
    finally:
        for action in reversed(undo):
            action()


def _watch(module, recorder):
    """Hooks one module. Returns: what undoes it."""
    seen, original, signature = {}, module.forward, inspect.signature(module.forward)
    had_forward, flag = "forward" in vars(module), getattr(module, "fused_attn", None)

    def keep(name):
        return lambda m, args, out: seen.__setitem__(name, out)

    def forward(*args, **kwargs):
        seen.clear()
        given = signature.bind(*args, **kwargs).arguments
        with recorder.muted():
            result = original(*args, **kwargs)
        _record(module, recorder, seen, given)
        return result

    handles = [module.qkv.register_forward_hook(keep("qkv"))]
    for name in ("q_norm", "k_norm"):
        if not _is_identity(getattr(module, name, None)):
            handles.append(getattr(module, name).register_forward_hook(keep(name)))
    after = module.proj if _is_identity(getattr(module, "norm", None)) else module.norm
    handles.append(after.register_forward_pre_hook(lambda m, args: seen.__setitem__("out", args[0])))
    module.forward = forward
    if flag is not None:
        module.fused_attn = False

    def undo():
        for handle in handles:
            handle.remove()
        if flag is not None:
            module.fused_attn = flag
        if had_forward:
            module.forward = original
        else:
            del module.forward
    return undo


def _record(module, recorder, seen, given):
    """From the Linear's output to q, k, v [B, h, N, d]."""
    batch, tokens = seen["qkv"].shape[0], seen["qkv"].shape[-2]
    heads = module.num_heads
    q, k, v = seen["qkv"].reshape(batch, tokens, 3, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
    out = seen["out"].reshape(batch, tokens, heads, -1).transpose(1, 2)
    recorder.add("timm", seen.get("q_norm", q), seen.get("k_norm", k), v, out, module.scale,
                 given.get("is_causal", False), **mask_or_bias(given.get("attn_mask")), name=recorder.name_of(module))


def _is_identity(module):
    return module is None or isinstance(module, torch.nn.Identity)
