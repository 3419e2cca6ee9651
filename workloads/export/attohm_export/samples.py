"""Options of a capture, and what each sample and /model carry."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .errors import CaptureError


@dataclass
class Options:
    """What the user may say; everything has a default.

    name: of the model, default its class. labels: per sample (classify) or node, "model" for
    the model's own answers. targets: [samples, N], default the next token. valid_len: real
    tokens per sample, default as the masks say. dataset, split: where the inputs are from.
    closed: "auto" stores the weights where a table fits, True insists, False leaves them out.
    names: datasets of parameters around nn.TransformerEncoder. half: float16 tensors. linear,
    conv2d, graph: True or patterns of module names. routes: only these. calibration: inputs for
    scales and ranges. keep_layers: how many samples carry q, k, v, out (closed loop). thresholds:
    learned, per layer or layer and head. family: for /model. eval_index: scored nodes.
    """

    name: str = None
    labels: object = None
    targets: object = None
    valid_len: object = None
    dataset: str = "user"
    split: str = "test"
    closed: object = "auto"
    names: dict = None
    half: bool = False
    linear: object = False
    conv2d: object = False
    graph: object = False
    routes: object = None
    calibration: object = None
    keep_layers: int = None
    thresholds: object = None
    family: str = None
    eval_index: object = None
    batch_axis: int = 0
    created_utc: str = None

    def __post_init__(self):
        if self.closed not in ("auto", True, False):
            raise CaptureError("unknown option", "closed", repr(self.closed), '"auto", True, False')
        for name in ("labels", "targets", "valid_len"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                setattr(self, name, np.asarray(value))

    def dtype_of(self, model_dtype):
        """Root attribute capture_dtype: what the model computed in, and what is stored."""
        return model_dtype if not self.half else f"{model_dtype}, stored as float16"

    def lengths(self, start, count):
        """valid_len of samples start .. start + count - 1, or None."""
        return None if self.valid_len is None else self._part("valid_len", start, count)

    def _part(self, name, start, count):
        values = getattr(self, name)
        if len(values) < start + count:
            raise CaptureError(f"{name} is too short", name, f"{len(values)} entries", "one per sample")
        return values[start:start + count]

    def label(self, number, logits):
        """Label of a sample, None for none."""
        if self.labels is None:
            return None
        if isinstance(self.labels, str):
            if self.labels != "model":
                raise CaptureError("unknown labels", "labels", repr(self.labels), 'numbers, or "model"')
            return int(np.argmax(logits))
        return int(self._part("labels", number, 1)[0])

    def check_used(self, count):
        """As many labels, targets and lengths as samples."""
        for name in ("labels", "targets", "valid_len"):
            values = getattr(self, name)
            if isinstance(values, np.ndarray) and not self.graph and len(values) != count:
                raise CaptureError(f"{name} does not fit the inputs", name, f"{len(values)} entries",
                                   f"{count}, one per sample")

    def keeps(self, number, closed):
        """Does this sample carry its layers? All do in an open-loop trace."""
        return not closed or self.keep_layers is None or number < self.keep_layers


class NoPaths(dict):
    """Stands for the paths of weights before there is a file."""

    def __missing__(self, name):
        return {}


def batches_of(inputs):
    """A list or an iterator gives several batches, everything else is one."""
    return iter(inputs if isinstance(inputs, (list, Iterator)) else [inputs])


def task_of(run, causal, options):
    """What the answers are: classify needs labels, next-token tokens."""
    if run.logits is None:
        return "none"
    if run.logits.ndim == 2:
        return "classify" if options.labels is not None else "none"
    return "next-token" if options.targets is not None or causal and run.tokens is not None else "none"


def model_attributes(model, run, shape, layers, options):
    """Attributes of /model as far as the captured layers say."""
    causal = max((int(attrs["causal"]) for sample in layers for attrs, _ in sample[0]
                  if attrs["kind"] == "attention" and attrs["n_q"] > 1), default=0)
    task = task_of(run, causal, options)
    return {"name": options.name or type(model).__name__, "family": options.family or "other", **shape,
            "width": shape["heads"] * shape["v_head_dim"], "causal": np.uint8(causal), "prefix_tokens": 0,
            "grid_h": 0, "grid_w": 0, "task": task, "classes": 0 if run.logits is None else run.logits.shape[-1],
            "pool": "none" if run.logits is not None and run.logits.ndim == 3 else "first"}


def closed_attributes(model, plan, run):
    """Attributes of /model with what the table knows."""
    known = {name: value for name, value in plan.model.items() if value is not None and name != "heads"}
    if "family" not in known:
        known["family"] = "gpt" if model["causal"] else "bert"
    if known["family"] == "vit" and plan.feed == "patches" and run.images is None:
        raise CaptureError("a vision transformer without images", "inputs",
                           "no tensor [batch, channels, rows, columns]", "images as the first input")
    causal = np.uint8(known.pop("causal", model["causal"]))
    return {**model, **known, "causal": causal, "width": plan.mapping.weights["layer_00"]["wo"].shape[0]}


def network_inputs(plan, run):
    """What the forward pass is fed with."""
    if plan.feed == "patches":
        return {"patches": patches_of(run.images, plan.patch)}
    if plan.feed == "x0":
        if run.x0 is None:
            raise CaptureError("the input of the first block was not seen", plan.first_block, "no call",
                               "a first block that takes a tensor")
        return {"x0": run.x0}
    if run.tokens is None:
        raise CaptureError("no token numbers among the inputs", "inputs", "no integer matrix", "tokens [batch, N]")
    known = {"tokens": run.tokens}
    if run.segments is not None and "segment_embedding" in plan.mapping.weights:
        known["segments"] = run.segments
    return known


def whole_lengths(lengths, inputs):
    """Lengths of a batch for the forward pass: None where all tokens are real.

    Args: lengths: valid_len per sample, None for all tokens; inputs: as `network_inputs`.
    """
    if all(length is None for length in lengths):
        return None
    tokens = next(iter(inputs.values())).shape[1]
    return [tokens if length is None else length for length in lengths]


def patches_of(images, patch):
    """Images [B, C, H, W] as patches [B, n, C*h*w], row-major, channel first inside a patch."""
    batch, channels, rows, cols = images.shape
    high, wide = patch
    if rows % high or cols % wide:
        raise CaptureError("images are no whole number of patches", "inputs", f"{rows} x {cols} pixels",
                           f"multiples of {high} x {wide}")
    cut = images.reshape(batch, channels, rows // high, high, cols // wide, wide)
    return np.ascontiguousarray(cut.transpose(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * high * wide))


def sample_of(run, s, number, valid_len, session, calibration):
    """Attributes and tensors of one sample."""
    options, model = session.options, session.model
    attrs = {"dataset": options.dataset, "split": "calibration" if calibration else options.split, "index": number}
    if valid_len is not None:
        attrs["valid_len"] = int(valid_len)
    tensors = {}
    if session.result.closed and model["heads"]:
        tensors = {name: np.ascontiguousarray(array[s]) for name, array in network_inputs(session.plan, run).items()}
    elif run.tokens is not None and model["heads"]:  # the integers of a graph are its edges
        tensors["tokens"] = np.ascontiguousarray(run.tokens[s])
    if run.logits is not None and not calibration:
        tensors["logits"] = np.ascontiguousarray(run.logits[s] if model["heads"] else run.logits)
    if model["task"] == "classify":
        # Nobody scores a calibration sample: its label is the model's own answer.
        attrs["label"] = int(np.argmax(run.logits[s])) if calibration else options.label(number, run.logits[s])
    if model["task"] == "next-token" and not calibration:
        tensors["targets"] = _targets(run, s, number, valid_len, options)
    if model["task"] == "node-classify" and options.labels is not None:
        tensors["labels"] = np.asarray(options.labels, np.int64)
        if options.eval_index is not None:
            tensors["eval_index"] = np.asarray(options.eval_index, np.int64)
    return attrs, tensors


def _targets(run, s, number, valid_len, options):
    """As given, or the next token; nothing behind the last real one."""
    if options.targets is not None:
        return np.ascontiguousarray(options._part("targets", number, 1)[0], np.int32)
    tokens = run.tokens[s]
    targets = np.full(len(tokens), -1, np.int32)
    end = len(tokens) if valid_len is None else valid_len
    targets[:max(0, end - 1)] = tokens[1:end]
    return targets
