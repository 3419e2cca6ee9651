#!/usr/bin/python3
"""Fine-tunes the committed digits ViT for one attention scheme after the other, writes traces and a report.

    /usr/bin/python3 train.py --out DIR [scheme ...]

writes DIR/digits_<scheme>.h5 of each named scheme (default: all) and their part of
DIR/report.json. `--holdout` is for changing a recipe: it works on the training set
alone, 360 of its samples stand for the test (the starting weights have seen them, so
only differences mean something).
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: its sums depend on the thread count
HERE = Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent / "digits_vit"), str(HERE.parent / "digits_vitality"),
                 str(HERE.parents[1] / "export")]

import numpy as np
import torch

import data
import export
import training
import variant
from attohm_export import __version__
from attohm_export.reader import TraceReader
from attohm_export.writer import TraceWriter
from ecoformer import Ecoformer
from mait import Mait
from qna import Qna
from sima import Sima
from vitcod import Vitcod

VARIANTS = {v.name: v for v in (Vitcod, Sima, Mait, Ecoformer, Qna)}
CREATED_UTC = "2026-11-21T00:00:00Z"  # of these recipes; fixed, so that a rerun gives the same bytes
CALIBRATION_SAMPLES = 4               # from the training set
LOGIT_SAMPLES = 4                     # test samples whose logits the report lists


def log(text):
    """One line with the seconds since the start."""
    print(f"[{time.perf_counter() - START:6.1f} s] {text}", flush=True)


def write_trace(path, own, model, train, test, created_utc):
    """Closed loop: weights, what the scheme learned, every test sample with the logits of exact attention.

    Returns: those logits, float64 [n, classes].
    """
    vit = own.vit(model)
    vit.model["name"] = path.stem
    logits = np.concatenate([vit.run(data.patches_of(test.images[start:start + export.BATCH])).logits
                             for start in range(0, len(test), export.BATCH)])
    with TraceWriter(path, f"attohm {path.stem}", __version__, "float16",
                     "NumPy float64 forward pass of the float32 weights", created_utc) as trace:
        trace.model(**vit.model)
        trace.weights(vit.net, vit.weights, compress=True)
        for name, attend in own.masks(model).items():
            trace.masks(name, attend)
        if extra := own.extra(model):
            trace.extra(own.name, extra)
        for number in range(CALIBRATION_SAMPLES):
            export.add_digit(trace, vit, train, number, "train", False, {}, calibration=True)
        for number in range(len(test)):
            export.add_digit(trace, vit, test, number, "test", False, {"logits": logits[number].astype(np.float32)})
    return logits


@torch.no_grad()
def double_logits(model, split):
    """PyTorch's logits [n, classes] in float64, in which no sign of a hash falls the other way by rounding."""
    model = model.double().eval()
    patches, _ = training.as_inputs(split)
    return torch.cat([model(part.double())[0] for part in patches.split(training.BATCH)]).numpy()


def run(out, own, holdout, created_utc):
    """Load, fine-tune, export. Returns: the variant's part of the report."""
    torch.manual_seed(own.recipe.seed)
    train, test = data.load(holdout)
    with TraceReader(HERE.parent / "digits_vit" / "digits_vit.h5") as trace:
        weights = trace.vit().weights
    model = own.start(weights, train, log)
    report = {"trace": f"digits_{own.name}.h5", "settings": list(own.settings), "before": own.before,
              "test_samples": len(test), "accuracy_before": float(training.accuracy(model, test))}
    log(json.dumps(report))
    own.fine_tune(model, train, log)
    own.finish(model)
    variant.round_weights(model)
    exact = write_trace(out / report["trace"], own, model, train, test, created_utc)
    logits = double_logits(model, test)
    report.update(accuracy=float((logits.argmax(axis=1) == test.labels).mean()),
                  accuracy_exact=float((exact.argmax(axis=1) == test.labels).mean()), **own.facts(model),
                  recipe=asdict(own.recipe), first_logits=[[round(float(x), 6) for x in row]
                                                           for row in logits[:LOGIT_SAMPLES]])
    return report


def add_to_report(path, name, part):
    """Replaces one variant's part, keeps the others, in the order of VARIANTS."""
    parts = json.loads(path.read_text()) if path.exists() else {}
    parts[name] = part
    path.write_text(json.dumps({key: parts[key] for key in VARIANTS if key in parts}, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("schemes", nargs="*", help=f"of {', '.join(VARIANTS)}; default: all")
    parser.add_argument("--out", type=Path, required=True, help="folder for the traces and report.json")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a number of the recipe")
    parser.add_argument("--created", default=CREATED_UTC, help="created_utc of the traces")
    parser.add_argument("--holdout", action="store_true", help="develop a recipe without the test samples")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    changes = {key: json.loads(value) for key, value in (text.split("=") for text in args.set)}
    for name in args.schemes or VARIANTS:
        own = VARIANTS[name]()
        own.recipe = replace(own.recipe, **changes)
        part = run(args.out, own, args.holdout, args.created)
        add_to_report(args.out / "report.json", name, part)
        log(name + " " + json.dumps({key: part[key] for key in part if key.startswith("accuracy")}))


START = time.perf_counter()
if __name__ == "__main__":
    main()
