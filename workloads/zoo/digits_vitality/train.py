#!/usr/bin/python3
"""Fine-tunes the committed digits ViT for ViTALiTy's Taylor attention, writes trace and report.

    /usr/bin/python3 train.py --out DIR

writes DIR/digits_vitality.h5 and DIR/report.json. `--holdout` is for changing the
recipe: it works on the training set alone, 360 of its samples stand for the test
(the starting weights have seen them, so only differences mean something).
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: its sums depend on the thread count
HERE = Path(__file__).resolve().parent
DIGITS = HERE.parent / "digits_vit"
sys.path[1:1] = [str(DIGITS), str(HERE.parent / "shared"), str(HERE.parents[1] / "export")]

import numpy as np
import torch
from torch.nn.functional import cross_entropy

import data
import export
import training
from attohm_export import __version__
from attohm_export.reader import TraceReader
from attohm_export.writer import TraceWriter
from model import DigitsViT, Shape
from taylor import TaylorViT, load_trace_weights

CREATED_UTC = "2026-11-20T00:00:00Z"  # of this recipe; fixed, so that a rerun gives the same bytes
CAPTURED_SAMPLES = 2                  # test samples that carry q, k, v, out
CALIBRATION_SAMPLES = 16              # from the training set
CAPTURED_CALIBRATION = 1


@dataclass(frozen=True)
class Recipe:
    """sparse_share: part of the fine-tuning over which the weight of S V falls from 1 to 0.

    The released training keeps S throughout; inference drops it. Letting it go
    before the end is ours: the network must learn to do without.
    """

    seed: int = 11
    epochs: int = 12
    rate: float = 3e-4
    sparse_share: float = 0.5


def log(text):
    """One line with the seconds since the start."""
    print(f"[{time.perf_counter() - START:6.1f} s] {text}", flush=True)


def fine_tune(model, split, recipe):
    """All weights under Taylor attention, cross entropy alone."""
    steps = recipe.epochs * (len(split) // training.BATCH)
    done = 0

    def loss_of(patches, labels):
        nonlocal done
        model.set_sparse_weight(max(0.0, 1.0 - done / (recipe.sparse_share * steps)))
        done += 1
        return cross_entropy(model(patches)[0], labels, label_smoothing=training.LABEL_SMOOTHING)

    groups = [(model.weight_parameters(), recipe.rate, training.WEIGHT_DECAY)]
    training.fit(model, split, recipe.epochs, groups, loss_of, recipe.seed, log)
    model.set_sparse_weight(0.0)


def write_trace(path, vit, train, test, logits, created_utc):
    """Closed loop: weights, every test sample with the logits of exact attention, calibration samples."""
    vit.model["name"] = "digits_vitality"
    with TraceWriter(path, "attohm digits_vitality", __version__, "float16",
                     "NumPy float64 forward pass of the float32 weights", created_utc) as trace:
        trace.model(**vit.model)
        trace.weights(vit.net, vit.weights)
        for number in range(CALIBRATION_SAMPLES):
            export.add_digit(trace, vit, train, number, "train", number < CAPTURED_CALIBRATION, {}, calibration=True)
        for number in range(len(test)):
            export.add_digit(trace, vit, test, number, "test", number < CAPTURED_SAMPLES,
                        {"logits": logits[number].astype(np.float32)})


def run(out, recipe, holdout, created_utc):
    """Load, fine-tune, export. Returns: the report."""
    torch.manual_seed(recipe.seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    train, test = data.load(holdout)
    with TraceReader(DIGITS / "digits_vit.h5") as trace:
        weights = trace.vit().weights
    model, exact = TaylorViT(), DigitsViT(Shape())
    load_trace_weights(model, weights)
    load_trace_weights(exact, weights)
    report = {"test_samples": len(test),
              "accuracy_exact_before": float(training.accuracy(exact, test)),
              "accuracy_taylor_before": float(training.accuracy(model, test))}
    log(json.dumps(report))
    fine_tune(model, train, recipe)
    vit = export.vit_model(model)
    logits = np.concatenate([vit.run(data.patches_of(test.images[start:start + export.BATCH])).logits
                             for start in range(0, len(test), export.BATCH)])
    write_trace(out / "digits_vitality.h5", vit, train, test, logits, created_utc)
    report.update(accuracy_taylor=float(training.accuracy(model, test)),
                  accuracy_exact=float((logits.argmax(axis=1) == test.labels).mean()), recipe=asdict(recipe))
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for digits_vitality.h5 and report.json")
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--epochs", type=int, default=Recipe.epochs)
    parser.add_argument("--created", default=CREATED_UTC, help="created_utc of the trace")
    parser.add_argument("--holdout", action="store_true", help="develop the recipe without the test samples")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    report = run(args.out, Recipe(seed=args.seed, epochs=args.epochs), args.holdout, args.created)
    log(json.dumps({key: report[key] for key in report if key.startswith("accuracy")}))


START = time.perf_counter()
if __name__ == "__main__":
    main()
