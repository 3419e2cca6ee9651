"""/model of a capture that saw graph layers and no attention."""

import numpy as np

from .errors import CaptureError


def graph_model(run, options):
    """Attributes of /model: family gcn, one layer per graph call. Raises: CaptureError without one."""
    calls = [call for call in run.calls if call.kind == "graph"]
    if not calls:
        raise CaptureError("neither attention nor graph layers were seen", "model",
                           ", ".join(sorted({call.kind for call in run.calls})), "attention, or graph=True")
    task = "node-classify" if run.logits is not None and options.labels is not None else "none"
    return {"name": options.name or "graph network", "family": "gcn", "layers": len(calls), "heads": 0, "kv_heads": 0,
            "head_dim": 0, "v_head_dim": 0, "width": calls[0].weight.shape[0], "causal": np.uint8(0),
            "prefix_tokens": 0, "grid_h": 0, "grid_w": 0, "task": task,
            "classes": 0 if run.logits is None else run.logits.shape[-1], "pool": "none"}
