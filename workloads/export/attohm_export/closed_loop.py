"""Does the network in the words of the trace format give the model's own logits? Framework-free."""

import math

import numpy as np

from .errors import Refused
from .forward import Network

LIMIT = 1e-3      # largest |logit difference|, relative to the largest |logit| where that exceeds 1
SCALE_LIMIT = 1e-6
SCORES = 1 << 24  # most scores of one layer held at once, float64


def check_layers(layers, valid_len, plan, head_dim):
    """What was captured is what a closed loop can say. Args: layers of one sample. Raises: Refused."""
    attention = [(attrs, tensors) for attrs, tensors in layers if attrs["kind"] == "attention"]
    groups = sum(isinstance(value, dict) for value in plan.mapping.weights.values())
    if len(attention) != groups:
        raise Refused("attention calls and layers differ in number", plan.layout, f"{len(attention)} calls",
                      f"{groups}, one per layer")
    for attrs, tensors in attention:
        if "bias" in tensors:
            raise Refused("an additive bias (relative positions, ALiBi)", attrs["name"], "bias",
                          "none in a closed loop")
        if "mask" in tensors:
            raise Refused("a mask other than causal and right padding", attrs["name"], "mask",
                          "causal, valid_len; pad on the right")
        if attrs.get("windows", 1) != 1:
            raise Refused("windows", attrs["name"], attrs["windows"], "1 in a closed loop")
        if abs(attrs["scale"] * math.sqrt(head_dim) - 1) > SCALE_LIMIT:
            raise Refused("a scale of its own", attrs["name"], f"{attrs['scale']:g}",
                          "1/sqrt(head_dim) in a closed loop")
        if plan.model["causal"] is not None and attrs["n_q"] > 1 and attrs["causal"] != plan.model["causal"]:
            raise Refused("causality differs from the layout's", attrs["name"], f"causal {attrs['causal']}",
                          f"{plan.model['causal']} ({plan.layout})")


def fit(plan, model, inputs, logits, valid_len=None):
    """Tries the table's choices and keeps the one whose logits come closest.

    Args: plan: Plan; model: attributes of /model; inputs: as `Network.run` takes them;
      logits: the model's own, [batch, classes] or [batch, N, classes]; valid_len:
      list of lengths or None. Returns: model, net with the choice, error.
    Raises: Refused where none comes within LIMIT.
    """
    best, trouble = (math.inf, None, None), ""
    for choice in plan.choices:
        net, tried = _chosen(plan, model, choice)
        try:
            got = _logits(Network(tried, net, plan.mapping.weights), inputs, valid_len)
        except (IndexError, ValueError, KeyError) as error:
            trouble = str(error)
            continue
        if got.shape != logits.shape:
            trouble = f"logits {logits.shape}, this table gives {got.shape}"
            continue
        best = min(best, (_difference(got, logits, valid_len), tried, net), key=lambda entry: entry[0])
    if not best[0] <= LIMIT:
        got = f"{best[0]:.3g} of the largest logit" if best[1] else trouble
        raise Refused("the network as read by this table does not give the model's logits", plan.layout, got,
                      f"up to {LIMIT:g}")
    return best[1], best[2], best[0]


def check_logits(network, inputs, logits, valid_len, where):
    """Further batches through the network that `fit` chose. Returns: the error. Raises: Refused."""
    error = _difference(_logits(network, inputs, valid_len), logits, valid_len)
    if not error <= LIMIT:
        raise Refused("the network in the file does not give the model's logits", where,
                      f"{error:.3g} of the largest logit", f"up to {LIMIT:g}")
    return error


def explain(plan, model, inputs, calls, valid_len=None):
    """Where the network first differs from what was captured: "layer 2, k" or "logits"."""
    if valid_len is not None:
        inputs = {**inputs, "valid_len": np.asarray(valid_len)}
    net, tried = _chosen(plan, model, plan.choices[0])
    try:
        layers = Network(tried, net, plan.mapping.weights).run(inputs, capture=True).layers
    except (IndexError, ValueError, KeyError) as error:
        return str(error)
    for index, (layer, call) in enumerate(zip(layers, calls)):
        for name in ("q", "k", "v"):
            captured = getattr(call, name)
            if layer[name].shape != captured.shape:
                return f"layer {index}, {name} has shape {layer[name].shape}, captured {captured.shape}"
            keep = _rows(layer[name].shape[2], len(captured), valid_len)
            error = np.abs(np.where(keep[:, None, :, None], layer[name] - captured, 0)).max()
            if error > LIMIT * max(1.0, np.abs(captured).max()):
                return f"first in layer {index}, {name} ({call.name})"
    return "behind the last layer"


def _logits(network, inputs, valid_len):
    """The forward pass, a few samples at a time, so that scores of long inputs fit into memory."""
    if valid_len is not None:
        inputs = {**inputs, "valid_len": np.asarray(valid_len)}
    count, tokens = next(iter(inputs.values())).shape[:2]
    part = max(1, SCORES // (network.model["heads"] * tokens**2))
    return np.concatenate([network.run({name: array[i:i + part] for name, array in inputs.items()}).logits
                           for i in range(0, count, part)])


def _chosen(plan, model, choice):
    """Attributes of /model/weights and /model with one of the table's choices."""
    net = {**plan.net, **{name: value for name, value in choice.items() if name != "pool"}}
    return net, {**model, **{name: value for name, value in choice.items() if name == "pool"}}


def finite_weights(plan):
    """Every weight is finite; the first that is not is named. Raises: Refused."""
    def walk(tree, path):
        for name, value in tree.items():
            if isinstance(value, dict):
                walk(value, f"{path}{name}/")
            elif not np.isfinite(value).all():
                raise Refused("a weight is not finite", path + name, "nan or inf", "finite numbers")
    walk(plan.mapping.weights, "")


def _rows(tokens, batch, valid_len):
    """Real rows, bool [batch, N]."""
    if valid_len is None:
        return np.ones((batch, tokens), bool)
    return np.arange(tokens)[None, :] < np.asarray(valid_len).reshape(-1, 1)


def _difference(got, logits, valid_len):
    """Largest difference over the rows that count, relative to the largest logit where that exceeds 1."""
    difference = np.abs(got - logits) / max(1.0, float(np.abs(logits).max()))
    if logits.ndim == 3:
        difference = np.where(_rows(logits.shape[1], len(logits), valid_len)[..., None], difference, 0)
    return float(difference.max()) if np.isfinite(difference).all() else math.inf
