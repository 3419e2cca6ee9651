"""The ways from a model to its attention, in order of preference, and what was tried in tests."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch

from ..errors import CaptureError
from . import route_huggingface, route_mha, route_sdpa, route_timm

TESTED_TORCH = "1.13"  # the version that the project's tests run with


@dataclass(frozen=True)
class Route:
    """name; what it takes; module with `applies(model)` and `active(model, recorder)`; untested(): reason or ""."""

    name: str
    takes: str
    module: object
    untested: object


def _other_torch(model=None):
    """Why this PyTorch is not the tested one, or ""."""
    version = torch.__version__
    return "" if version.startswith(TESTED_TORCH) else f"PyTorch {version}; tests run with {TESTED_TORCH}"


def _real_timm(model=None):
    """The layout is tested, the library is not."""
    real = model is None or any(type(m).__module__.startswith("timm.") for m in model.modules())
    return "timm itself; tests run with its layout rebuilt" if real else _other_torch()


def _own_function(model=None):
    """PyTorch 2 brings the function; tests bring a stand-in."""
    return "the function of PyTorch 2; tests run with a stand-in" if model is None else _other_torch()


ROUTES = (
    Route("huggingface", "transformers models: AttentionInterface and AttentionMaskInterface", route_huggingface,
          lambda model=None: "transformers; no test has the library"),
    Route("timm", "modules with timm's Attention layout (qkv, q_norm, k_norm, proj), fused attention off", route_timm,
          _real_timm),
    Route("mha", "torch.nn.MultiheadAttention, fused encoder path off", route_mha, _other_torch),
    Route("sdpa", "torch.nn.functional.scaled_dot_product_attention replaced (PyTorch 2.0 and later)", route_sdpa,
          _own_function),
)


def choose(model, names=None):
    """Routes that apply to the model. Args: names: only these, or None. Raises: CaptureError where none does."""
    known = [route.name for route in ROUTES]
    for name in names or ():
        if name not in known:
            raise CaptureError("unknown route", "routes", repr(name), ", ".join(known))
    chosen = [route for route in ROUTES if (names is None or route.name in names) and route.module.applies(model)]
    if any(route.name == "huggingface" for route in chosen):
        chosen = [route for route in chosen if route.name != "sdpa"]  # its function is ours, nothing is left below
    return chosen


@contextmanager
def active(model, recorder, chosen):
    """All chosen routes at once."""
    with ExitStack() as stack:
        for route in chosen:
            stack.enter_context(route.module.active(model, recorder))
        yield


def untested_lines(model, names):
    """One line per route of these names that no test could run as it runs now."""
    reasons = ((route.name, route.untested(model)) for route in ROUTES if route.name in names)
    return [f"route {name}: untested here ({reason}); every layer is verified by recomputation"
            for name, reason in reasons if reason]


def table():
    """What `--routes` prints."""
    lines = []
    for route in ROUTES:
        reason = route.untested()
        lines.append(f"{route.name:<12} {route.takes}\n{'':<12} {'untested here: ' + reason if reason else 'tested'}")
    return "\n".join(lines)
