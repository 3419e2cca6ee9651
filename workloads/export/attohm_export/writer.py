"""TraceWriter: an attohm trace, checked while it is written, on disk whole or not at all."""

import os
import time
from pathlib import Path

import numpy as np

from . import hdf5, schema
from .recompute import check_out
from .schema_layers import check_layer
from .schema import TraceError

_MATRICES = tuple(name for table in (schema.LAYER_SHAPES, schema.TOP_SHAPES, schema.GRAPH_SHAPES)
                  for name, axes in table.items() if len(axes) == 2)


def creation_time():
    """SOURCE_DATE_EPOCH where set (reproducible-builds.org), else now; ISO 8601, UTC."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class TraceWriter:
    """Writes beside the target and renames when everything was accepted.

    Use: `with TraceWriter(path, ...) as trace:` then `model` first, `thresholds`
    and `weights` if there are any, `add_sample` as often as needed. Leaving the
    block writes content_sha256, then complete=1, and renames; an exception in
    the block leaves an older file at `path` as it was and nothing else.
    """

    def __init__(self, path, producer, producer_version, capture_dtype, capture_method, created_utc=None):
        """Args: created_utc: text, default `creation_time()`; the rest as in the format."""
        self._path = Path(path)
        self._partial = self._path.with_name(self._path.name + ".partial")
        self._root = {"format": schema.FORMAT, "schema_version": schema.SCHEMA_VERSION, "producer": producer,
                      "producer_version": producer_version, "created_utc": created_utc or creation_time(),
                      "capture_dtype": capture_dtype, "capture_method": capture_method}
        self._file, self._model, self._counts = None, None, {}
        self.worst = 0.0  # largest recomputation error of any out so far

    def __enter__(self):
        self._file = hdf5.create_file(self._partial)
        hdf5.write_attributes(self._file, self._root)
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self._finish()
            self._file.close()
            if kind is None:
                self._publish()
        finally:
            self._file.close()
            self._partial.unlink(missing_ok=True)

    def model(self, **attributes):
        """Attributes of /model, all but v_head_dim, pool and pad_token required."""
        schema.check_model(attributes)
        self._model = attributes
        hdf5.write_attributes(hdf5.create_group(self._file, "model"), attributes)

    def thresholds(self, learned):
        """Learned thresholds in scaled-score units, [layers] or [layers, heads]."""
        learned = np.asarray(learned, np.float32)
        schema.check_thresholds(learned, self._declared())
        group = hdf5.create_group(self._file["model"], "thresholds")
        hdf5.write_attributes(hdf5.write_tensor(group, "learned", learned), {"compares": schema.COMPARES})

    def weights(self, net, tensors, compress=False):
        """The network, which makes the file closed-loop.

        Args: net: attributes of /model/weights; tensors: {"layer_00": {"wq":
          array, ...}, "final_norm_w": array, ...}, float32; compress: gzip, worth
          it for weights of few digits (float32 values that fit float16).
        """
        schema.check_weights(net, tensors, self._declared())
        group = hdf5.create_group(self._file["model"], "weights")
        hdf5.write_attributes(group, net)
        _write_tree(group, tensors, compress=_MATRICES if compress else ())

    def masks(self, name, attend):
        """Fixed pattern /model/masks/<name>. Args: attend: uint8 [layers, heads, N, N], 1 = attend."""
        model, where = self._declared(), f"/model/masks/{name}"
        attend = np.asarray(attend)
        if attend.dtype != np.uint8 or attend.ndim != 4 or attend.shape[:2] != (model["layers"], model["heads"]) \
                or attend.shape[2] != attend.shape[3] or attend.max(initial=0) > 1:
            raise TraceError(where, f"{attend.dtype} {attend.shape}, wanted uint8 0 or 1 of shape "
                                    f"({model['layers']}, {model['heads']}, N, N)")
        group = self._file["model"].get("masks") or hdf5.create_group(self._file["model"], "masks")
        hdf5.write_tensor(group, name, attend, compress=True)

    def extra(self, scheme, tensors):
        """What one scheme has learned, below /model/weights/extra/<scheme>; after `weights`.

        Args: tensors: {"layer_00": {name: array}, ...}, float32, names as the scheme wants them.
        """
        where = f"/model/weights/extra/{scheme}"
        for layer, arrays in tensors.items():
            for name, array in arrays.items():
                schema.check_values(f"{where}/{layer}", name, array)
        weights = self._file["model"]["weights"]
        group = weights.get("extra") or hdf5.create_group(weights, "extra")
        _write_tree(hdf5.create_group(group, scheme), tensors)

    def modules(self, tensors):
        """Weights that linear and conv2d layers point to, below /model/modules.

        Args: tensors: {"module name": {"weight": array, "bias": array}}, float32.
        """
        group = hdf5.create_group(self._file["model"], "modules")
        for name, arrays in tensors.items():
            for kind, array in arrays.items():
                schema.check_values(f"/model/modules/{name}", kind, array)
        _write_tree(group, tensors)

    def add_sample(self, attrs, tensors, layers=(), calibration=False):
        """One input.

        Args:
          attrs: dataset, split, index and, for classify, label (all integers
            int64), valid_len if shorter than N.
          tensors: x0 or patches or tokens, logits, logits_threshold, ...
          layers: (attributes, tensors) of the captured layers, in order. kind
            "attention" is the default: attributes n_q, n_k, scale, causal. "linear"
            and "conv2d": x and weight_path. "graph": x and adjacency {indptr,
            indices, values}, or adjacency_path of an earlier one.
          calibration: into /calibration, never evaluated, instead of /samples.
        Returns: the sample's path. Raises: TraceError, the file is then not kept.
        """
        parent = "calibration" if calibration else "samples"
        number = self._counts.get(parent, 0)
        path = f"/{parent}/{number:06d}"
        model = self._declared()
        schema.check_sample(path, attrs, tensors, model)
        if parent not in self._file:
            hdf5.create_group(self._file, parent)
        group = hdf5.create_group(self._file[parent], f"{number:06d}")
        hdf5.write_attributes(group, attrs)
        for name, array in tensors.items():
            dataset = hdf5.write_tensor(group, name, array, compress=name == "patches")
            if name == "logits_threshold":
                hdf5.write_attributes(dataset, {"empty_row": schema.EMPTY_ROW})
        if layers:
            self._add_layers(group, layers, attrs.get("valid_len"))
        self._counts[parent] = number + 1
        return path

    def count(self, parent="samples"):
        """How many samples (or "calibration" samples) were added."""
        return self._counts.get(parent, 0)

    def _add_layers(self, sample, layers, valid_len):
        """Each layer's out is recomputed from what is stored before it is accepted."""
        layers = [({"kind": "attention", **attrs}, tensors) for attrs, tensors in layers]
        count = sum(attrs["kind"] == "attention" for attrs, _ in layers)
        if count not in (0, self._declared()["layers"]):
            raise TraceError(sample.name, f"{count} attention layers, the model has {self._model['layers']}")
        parent = hdf5.create_group(sample, "layers")
        for number, (attrs, tensors) in enumerate(layers):
            where = f"{sample.name}/layers/{number:02d}"
            if attrs["kind"] == "attention":
                attrs = {"q_prescaled": 0, **attrs}
            check_layer(where, attrs, tensors, self._model, self._lookup)
            if attrs["kind"] == "attention":
                self.worst = max(self.worst, check_out(where, attrs, tensors, valid_len))
            group = hdf5.create_group(parent, f"{number:02d}")
            hdf5.write_attributes(group, attrs)
            _write_tree(group, tensors, compress=("x", "indices", "values") if attrs["kind"] == "graph" else ())

    def _lookup(self, path):
        """The dataset at an absolute path as an array, a group as a dict, None for nothing."""
        return hdf5.item_at(self._file, path)

    def _declared(self):
        if self._model is None:
            raise TraceError("/model", "model() comes first")
        return self._model

    def _finish(self):
        """Hash, then the mark that says the capture is whole."""
        self._declared()
        self._file.flush()
        hdf5.write_attributes(self._file, {"content_sha256": hdf5.content_sha256(self._file)})
        self._file.flush()
        hdf5.write_attributes(self._file, {"complete": np.uint8(1)})

    def _publish(self):
        """fsync, rename over the target, fsync the folder."""
        with open(self._partial, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(self._partial, self._path)
        folder = os.open(self._path.resolve().parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write_tree(group, tensors, compress=()):
    for name, value in tensors.items():
        if isinstance(value, dict):
            _write_tree(hdf5.create_group(group, name), value, compress)
        else:
            hdf5.write_tensor(group, name, value, compress=name in compress)
