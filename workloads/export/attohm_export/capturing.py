"""capture(): from a model and inputs to a trace, in one call."""

from dataclasses import dataclass, field
from pathlib import Path

from . import __version__, closed_loop, samples
from .assemble import Batch, fold_heads, shape_of
from .errors import CaptureError, Refused
from .forward import Network
from .graph_loop import close_graph, close_graph_paths, graph_model
from .records import AttentionCall
from .writer import TraceWriter


@dataclass
class Captured:
    """What was written. closed: can the network be run again; refused: why not ("" if it can);
    mapping: the table of parameters and datasets; worst: largest recomputation error of any layer."""

    path: Path
    layers: int = 0
    samples: int = 0
    closed: bool = False
    refused: str = ""
    mapping: str = ""
    logit_error: float = 0.0
    worst: float = 0.0
    notes: list = field(default_factory=list)


def capture(model, inputs, path, *, log=print, **options):
    """Runs a PyTorch model and writes what its attention layers saw as a trace.

    Args:
      model: torch.nn.Module. inputs: what it is called with: a tensor, a tuple or a
        dict; a list or an iterator of these for several batches (only a tuple is
        spread over arguments). path: the trace to write. log: takes lines of text.
      options: the fields of `samples.Options`: name, labels, targets, valid_len, dataset,
        split, closed ("auto", True, False), names, half, linear, conv2d, graph, routes,
        calibration, keep_layers, thresholds, family, eval_index, batch_axis, created_utc.
    Returns: Captured. Raises: CaptureError, TraceError; then no file is left behind.
    """
    from .adapters.torch_run import Runner  # the framework stays behind this line
    options = samples.Options(**options)
    runner = Runner(model, options.routes, options.linear, options.conv2d, options.graph, options.batch_axis)
    return Session(runner, options, Path(path), log).write(inputs)


