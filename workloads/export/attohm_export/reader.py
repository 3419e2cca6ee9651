"""Reads a trace back: for checks, tests and scripts (the simulator has its own reader)."""

import h5py
import numpy as np

from . import hdf5, schema
from .forward import Network, VitModel
from .graph import GraphNetwork
from .recompute import check_out
from .schema import TraceError
from .schema_layers import check_layer


class TraceReader:
    """An open trace. Use as a context manager.

    model, net: attributes of /model and /model/weights (net is None without
    weights). thresholds: float32 array or None.
    """

    def __init__(self, path):
        self.file = h5py.File(path, "r")
        try:
            self._read_head()
        except TraceError:
            self.file.close()
            raise

    def _read_head(self):
        """Root, /model and thresholds. Raises: TraceError."""
        self.root = hdf5.read_attributes(self.file)
        _check_root(self.root)
        if not isinstance(self.file.get("model"), h5py.Group):
            raise TraceError("/model", "is missing")
        self.model = hdf5.read_attributes(self.file["model"])
        weights = self.file.get("model/weights")
        self.net = None if weights is None else hdf5.read_attributes(weights)
        learned = self.file.get("model/thresholds/learned")
        self.thresholds = None if learned is None else learned[()]

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.file.close()

    def network(self):
        """The network of the file: a GraphNetwork for family gcn, else a Network."""
        kind = GraphNetwork if self.model["family"] == "gcn" else Network
        return kind(self.model, self.net, self.weights())

    def vit(self):
        """The network as a VitModel."""
        return VitModel(self.model, self.net, self.weights())

    def weights(self):
        """The network's arrays as nested dicts, without what single schemes have learned."""
        return {name: value for name, value in hdf5.tree(self.file["model/weights"]).items() if name != "extra"}

    def extra(self, scheme):
        """What a scheme has learned, {"layer_00": {name: array}, ...}."""
        return hdf5.tree(self.file["model/weights/extra"][scheme])

    def names(self, parent="samples"):
        """Paths of the samples (or of the "calibration" samples) in order."""
        return [f"/{parent}/{name}" for name in sorted(self.file[parent])] if parent in self.file else []

    def sample(self, path):
        """Returns: attributes, tensors, [(attributes, tensors) per layer]."""
        group = self.file[path]
        tensors = {name: item[()] for name, item in group.items() if isinstance(item, h5py.Dataset)}
        layers = [group["layers"][name] for name in sorted(group.get("layers", {}))]
        return hdf5.read_attributes(group), tensors, [(hdf5.read_attributes(g), hdf5.tree(g)) for g in layers]

    def stacked(self, name, paths):
        """One tensor of several samples, [len(paths), ...]."""
        return np.stack([self.file[path][name][()] for path in paths])


def check_trace(path):
    """Every check the writer makes, on a finished file.

    Returns: the largest recomputation error of any `out` (0 without layers).
    Raises: TraceError at the first fault.
    """
    worst = 0.0
    with TraceReader(path) as trace:
        schema.check_model(trace.model)
        if trace.thresholds is not None:
            schema.check_thresholds(trace.thresholds, trace.model)
            compares = hdf5.read_attributes(trace.file["model/thresholds/learned"]).get("compares")
            if compares != schema.COMPARES:
                raise TraceError("/model/thresholds/learned", f"compares is {compares!r}, allowed: {schema.COMPARES!r}")
        if trace.net is not None:
            schema.check_weights(trace.net, trace.weights(), trace.model)
        for name in trace.names() + trace.names("calibration"):
            attrs, tensors, layers = trace.sample(name)
            schema.check_sample(name, attrs, tensors, trace.model)
            for number, (layer, arrays) in enumerate(layers):
                where = f"{name}/layers/{number:02d}"
                check_layer(where, layer, arrays, trace.model, lambda path: hdf5.item_at(trace.file, path))
                if layer["kind"] == "attention":
                    worst = max(worst, check_out(where, layer, arrays, attrs.get("valid_len")))
    return worst


def content_matches(path):
    """Is content_sha256 that of the content? False for a trace that has none."""
    with TraceReader(path) as trace:
        return trace.root.get("content_sha256") == hdf5.content_sha256(trace.file)


def _check_root(root):
    if root.get("format") != schema.FORMAT:
        raise TraceError("/", f"format is {root.get('format')!r}, wanted {schema.FORMAT!r}")
    if root.get("schema_version", "").split(".")[0] != schema.SCHEMA_VERSION.split(".")[0]:
        raise TraceError("/", f"schema_version is {root.get('schema_version')!r}, known is {schema.SCHEMA_VERSION}")
    if root.get("complete") != 1:
        raise TraceError("/", "complete is not 1: a truncated capture")


def summary(path):
    """One line: name, family, sizes, samples, whether closed-loop."""
    with TraceReader(path) as trace:
        model = trace.model
        return (f"{model['name']} ({model['family']}): {model['layers']} layers, {model['heads']} heads "
                f"({model['kv_heads']} kv), head_dim {model['head_dim']}, {len(trace.names())} samples, "
                f"{'closed loop' if trace.net is not None else 'open loop'}")
