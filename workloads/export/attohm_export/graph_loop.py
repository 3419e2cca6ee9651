"""A capture that saw graph layers and no attention: /model and the closed loop of family gcn."""

from dataclasses import dataclass

import numpy as np

from .closed_loop import LIMIT
from .errors import CaptureError, Refused
from .graph import GraphNetwork
from .mapping import Mapping
from .maths import ACTIVATIONS


@dataclass
class GraphPlan:
    """What `adapters.plan.Plan` is for transformers."""

    layout: str
    net: dict
    mapping: Mapping


def graph_model(run, options):
    """Attributes of /model: family gcn, one layer per graph call. Raises: CaptureError without one."""
    calls = _calls(run)
    if not calls:
        raise CaptureError("neither attention nor graph layers were seen", "model",
                           ", ".join(sorted({call.kind for call in run.calls})), "attention, or graph=True")
    task = "node-classify" if run.logits is not None and options.labels is not None else "none"
    return {"name": options.name or "graph network", "family": "gcn", "layers": len(calls), "heads": 0, "kv_heads": 0,
            "head_dim": 0, "v_head_dim": 0, "width": calls[0].weight.shape[0], "causal": np.uint8(0),
            "prefix_tokens": 0, "grid_h": 0, "grid_w": 0, "task": task,
            "classes": 0 if run.logits is None else run.logits.shape[-1], "pool": "none"}


def close_graph(run, model, arrays):
    """The calls as a chain of graph layers with one activation between them.

    Args: arrays: every parameter of the model, by name.
    Returns: GraphPlan, largest logit difference. Raises: Refused.
    """
    calls = _calls(run)
    if run.logits is None or any(call.adjacency is not calls[0].adjacency for call in calls):
        raise Refused("a graph network without logits, or with more than one graph", "model",
                      "no logits" if run.logits is None else "several adjacency matrices", "logits, one graph")
    mapping = Mapping(arrays)
    for index, call in enumerate(calls):
        inside = [name for name in arrays if name.startswith(call.name + ".")]
        mapping.put(f"layer_{index:02d}/w", call.weight, f"{call.name} (weight)")
        if call.bias is not None:
            mapping.put(f"layer_{index:02d}/b", call.bias, f"{call.name} (bias)")
        for name in inside:
            mapping.leave(name, f"in layer_{index:02d}")
    mapping.check_complete()
    size = max(1.0, float(np.abs(run.logits).max()))
    errors = {}
    for activation in ACTIVATIONS:
        try:
            network = GraphNetwork(model, {"activation": activation}, mapping.weights)
            got, _ = network.run(calls[0].x, calls[0].adjacency)
            errors[activation] = float(np.abs(got - run.logits).max()) / size
        except ValueError:
            errors[activation] = np.inf
    best = min(errors, key=errors.get)
    if not errors[best] <= LIMIT:
        raise Refused("a chain of graph layers does not give the model's logits", "model",
                      f"{errors[best]:.3g} of the largest logit", f"up to {LIMIT:g}; activations "
                      + ", ".join(ACTIVATIONS))
    return GraphPlan("graph convolutions", {"activation": best}, mapping), errors[best]


def close_graph_paths(call, index):
    """Where a closed loop keeps the weights of graph layer `index`."""
    paths = {"weight_path": f"/model/weights/layer_{index:02d}/w"}
    return paths if call.bias is None else {**paths, "bias_path": f"/model/weights/layer_{index:02d}/b"}


def _calls(run):
    return [call for call in run.calls if getattr(call, "kind", "") == "graph"]
