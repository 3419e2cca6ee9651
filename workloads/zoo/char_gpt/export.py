"""From the trained character GPT to an attohm trace, through the project's exporter."""

import numpy as np

from attohm_export import __version__
from attohm_export.adapters import torch_modules
from attohm_export.forward import Network, PruneCount
from attohm_export.writer import TraceWriter
from trace_parts import block_weights, captured_layers, pruning

import training

CAPTURED_SAMPLES = 2        # evaluated windows that carry q, k, v, out; more would take the file past 6 MB
GOLDEN_SAMPLES = 2          # evaluated windows that carry both kinds of logits
SAMPLES = 32                # evaluated windows, evenly spread over the validation text
CALIBRATION_TOKENS = 96     # of the one calibration window with q, k, v, out
CALIBRATION_SAMPLES = 4     # windows of the training text; the others carry tokens alone
TORCH_AGREEMENT = 2e-3      # largest allowed |logit difference| torch float32 against NumPy float64


def network_of(model):
    """The torch model as the network that the trace will hold."""
    shape = model.shape
    attributes = {"name": "char_gpt", "family": "gpt", "layers": shape.layers, "heads": shape.heads,
                  "kv_heads": shape.heads, "head_dim": shape.head_dim, "v_head_dim": shape.head_dim,
                  "width": shape.width, "causal": np.uint8(1), "prefix_tokens": 0, "grid_h": 0, "grid_w": 0,
                  "task": "next-token", "classes": shape.vocabulary, "pool": "none"}
    net = {"norm": "layernorm", "norm_eps": shape.norm_eps, "norm_position": "pre", "activation": "gelu_tanh",
           "gated": np.uint8(0), "tied_head": np.uint8(1)}
    return Network(attributes, net, weights_of(model))


def weights_of(model):
    """Every weight as float32 under its name in the trace format; the head is the token embedding."""
    weights = {"token_embedding": torch_modules.array_of(model.token.weight),
               "position_embedding": torch_modules.array_of(model.position),
               **torch_modules.layer_norm(model.norm, "final_norm")}
    for index, block in enumerate(model.blocks):
        weights[f"layer_{index:02d}"] = block_weights(block)
    return weights


class Windows:
    """The samples: tokens, targets int64 [n, N]; index: number of each window in its text."""

    def __init__(self, text, length, count):
        tokens, targets = training.windows_of(text, length)
        self.index = np.arange(count) * len(tokens) // count
        self.tokens, self.targets = tokens[self.index], targets[self.index]


class Golden:
    """The exact network on the evaluated windows, dense and with hard thresholds.

    dense, pruned: float64 logits [n, N, classes]; prune: PruneCount per layer.
    """

    def __init__(self, network, tokens, thresholds):
        self.prune = [PruneCount() for _ in thresholds]
        dense, pruned = [], []
        for window in tokens:
            dense.append(network.run(window[None]).logits[0])
            result = network.run(window[None], thresholds)
            pruned.append(result.logits[0])
            for total, part in zip(self.prune, result.prune):
                total.merge(part)
        self.dense, self.pruned = np.stack(dense), np.stack(pruned)


def loss_of(logits, targets):
    """Mean cross entropy, nats per character. Args: logits [n, N, classes], targets [n, N]."""
    peak = logits.max(axis=-1, keepdims=True)
    log_sum = np.log(np.exp(logits - peak).sum(axis=-1)) + peak[..., 0]
    return float((log_sum - np.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]).mean())


def write_trace(path, network, thresholds, train, validation, golden, created_utc):
    """The closed-loop trace. Args: train, validation: Windows."""
    with TraceWriter(path, "attohm char_gpt", __version__, "float16",
                     "NumPy float64 forward pass of the float32 weights", created_utc) as trace:
        trace.model(**network.model)
        trace.thresholds(thresholds)
        trace.weights(network.net, network.weights, compress=True)
        for number in range(len(train.tokens)):
            part = CALIBRATION_TOKENS if number == 0 else None
            layers = captured_layers(network, train.tokens[number][:part], part, 1) if number == 0 else ()
            add_window(trace, train, number, "train", {}, layers, part)
        for number in range(len(validation.tokens)):
            logits = {"logits": golden.dense[number].astype(np.float32),
                      "logits_threshold": golden.pruned[number].astype(np.float32)} if number < GOLDEN_SAMPLES else {}
            tokens = validation.tokens[number]
            layers = captured_layers(network, tokens, len(tokens), 1) if number < CAPTURED_SAMPLES else ()
            add_window(trace, validation, number, "validation", logits, layers)


def add_window(trace, windows, number, split, logits, layers, part=None):
    """One window; training windows are for calibration. Args: part: leading tokens to keep, None for all."""
    attrs = {"dataset": "r-cran-janeaustenr", "split": split, "index": int(windows.index[number])}
    ids = {"tokens": windows.tokens[number][:part].astype(np.int32),
           "targets": windows.targets[number][:part].astype(np.int32)}
    trace.add_sample(attrs, {**ids, **logits}, layers, calibration=split == "train")


def write_all(path, model, train, validation, created_utc):
    """Golden values, agreement with torch, the trace. Returns: what report.json says of the trace."""
    network, thresholds = network_of(model), model.thresholds.detach().numpy().copy()
    length = model.shape.tokens
    calibration, evaluated = Windows(train, length, CALIBRATION_SAMPLES), Windows(validation, length, SAMPLES)
    golden = Golden(network, evaluated.tokens, thresholds)
    worst = float(np.abs(training.logits_of(model, evaluated.tokens) - golden.dense).max())
    if worst > TORCH_AGREEMENT:
        raise SystemExit(f"dense logits differ from torch by {worst:.3g}, allowed {TORCH_AGREEMENT:g}")
    write_trace(path, network, thresholds, calibration, evaluated, golden, created_utc)
    losses = {"dense": loss_of(golden.dense, evaluated.targets),
              "hard_thresholds": loss_of(golden.pruned, evaluated.targets)}
    return {"trace": {"samples": len(evaluated.tokens), "characters": evaluated.targets.size,
                      "nats_per_character": losses,
                      "perplexity": {name: float(np.exp(loss)) for name, loss in losses.items()},
                      "top1": {name: float((logits.argmax(axis=-1) == evaluated.targets).mean())
                               for name, logits in (("dense", golden.dense), ("hard_thresholds", golden.pruned))},
                      "torch_difference": worst,
                      "smallest_margin_to_threshold": min(c.margin for c in golden.prune)},
            "pruning": pruning(golden.prune),
            "pruning_per_layer": [{"threshold": float(t), **pruning([c])} for t, c in zip(thresholds, golden.prune)]}
