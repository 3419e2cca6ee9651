"""Linear, conv2d and graph layers, on request: hooks on the modules, each call recomputed at once."""

from contextlib import contextmanager
from fnmatch import fnmatchcase

import numpy as np
import torch

from ..errors import CaptureError
from ..graph import csr_of, graph_layer
from .torch_modules import array_of

LIMIT = 1e-3  # of the largest |output|


def wanted(name, patterns):
    """True, False or a list of shell patterns of module names."""
    return patterns is True or bool(patterns) and any(fnmatchcase(name, pattern) for pattern in patterns)


@contextmanager
def active(model, recorder, linear=False, conv2d=False, graph=False):
    """Hooks on every chosen module."""
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and wanted(name, linear):
            handles.append(module.register_forward_hook(_linear_hook(name, recorder)))
        elif isinstance(module, torch.nn.Conv2d) and wanted(name, conv2d):
            handles.append(module.register_forward_hook(_conv_hook(name, recorder)))
        elif graph is not True and wanted(name, graph) or graph is True and is_graph(module):
            handles.append(module.register_forward_hook(_graph_hook(name, recorder)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def is_graph(module):
    """A graph convolution: class name GCNConv, or GraphConvolution."""
    return type(module).__name__ in ("GCNConv", "GraphConvolution")


def _linear_hook(name, recorder):
    def hook(module, args, out):
        x, weight, bias = array_of(args[0]), array_of(module.weight), _bias(module)
        _check(name, x @ weight.T + (0 if bias is None else bias), array_of(out))
        recorder.add_layer(name, "linear", x.reshape(len(x), -1, x.shape[-1]), weight, bias)
    return hook


def _conv_hook(name, recorder):
    def hook(module, args, out):
        attrs = _conv_attributes(name, module)
        x, weight, bias = array_of(args[0]), array_of(module.weight), _bias(module)
        _check(name, conv2d(x, weight, bias, **attrs), array_of(out))
        recorder.add_layer(name, "conv2d", x, weight, bias, attrs)
    return hook


def _conv_attributes(name, module):
    """stride, padding, groups as the format has them: one number each, no dilation."""
    padding = (0, 0) if module.padding == "valid" else module.padding
    plain = not isinstance(padding, str) and len(set(padding)) == 1 and len(set(module.stride)) == 1
    if not plain or tuple(module.dilation) != (1, 1) or module.padding_mode != "zeros":
        raise CaptureError("convolution the trace format does not have", name,
                           f"stride {module.stride}, padding {module.padding}, dilation {module.dilation}, "
                           f"{module.padding_mode}", "the same stride and padding both ways, dilation 1, zeros")
    return {"stride": module.stride[0], "padding": padding[0], "groups": module.groups}


def conv2d(x, weight, bias, stride, padding, groups):
    """The layer in NumPy. Args: x [B, C, H, W]; weight [O, I/groups, kh, kw]. Returns: [B, O, H', W']."""
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    patches = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    batch, _, rows, cols = patches.shape[:4]
    patches = patches.reshape(batch, groups, -1, rows, cols, *weight.shape[2:])
    filters = weight.astype(np.float64).reshape(groups, -1, *weight.shape[1:])
    y = np.einsum("bgchwij,gocij->bgohw", patches, filters, optimize=True).reshape(batch, -1, rows, cols)
    return y if bias is None else y + bias[:, None, None]


def _graph_hook(name, recorder):
    """Modules called with (x, edge_index), normalised as GCNConv does, or with (x, adjacency matrix)."""
    def hook(module, args, out):
        x, structure = array_of(args[0]), args[1]
        weight, bias = _graph_weights(name, module, x)
        csr = _shared(recorder, structure, len(x))
        _check(name, graph_layer(csr, x, weight, bias), array_of(out))
        recorder.add_layer(name, "graph", x, weight, bias, adjacency=csr)
    return hook


def _shared(recorder, structure, nodes):
    """The CSR of a graph; layers that were given the same tensor share one."""
    for known, csr in recorder.graphs:
        if known is structure:
            return csr
    recorder.graphs.append((structure, _adjacency(structure, nodes)))
    return recorder.graphs[-1][1]


def _graph_weights(name, module, x):
    """weight [out, in] and bias of a graph convolution: `lin.weight`, or `weight` either way round."""
    owner = getattr(module, "lin", module)
    if getattr(owner, "weight", None) is None:
        raise CaptureError("graph layer without a weight", name, type(module).__name__, "lin.weight or weight")
    weight = array_of(owner.weight)
    weight = weight if weight.shape[1] == x.shape[1] and (owner is not module) else weight.T.copy()
    return weight, None if getattr(module, "bias", None) is None else array_of(module.bias)


def _adjacency(structure, nodes):
    """edge_index (from, to) as PyTorch Geometric has it, or a matrix, as CSR."""
    if structure.dtype == torch.int64:
        return csr_of(structure.cpu().numpy()[::-1], nodes)
    dense = structure.to_dense() if structure.is_sparse else structure
    matrix = array_of(dense)
    places = np.stack(np.nonzero(matrix))
    return csr_of(places, nodes, matrix[tuple(places)], self_loops=False, normalise=False)


def _bias(module):
    return None if module.bias is None else array_of(module.bias)


def _check(name, got, wanted_out):
    """The layer in NumPy against the module."""
    error, size = float(np.abs(got - wanted_out).max()), float(np.abs(wanted_out).max())
    if not error <= LIMIT * size:
        raise CaptureError("recomputed layer differs from the module's output", name, f"{error:.3g}",
                           f"up to {LIMIT * size:.3g}")
