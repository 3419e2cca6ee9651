"""python -m attohm_export: from a function that returns a model and inputs to a trace.

    python -m attohm_export MODULE:FUNCTION OUT.h5 [options]     capture
    python -m attohm_export --check FILE                         every check of a finished trace
    python -m attohm_export --routes                             ways from a model to its attention

FUNCTION takes no arguments and returns (model, inputs), or a dict with these two and any
option of capture(): labels, targets, valid_len, calibration, names, ...
MODULE is an importable module or a path ending in .py.
"""

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path

import h5py

from . import capture
from .errors import CaptureError
from .reader import check_trace, summary
from .schema import TraceError


def main(arguments=None):
    """Returns: exit code, 0 done, 2 the user's input is wrong."""
    options = parser().parse_args(arguments)
    try:
        return run(options)
    except (CaptureError, TraceError, OSError) as error:
        print(f"attohm_export: {error}", file=sys.stderr)
        return 2


def parser():
    """The command line."""
    p = argparse.ArgumentParser("python -m attohm_export", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("source", nargs="?", metavar="MODULE:FUNCTION", help="what returns the model and its inputs")
    p.add_argument("out", nargs="?", metavar="OUT.h5", help="the trace to write")
    p.add_argument("--check", metavar="FILE", help="check a finished trace")
    p.add_argument("--routes", action="store_true", help="print the routes and which of them tests can run")
    p.add_argument("--name", help="name of the model in the trace")
    p.add_argument("--closed", choices=("auto", "yes", "no"), default="auto",
                   help="store the weights, so that the network can be run again (default: where possible)")
    p.add_argument("--half", action="store_true", help="store q, k, v, out and x as float16")
    p.add_argument("--linear", nargs="?", const=True, metavar="PATTERNS",
                   help="linear layers too (a,b,c: shell patterns of module names)")
    p.add_argument("--conv2d", nargs="?", const=True, metavar="PATTERNS", help="convolutions too")
    p.add_argument("--graph", nargs="?", const=True, metavar="PATTERNS", help="graph convolutions too")
    p.add_argument("--use", metavar="ROUTES", help="only these routes (a,b,c)")
    p.add_argument("--keep-layers", type=int, metavar="N",
                   help="only the first N samples carry q, k, v, out (closed loop)")
    p.add_argument("--labels", choices=("model",), help="the model's own answers as labels")
    p.add_argument("--dataset", help="where the inputs are from")
    p.add_argument("--split", help="which part of it")
    return p


def run(options):
    """One command. Returns: exit code."""
    if options.routes:
        from .adapters import routes
        print(routes.table())
        return 0
    if options.check:
        check_is_hdf5(options.check)
        worst = check_trace(options.check)
        print(f"{summary(options.check)}\ngood; worst recomputation error {worst:.2g} of max|out|")
        return 0
    if not options.source or not options.out:
        raise CaptureError("nothing to do", "arguments", "no source or no output file",
                           "MODULE:FUNCTION OUT.h5, --check FILE or --routes")
    given = arguments_of(call(options.source))
    for name in ("name", "half", "keep_layers", "labels", "dataset", "split"):
        if getattr(options, name):
            given[name] = getattr(options, name)
    for name in ("linear", "conv2d", "graph"):
        value = getattr(options, name)
        if value is not None:
            given[name] = True if value is True else value.split(",")
    if options.use:
        given["routes"] = options.use.split(",")
    if options.closed != "auto" or "closed" not in given:
        given["closed"] = {"auto": "auto", "yes": True, "no": False}[options.closed]
    capture(given.pop("model"), given.pop("inputs"), options.out, **given)
    return 0


def check_is_hdf5(path):
    """Raises: CaptureError."""
    if not Path(path).is_file():
        raise CaptureError("the file does not exist", path, "nothing", "a trace")
    if not h5py.is_hdf5(path):
        raise CaptureError("not an HDF5 file", path, "something else", "a trace")


def call(source):
    """Imports MODULE and calls FUNCTION."""
    module, separator, function = source.rpartition(":")
    if not separator or not module or not function:
        raise CaptureError("not MODULE:FUNCTION", "arguments", source,
                           "for example my_model.py:make or package.module:make")
    try:
        loaded = _load(module)
    except (ImportError, OSError) as error:
        raise CaptureError("the module cannot be imported", module, error,
                           "an importable module or a .py file") from error
    if not callable(getattr(loaded, function, None)):
        raise CaptureError("no such function", module, function, "a function of the module")
    return getattr(loaded, function)()


def _load(module):
    """A .py file by its path, anything else by its name (the current folder counts)."""
    if not module.endswith(".py"):
        sys.path.insert(0, str(Path.cwd()))
        return importlib.import_module(module)
    path = Path(module).resolve()
    if not path.is_file():
        raise ImportError(f"{module} does not exist")
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def arguments_of(returned):
    """(model, inputs) or a dict as keyword arguments of capture()."""
    if isinstance(returned, tuple) and len(returned) == 2:
        return {"model": returned[0], "inputs": returned[1]}
    if isinstance(returned, dict) and {"model", "inputs"} <= set(returned):
        return dict(returned)
    raise CaptureError("the function returned something else", "MODULE:FUNCTION", type(returned).__name__,
                       '(model, inputs), or a dict with "model" and "inputs"')


if __name__ == "__main__":
    sys.exit(main())
