"""What a family table says about a model, and helpers that all tables share."""

from dataclasses import dataclass, field

import numpy as np
import torch

from ..errors import Refused
from ..maths import ACTIVATIONS
from ..mapping import Mapping
from .torch_modules import array_of

ACTIVATION_LIMIT = 1e-6  # largest difference on the grid at which two activations count as the same
_GRID = np.linspace(-6, 6, 241)


@dataclass
class Plan:
    """A network in the words of the trace format.

    layout: name of the table. model: attributes of /model that the table knows
    (family, causal, prefix_tokens, grid_h, grid_w, pool, ...). net: attributes of
    /model/weights. mapping: Mapping. feed: "patches", "tokens" or "x0", what samples
    carry. choices: alternatives ({"pool": ...} of model or net) that a table cannot
    tell apart; the one whose logits fit is taken. first_block: module whose input is x0.
    patch: (height, width) of a patch.
    """

    layout: str
    model: dict
    net: dict
    mapping: Mapping
    feed: str
    choices: list = field(default_factory=lambda: [{}])
    first_block: str = ""
    patch: tuple = ()


def arrays_of(model):
    """Every parameter and buffer, float32, by name; a tied parameter appears under each of its names."""
    found = {}
    for prefix, module in model.named_modules():
        own = list(module.named_parameters(recurse=False)) + list(module.named_buffers(recurse=False))
        found.update({f"{prefix}.{name}" if prefix else name: array_of(tensor) for name, tensor in own})
    return found


def activation_of(function, where):
    """The format's name of an activation, found by what it computes. Raises: Refused."""
    if function is None:
        raise Refused("an activation that the exporter cannot find", where, "none", ", ".join(ACTIVATIONS))
    with torch.no_grad():
        got = array_of(function(torch.tensor(_GRID, dtype=torch.float32)))
    errors = {name: float(np.abs(known(_GRID) - got).max()) for name, known in ACTIVATIONS.items()}
    best = min(errors, key=errors.get)
    if not errors[best] <= 10 * ACTIVATION_LIMIT:
        name = getattr(function, "__name__", type(function).__name__)
        raise Refused("an activation that the trace format does not have", where, name, ", ".join(ACTIVATIONS))
    return best


def norm_kind(module, where):
    """"layernorm" or "rmsnorm", found by what the module computes. Raises: Refused."""
    if isinstance(module, torch.nn.LayerNorm):
        return "layernorm"
    weight = getattr(module, "weight", None)
    if weight is not None and weight.dim() == 1 and getattr(module, "bias", None) is None:
        x = torch.linspace(-1, 2, len(weight), device=weight.device, dtype=weight.dtype)[None]
        with torch.no_grad():
            wanted = x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps_of(module, where)) * weight
            if torch.allclose(module(x), wanted, rtol=1e-4, atol=1e-5):
                return "rmsnorm"
    raise Refused("a norm that the trace format does not have", where, type(module).__name__, "LayerNorm, RMSNorm")


def eps_of(module, where):
    """The constant under a norm's root."""
    for name in ("eps", "variance_epsilon"):
        if getattr(module, name, None) is not None:
            return float(getattr(module, name))
    raise Refused("a norm without eps", where, type(module).__name__, "an attribute eps or variance_epsilon")


def norms_of(model, names):
    """Kind and eps that all norms of these names share. Raises: Refused naming the one that differs."""
    first = None
    for name in names:
        module = model.get_submodule(name)
        got = (norm_kind(module, name), eps_of(module, name))
        first = first or got
        if got != first:
            raise Refused("norms of one network differ", name, f"{got[0]}, eps {got[1]:g}",
                          f"{first[0]}, eps {first[1]:g}, as in {names[0]}")
    return {"norm": first[0], "norm_eps": first[1]}


def has(model, path):
    """Does the dotted path exist (module, parameter or attribute that is not None)?"""
    for part in path.split("."):
        model = model[int(part)] if part.isdigit() and isinstance(model, (torch.nn.Sequential, torch.nn.ModuleList)) \
            and int(part) < len(model) else getattr(model, part, None)
        if model is None:
            return False
    return True


def prefix_of(model, marks, prefixes):
    """The first prefix below which every mark exists, or None."""
    for prefix in prefixes:
        if all(has(model, prefix + mark) for mark in marks):
            return prefix
    return None


def packed_thirds(mapping, layer, weight, bias, transposed=False):
    """One parameter that holds q, k and v in this order as wq, wk, wv; its bias as bq, bk, bv."""
    for index, name in enumerate("qkv"):
        def third(array, i=index):
            """Rows of one of the three."""
            array = array.T if transposed and array.ndim == 2 else array
            return array[i * (len(array) // 3):(i + 1) * (len(array) // 3)]
        note = f"third {index + 1}"
        mapping.take(f"{layer}/w{name}", weight, third, note + (", transposed" if transposed else ""))
        mapping.take_if(f"{layer}/b{name}", bias, third, note)