class Session:
    """One capture: the first batch decides what /model says, the others follow."""

    def __init__(self, runner, options, path, log):
        self.runner, self.options, self.log = runner, options, log
        self.result, self.plan, self.model = Captured(path), None, None
        self.network, self.fitted = None, None  # what the file holds, and the batch it was fitted to
        self._check_type()
        if options.closed and not options.graph:
            self._find_plan()
        if isinstance(options.labels, str):
            self._note("labels are the model's own answers, as asked")

    def write(self, inputs):
        """Runs every batch and writes the file. Returns: Captured."""
        batches = samples.batches_of(inputs)
        first = self._run(next(batches, None), "inputs")
        self._describe(first)
        options, seen = self.options, list(dict.fromkeys(getattr(call, "route", "layers") for call in first.calls))
        self._note_routes(seen)
        with TraceWriter(self.result.path, "attohm_export", __version__, options.dtype_of(self.runner.dtype),
                         self.runner.method(seen), options.created_utc) as trace:
            trace.model(**self.model)
            if options.thresholds is not None:
                trace.thresholds(options.thresholds)
            if self.result.closed:
                trace.weights(self.plan.net, self.plan.mapping.weights)
            weight_paths = self._write_modules(trace, first)
            for batch in samples.batches_of(options.calibration) if options.calibration is not None else ():
                self._add(trace, self._run(batch, "calibration"), weight_paths, calibration=True)
            self._add(trace, first, weight_paths)
            for batch in batches:
                self._add(trace, self._run(batch, "inputs"), weight_paths)
            self.options.check_used(self.result.samples)
            self.result.worst = trace.worst
        self._summary()
        return self.result

    def _check_type(self):
        """Narrow types round `out` by more than a float32 trace may be off."""
        if self.runner.dtype not in ("float32", "float64") and not self.options.half:
            raise CaptureError("the model computes in a narrow type", type(self.runner.model).__name__,
                               self.runner.dtype, "float32 (model.float()), or half=True")

    def _note_routes(self, seen):
        """Routes in use that no test can run."""
        from .adapters import routes
        for line in routes.untested_lines(self.runner.model, seen):
            self._note(line)

    def _find_plan(self):
        """The table for this architecture, or why there is none."""
        from .adapters import families
        try:
            self.plan = families.plan_of(self.runner.model, self.options.names)
            closed_loop.finite_weights(self.plan)
            self.runner.first_block = self.plan.first_block if self.plan.feed == "x0" else ""
        except Refused as refusal:
            self._open_loop(refusal)

    def _open_loop(self, refusal):
        """The weights stay out of the file; an error where the user insisted on them."""
        if self.options.closed is True:
            raise refusal
        self.result.mapping = self.plan.mapping.report() if self.plan else ""
        self.plan, self.result.closed, self.result.refused = None, False, str(refusal)

    def _run(self, batch, where):
        """One forward pass. Raises: CaptureError where nothing was seen."""
        if batch is None:
            raise CaptureError("no inputs", where, "an empty list", "at least one batch")
        run = self.runner.run(batch)
        if not run.calls:
            tried = ", ".join(route.name for route in self.runner.chosen) or "none applies to this model"
            raise CaptureError("no attention layer was seen", type(self.runner.model).__name__,
                               f"routes tried: {tried}",
                               "a call that one of the routes knows (python -m attohm_export --routes)")
        fold_heads(run.calls)
        return run

    def _describe(self, run):
        """/model and, where the logits agree, the closed loop, from the first batch."""
        shape = shape_of(run.calls)
        if not shape["layers"]:
            self._describe_graph(run)
            return
        batch = Batch(run.calls, run.samples, self.options.lengths(0, run.samples), self.options.half)
        layers = [batch.layers(s, samples.NoPaths(), None) for s in range(run.samples)]
        self.model = samples.model_attributes(self.runner.model, run, shape, layers, self.options)
        if self.plan is not None:
            try:
                self._close(run, layers)
            except Refused as refusal:
                self._open_loop(refusal)

    def _describe_graph(self, run):
        """/model of a graph network; its weights where the chain of layers gives the logits."""
        self.model, self.plan = graph_model(run, self.options), None
        if not self.options.closed:
            return
        try:
            self.plan, self.result.logit_error = close_graph(run, self.model, self.runner.arrays())
            self.result.closed, self.result.mapping = True, self.plan.mapping.report()
            self.result.refused = ""
        except Refused as refusal:
            self._open_loop(refusal)

    def _close(self, run, layers):
        """Fits the plan to the logits. Raises: Refused."""
        for sample in layers:
            closed_loop.check_layers(sample[0], sample[1], self.plan, self.model["head_dim"])
        if run.logits is None:
            raise Refused("the model returns no logits to compare with", type(self.runner.model).__name__, "none",
                          "[batch, classes] or [batch, tokens, classes]")
        model = samples.closed_attributes(self.model, self.plan, run)
        inputs = samples.network_inputs(self.plan, run)
        valid_len = samples.whole_lengths([valid for _, valid, _ in layers], inputs)
        calls = [call for call in run.calls if isinstance(call, AttentionCall)]
        try:
            self.model, self.plan.net, error = closed_loop.fit(self.plan, model, inputs, run.logits, valid_len)
        except Refused as refusal:
            where = closed_loop.explain(self.plan, model, inputs, calls, valid_len)
            raise Refused(refusal.what, f"{refusal.where}; {where}", refusal.got, refusal.allowed) from refusal
        self.result.closed, self.result.logit_error = True, error
        self.network, self.fitted = Network(self.model, self.plan.net, self.plan.mapping.weights), run
        self.result.mapping = self.plan.mapping.report()

    def _write_modules(self, trace, run):
        """Weights of linear, conv2d and graph layers. Returns: {module: {"weight_path": ..., "bias_path": ...}}."""
        paths, tensors = {}, {}
        for call in run.calls:
            if isinstance(call, AttentionCall) or call.name in tensors:
                continue
            if call.kind == "graph" and self.result.closed:
                paths[call.name] = close_graph_paths(call, len(paths))
                continue
            tensors[call.name] = {"weight": call.weight, **({} if call.bias is None else {"bias": call.bias})}
            paths[call.name] = {f"{kind}_path": f"/model/modules/{call.name}/{kind}" for kind in tensors[call.name]}
        if tensors:
            trace.modules(tensors)
        return paths

    def _add(self, trace, run, weight_paths, calibration=False):
        """Every sample of a batch."""
        start = 0 if calibration else self.result.samples
        given = None if calibration else self.options.lengths(start, run.samples)
        batch = Batch(run.calls, run.samples, given, self.options.half)
        parent = "calibration" if calibration else "samples"
        zeroed, lengths = 0, []
        for s in range(run.samples):
            number = trace.count(parent)
            where = f"/{parent}/{number:06d}"
            layers, valid_len, rows = batch.layers(s, weight_paths,
                                                   lambda n, at=where: f"{at}/layers/{n:02d}/adjacency")
            if self.result.closed and self.model["heads"]:
                closed_loop.check_layers(layers, valid_len, self.plan, self.model["head_dim"])
            attrs, tensors = samples.sample_of(run, s, number, valid_len, self, calibration)
            trace.add_sample(attrs, tensors, layers if self.options.keeps(number, self.result.closed) else (),
                             calibration)
            zeroed += rows
            lengths.append(valid_len)
        if self.network is not None and run is not self.fitted:
            self._check_logits(run, lengths, parent)
        if zeroed:
            self._note(f"{zeroed} rows that may see no key are stored as 0 (the format's definition)")
        if not calibration:
            self.result.samples += run.samples

    def _check_logits(self, run, lengths, parent):
        """The network in the file against the model, on this batch too."""
        inputs = samples.network_inputs(self.plan, run)
        where = f"/{parent}, batch up to {self.result.samples + run.samples}"
        lengths = samples.whole_lengths(lengths, inputs)
        error = closed_loop.check_logits(self.network, inputs, run.logits, lengths, where)
        self.result.logit_error = max(self.result.logit_error, error)

    def _note(self, line):
        """Said now and kept; the same line once."""
        if line not in self.result.notes:
            self.result.notes.append(line)
            self.log(f"attohm_export: {line}")

    def _summary(self):
        """What was written, for people."""
        r = self.result
        r.layers = self.model["layers"]
        if self.model["classes"] and self.model["task"] == "none":
            self._note('no task: logits are stored and nothing scores them (labels=[...], or labels="model")')
        if r.mapping:
            self.log("parameters and datasets:\n" + r.mapping)
        if r.closed:
            self.log(f"closed loop: {self.plan.layout}; NumPy gives the model's logits within {r.logit_error:.2g}")
        elif self.options.closed is False:
            self._note("open loop, as asked")
        elif r.refused:
            self._note(f"open loop only: {r.refused}")
        self.log(f"{r.path}: {r.samples} samples, {r.layers} layers, "
                 f"worst recomputation error {r.worst:.2g} of max|out|")
