#!/usr/bin/python3
"""Trains the digits ViT, learns its pruning thresholds, writes trace and report.

    /usr/bin/python3 train.py --out DIR

writes DIR/digits_vit.h5 and DIR/report.json. `--holdout` is for changing the
recipe: it works on the training set alone, 360 of its samples stand for the test.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: its sums depend on the thread count
HERE = Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent / "shared"), str(HERE.parents[1] / "export")]

import numpy as np
import torch

import data
import export
import training
from model import DigitsViT, Shape
from trace_parts import pruning

CREATED_UTC = "2026-11-20T00:00:00Z"  # of this recipe; fixed, so that a rerun gives the same bytes
TORCH_AGREEMENT = 1e-3                # largest allowed |logit difference| torch float32 against NumPy float64


def log(text):
    """One line with the seconds since the start."""
    print(f"[{time.perf_counter() - START:6.1f} s] {text}", flush=True)


def check_against_torch(model, vit, split, golden):
    """The exporter's forward pass against the framework's, dense logits."""
    worst = np.abs(training.logits_of(model, split).numpy() - golden.logits).max()
    if worst > TORCH_AGREEMENT:
        raise SystemExit(f"dense logits differ from torch by {worst:.3g}, allowed {TORCH_AGREEMENT:g}")
    return float(worst)


def report_of(golden, thresholds, test, dense_before, recipe):
    """What was reached on the test samples; fractions, thresholds in scaled-score units."""
    def right(logits):
        return float((logits.argmax(axis=1) == test.labels).mean())

    layers = [{"threshold": float(t), **pruning([c])} for t, c in zip(thresholds, golden.prune)]
    return {
        "test_samples": len(test),
        "accuracy_dense_before_fine_tuning": float(dense_before),
        "accuracy_dense": right(golden.logits),
        "accuracy_threshold": right(golden.logits_threshold),
        "pruning": pruning(golden.prune),
        "pruning_without_last_layer": pruning(golden.prune[:-1]),
        "pruning_per_layer": layers,
        "smallest_margin_to_threshold": min(c.margin for c in golden.prune),
        "recipe": asdict(recipe),
    }


def run(out, recipe, holdout, created_utc):
    """Train, fine-tune, export. Returns: the report."""
    torch.manual_seed(recipe.seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    train, test = data.load(holdout)
    model = DigitsViT(Shape())
    training.train(model, train, recipe, log)
    dense_before = training.accuracy(model, test)
    log(f"dense accuracy {dense_before:.4f}")
    training.start_thresholds(model, train)
    training.fine_tune(model, train, recipe, log)
    thresholds = model.thresholds.detach().numpy().copy()
    vit = export.vit_model(model)
    golden = export.Golden(vit, test, thresholds)
    log(f"dense logits agree with torch to {check_against_torch(model, vit, test, golden):.2g}")
    export.write_trace(out / "digits_vit.h5", vit, thresholds, train, test, golden, created_utc)
    report = report_of(golden, thresholds, test, dense_before, recipe)
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for digits_vit.h5 and report.json")
    parser.add_argument("--seed", type=int, default=training.Recipe.seed)
    parser.add_argument("--created", default=CREATED_UTC, help="created_utc of the trace")
    parser.add_argument("--holdout", action="store_true", help="develop the recipe without the test samples")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    report = run(args.out, training.Recipe(seed=args.seed), args.holdout, args.created)
    log(json.dumps({key: report[key] for key in ("accuracy_dense_before_fine_tuning", "accuracy_dense",
                                                 "accuracy_threshold", "pruning", "pruning_without_last_layer")}))


START = time.perf_counter()
if __name__ == "__main__":
    main()
