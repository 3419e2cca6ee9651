"""Collects what the routes see during one forward pass, with the name of the module that ran."""

from contextlib import contextmanager

import numpy as np

from ..errors import CaptureError
from ..records import AttentionCall, LayerCall
from .torch_modules import array_of


class Recorder:
    """calls: AttentionCall and LayerCall in the order in which they were finished.

    graphs: (tensor, CSR) of every graph structure seen.
    """

    def __init__(self, model):
        self.model, self.calls, self.graphs = model, [], []
        self._names = {id(module): name for name, module in model.named_modules()}
        self._stack, self._muted = [], 0

    def name_of(self, module):
        """The module's path in the model; "" is the model itself."""
        return self._names.get(id(module), "")

    def clear(self):
        """Before each pass."""
        self.calls, self.graphs, self._stack, self._muted = [], [], [], 0

    @contextmanager
    def names(self):
        """Hooks that keep track of the running module."""
        handles = []
        for module in self.model.modules():
            handles.append(module.register_forward_pre_hook(lambda m, _: self._stack.append(self.name_of(m))))
            handles.append(module.register_forward_hook(lambda m, _, out: self._pop()))
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def _pop(self):
        if self._stack:
            self._stack.pop()

    @contextmanager
    def muted(self):
        """Function-level calls inside are somebody else's business."""
        self._muted += 1
        try:
            yield
        finally:
            self._muted -= 1

    @property
    def is_muted(self):
        """Inside `muted`?"""
        return self._muted > 0

    @property
    def here(self):
        """Name of the innermost running module."""
        return self._stack[-1] if self._stack else ""

    def add(self, route, q, k, v, out, scale, causal=False, mask=None, bias=None, name=None):
        """One attention call, tensors [B, heads, N, d].

        Args: mask: bool tensor, True = attend; bias: additive tensor; both broadcast
          to [B, h, Nq, Nk]; name: module path, default the running module.
        """
        name = self.here if name is None else name
        if any(t.dim() != 4 for t in (q, k, v)):
            raise CaptureError("attention with tensors of other than 4 axes", name or "model",
                               f"q with shape {tuple(q.shape)}", "[batch, heads, tokens, head_dim]")
        self.calls.append(AttentionCall(
            name, route, array_of(q), array_of(k), array_of(v), array_of(out), float(scale), bool(causal),
            None if mask is None else np.array(mask.detach().cpu().numpy(), bool),
            None if bias is None else array_of(bias)))

    def add_layer(self, name, kind, x, weight, bias, attrs=None, adjacency=None):
        """One linear, conv2d or graph call; arrays."""
        self.calls.append(LayerCall(name, kind, x, weight, bias, attrs or {}, adjacency))


def mask_or_bias(mask):
    """A framework's mask as keyword arguments of `Recorder.add`: bool = mask (True = attend), float = bias."""
    if mask is None:
        return {}
    return {"mask": mask} if str(mask.dtype) == "torch.bool" else {"bias": mask}
