"""From the trained graph network to an attohm trace, through the project's exporter."""

import numpy as np

from attohm_export import __version__
from attohm_export.adapters import torch_modules
from attohm_export.graph import GraphNetwork
from attohm_export.writer import TraceWriter

ADJACENCY = "/samples/000000/layers/00/adjacency"


def network_of(model, cora):
    """The torch model as the network that the trace will hold."""
    attributes = {"name": "cora_gcn", "family": "gcn", "layers": len(model.layers), "heads": 0, "kv_heads": 0,
                  "head_dim": 0, "width": model.layers[0].out_features, "causal": np.uint8(0), "prefix_tokens": 0,
                  "grid_h": 0, "grid_w": 0, "task": "node-classify", "classes": cora.classes, "pool": "none"}
    net = {"activation": "relu"}
    weights = {f"layer_{index:02d}": torch_modules.linear(layer, "w", "b") for index, layer in enumerate(model.layers)}
    return GraphNetwork(attributes, net, weights)


def layers_of(inputs, adjacency):
    """The graph layers in the format's terms; the second points to the first one's adjacency."""
    layers = []
    for index, x in enumerate(inputs):
        where = f"/model/weights/layer_{index:02d}"
        attributes = {"kind": "graph", "weight_path": f"{where}/w", "bias_path": f"{where}/b"}
        tensors = {"x": x.astype(np.float32 if index else np.float16)}
        if index:
            attributes["adjacency_path"] = ADJACENCY
        else:
            tensors["adjacency"] = adjacency
        layers.append((attributes, tensors))
    return layers


def write_trace(path, network, cora, adjacency, created_utc):
    """One sample, the whole graph. Returns: golden logits, float64 [nodes, classes]."""
    logits, inputs = network.run(cora.features, adjacency)
    with TraceWriter(path, "attohm cora_gcn", __version__, "float16",
                     "NumPy float64 forward pass of the float32 weights", created_utc) as trace:
        trace.model(**network.model)
        trace.weights(network.net, network.weights)
        trace.add_sample({"dataset": "cora", "split": "test", "index": 0},
                         {"labels": cora.labels, "eval_index": cora.test, "logits": logits.astype(np.float32)},
                         layers_of(inputs, adjacency))
    return logits
