"""Which parameter of a model became which dataset, and what is left over."""

import numpy as np

from .errors import Refused


class Mapping:
    """Collects weights under their names in the trace format.

    Args: arrays: {parameter or buffer name: float32 array} of the whole model;
      ignored: {name ending: why} of tensors that carry no weights of their own.
    weights: {"layer_00": {...}, "head_w": ...}, what the writer takes.
    """

    def __init__(self, arrays, ignored=None):
        self._arrays, self._used, self._rows, self.weights = arrays, set(), [], {}
        for name in arrays:
            for ending, why in (ignored or {}).items():
                if name.endswith(ending):
                    self.leave(name, why)

    def has(self, name):
        """Is there such a parameter?"""
        return name in self._arrays

    def get(self, name):
        """Its array, without taking it. Raises: Refused where there is none."""
        if name not in self._arrays:
            raise Refused("a parameter of this layout is missing", name, "no such parameter", "the names of the layout")
        return self._arrays[name]

    def take(self, dataset, name, change=None, note=""):
        """Stores parameter `name` as `dataset` ("layer_00/wq" or "head_w").

        Args: change: function of the array (transpose, a slice, ...); note: what it does, for the report.
        """
        array = self.get(name)
        self.put(dataset, array if change is None else change(array), f"{name}{', ' + note if note else ''}")
        self._used.add(name)

    def take_if(self, dataset, name, change=None, note=""):
        """The same where the model has it."""
        if self.has(name):
            self.take(dataset, name, change, note)

    def put(self, dataset, array, source):
        """Stores an array that was made from `source`."""
        group, _, leaf = dataset.rpartition("/")
        target = self.weights.setdefault(group, {}) if group else self.weights
        target[leaf] = np.ascontiguousarray(array, np.float32)
        self._rows.append((source, dataset, target[leaf].shape))

    def leave(self, name, why):
        """A tensor that needs no dataset."""
        if self.has(name) and name not in self._used:
            self._used.add(name)
            self._rows.append((name, f"({why})", self._arrays[name].shape))

    def linear(self, weight, bias, module, transposed=False):
        """torch Linear `module` as datasets `weight` and `bias`; Conv1D keeps [in, out] and is transposed."""
        change, note = ((lambda a: a.T), "transposed") if transposed else (None, "")
        self.take(weight, module + ".weight", change, note)
        self.take_if(bias, module + ".bias")

    def norm(self, name, module):
        """A norm's weight and bias as `name`_w and `name`_b."""
        self.take(name + "_w", module + ".weight")
        self.take_if(name + "_b", module + ".bias")

    def leftover(self):
        """Parameters that became nothing."""
        return [name for name in self._arrays if name not in self._used]

    def check_complete(self):
        """Raises: Refused naming the parameters that found no dataset."""
        rest = self.leftover()
        if rest:
            shown = ", ".join(rest[:6]) + (f" and {len(rest) - 6} more" if len(rest) > 6 else "")
            raise Refused("parameters that no dataset of the trace format holds", shown, f"{len(rest)} left over",
                          "none")

    def report(self):
        """A table: parameter, dataset, shape; the leftover ones last."""
        rows = [(source, dataset, "x".join(map(str, shape))) for source, dataset, shape in self._rows]
        rows += [(name, "LEFT OVER", "x".join(map(str, self._arrays[name].shape))) for name in self.leftover()]
        width = [max([len(row[i]) for row in rows] or [0]) for i in range(2)]
        return "\n".join(f"  {a:<{width[0]}}  {b:<{width[1]}}  {c}" for a, b, c in rows)
