"""Runs a PyTorch model once per batch with the routes in place."""

import inspect
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import CaptureError
from . import route_layers, routes
from .plan import arrays_of
from .recorder import Recorder
from .torch_modules import array_of

TOKEN_NAMES = ("input_ids", "tokens", "token_ids", "ids")
SEGMENT_WORDS = ("type", "segment")


@dataclass
class Run:
    """One forward pass. calls: AttentionCall and LayerCall; logits: the model's answer or None.

    tokens, segments: int32 [B, N] or None; images: float32 [B, C, H, W] or None; x0:
    float32 [B, N, W], the input of the first block, or None.
    """

    calls: list
    samples: int
    logits: np.ndarray = None
    tokens: np.ndarray = None
    segments: np.ndarray = None
    images: np.ndarray = None
    x0: np.ndarray = None


class Runner:
    """A model with its routes.

    Args: model: torch.nn.Module; names: routes to use, None for all that apply; linear,
      conv2d, graph: True or patterns of module names; batch_axis: of the inputs.
    """

    def __init__(self, model, names=None, linear=False, conv2d=False, graph=False, batch_axis=0):
        self.model = plain_module(model)
        self.extra = {"linear": linear, "conv2d": conv2d, "graph": graph}
        self.chosen, self.batch_axis = routes.choose(self.model, names), batch_axis
        self.recorder = Recorder(self.model)
        self.first_block = ""

    @property
    def dtype(self):
        """Name of the type the model computes in."""
        parameter = next(self.model.parameters(), None)
        return "float32" if parameter is None else str(parameter.dtype).removeprefix("torch.")

    @staticmethod
    def method(names):
        """For the root attribute capture_method. Args: names: the routes that saw something."""
        return f"PyTorch {torch.__version__}, routes: {', '.join(names) or 'none'}"

    def arrays(self):
        """Every parameter and buffer, float32, by name."""
        return arrays_of(self.model)

    def run(self, batch):
        """One forward pass in evaluation mode, without gradients. Returns: Run."""
        args, kwargs = _arguments(batch)
        tensors = {name: t for name, t in self._named(args, kwargs).items() if isinstance(t, torch.Tensor)}
        if not tensors:
            raise CaptureError("inputs hold no tensor", "inputs", type(batch).__name__,
                               "a tensor, a tuple or a dict of tensors; a list of these for several batches")
        self.recorder.clear()
        x0 = []
        with ExitStack() as stack:
            stack.enter_context(_evaluation(self.model))
            stack.enter_context(torch.no_grad())
            stack.enter_context(self._first_block_hook(x0))
            stack.enter_context(self.recorder.names())
            stack.enter_context(route_layers.active(self.model, self.recorder, **self.extra))
            stack.enter_context(routes.active(self.model, self.recorder, self.chosen))
            output = self.model(*args, **kwargs)
        calls = self.recorder.calls
        alone = bool(calls) and all(getattr(call, "kind", "") == "graph" for call in calls)
        samples = 1 if alone else next(iter(tensors.values())).shape[self.batch_axis]
        tokens, segments = self._integers(tensors)
        return Run(calls, samples, _logits(output), tokens, segments, _images(tensors), x0[0] if x0 else None)

    def _named(self, args, kwargs):
        """Positional arguments under the names of the model's forward, as far as it has any."""
        try:
            names = list(inspect.signature(self.model.forward).parameters)
        except ValueError:
            names = []
        names += [f"argument {i}" for i in range(len(names), len(args))]
        return {**dict(zip(names, args)), **kwargs}

    def _first_block_hook(self, x0):
        """Keeps the input of the first block."""
        @contextmanager
        def hooked():
            if not self.first_block:
                yield
                return
            handle = self.model.get_submodule(self.first_block).register_forward_pre_hook(
                lambda m, args: x0.append(array_of(args[0])) if args and not x0 else None)
            try:
                yield
            finally:
                handle.remove()
        return hooked()

    def _integers(self, tensors):
        """Token and segment numbers: integer matrices, by their names; else the first is the tokens."""
        matrices = {name: t for name, t in tensors.items() if t.dim() == 2 and t.dtype in (torch.int64, torch.int32)
                    and not any(word in name for word in ("mask", "position", "label"))}
        segments = next((name for name in matrices if any(word in name for word in SEGMENT_WORDS)), None)
        rest = [name for name in matrices if name != segments]
        tokens = next((name for name in rest if name in TOKEN_NAMES), rest[0] if rest else None)
        return tuple(None if name is None else self._by_sample(matrices[name]) for name in (tokens, segments))

    def _by_sample(self, tensor):
        array = tensor.detach().cpu().numpy().astype(np.int32)
        return array if self.batch_axis == 0 else array.T


def plain_module(model):
    """The module behind torch.compile or DataParallel. Raises: CaptureError for what has no Python modules inside."""
    model = getattr(model, "_orig_mod", model)
    if isinstance(model, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
        model = model.module
    if not isinstance(model, torch.nn.Module) or isinstance(model, torch.jit.ScriptModule):
        raise CaptureError("not a model the routes can enter", "model", type(model).__name__,
                           "a torch.nn.Module that is not scripted")
    return model


def _arguments(batch):
    """A tensor, a tuple or a dict as the model's arguments."""
    if isinstance(batch, dict) or hasattr(batch, "keys"):
        return (), dict(batch)
    return (tuple(batch) if isinstance(batch, tuple) else (batch,)), {}


@contextmanager
def _evaluation(model):
    """Evaluation mode; every module gets its own mode back."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _logits(output):
    """The answer: .logits, ["logits"], the first of a tuple, or the tensor itself."""
    for name in ("logits",):
        if hasattr(output, name):
            output = getattr(output, name)
        elif isinstance(output, dict) and name in output:
            output = output[name]
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    return array_of(output) if isinstance(output, torch.Tensor) and output.dim() in (2, 3) else None


def _images(tensors):
    """The first float tensor of four axes."""
    return next((array_of(t) for t in tensors.values() if t.dim() == 4 and t.is_floating_point()), None)
