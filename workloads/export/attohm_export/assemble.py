"""From recorded calls of a batch to the layers of each sample, as the writer takes them."""

import numpy as np

from . import masks
from .errors import CaptureError
from .records import AttentionCall

HALF_MAX = 65504.0  # largest float16


def shared_heads(k, v):
    """How many query heads share one stored key and value: repeated heads are found by equality.

    Args: k, v [B, h, Nk, d]. Returns: the largest divisor g of h such that heads come in equal groups of g.
    """
    heads = k.shape[1]
    for group in range(heads, 1, -1):
        if heads % group == 0 and all(
                (x.reshape(len(x), -1, group, *x.shape[2:]) == x[:, ::group, None]).all() for x in (k, v)):
            return group
    return 1


def fold_heads(calls):
    """Stores repeated key and value heads once, by the same factor in every layer.

    Networks with grouped queries often repeat k and v before the product; calls
    whose k and v have fewer heads than q set the number instead.
    """
    calls = [call for call in calls if isinstance(call, AttentionCall)]
    least = min((call.k.shape[1] for call in calls), default=0)
    full = [call for call in calls if call.k.shape[1] == call.q.shape[1]]
    if not full:
        return
    if all(call.k.shape[1] == call.q.shape[1] for call in calls):
        group = int(np.gcd.reduce([shared_heads(call.k, call.v) for call in full]))
    else:
        group = full[0].q.shape[1] // least
    for call in full:
        if group > 1 and shared_heads(call.k, call.v) % group == 0:
            call.k, call.v = call.k[:, ::group], call.v[:, ::group]


def shape_of(calls):
    """heads, kv_heads, head_dim, v_head_dim and layers of the attention calls; the same in all.

    Raises: CaptureError naming the first layer that differs.
    """
    attention = [call for call in calls if isinstance(call, AttentionCall)]
    first = None
    for call in attention:
        got = {"heads": call.q.shape[1], "kv_heads": call.k.shape[1], "head_dim": call.q.shape[3],
               "v_head_dim": call.v.shape[3]}
        first = first or got
        if got != first:
            raise CaptureError("attention layers differ in shape", call.name, got, f"{first} as in {attention[0].name}")
        if got["heads"] % got["kv_heads"] or call.k.shape[3] != got["head_dim"]:
            raise CaptureError("queries and keys do not fit", call.name, f"q {call.q.shape}, k {call.k.shape}",
                               "query heads a multiple of key heads, the same head_dim")
    return {**(first or {"heads": 0, "kv_heads": 0, "head_dim": 0, "v_head_dim": 0}), "layers": len(attention)}


class Batch:
    """The recorded calls of one forward pass over `samples` samples.

    Args: calls: AttentionCall and LayerCall in order; samples: how many; valid_len:
      given lengths [samples] or None; half: store q, k, v, out, x as float16.
    """

    def __init__(self, calls, samples, valid_len=None, half=False):
        self.calls, self.samples, self.half = calls, samples, half
        self._given = valid_len
        self._masks = {id(c): masks.allowed_of(c) for c in calls if isinstance(c, AttentionCall)}
        for call in calls:
            if isinstance(call, AttentionCall) and len(call.q) % samples:
                raise CaptureError("the batch of an attention call is no multiple of the samples", call.name,
                                   f"batch {len(call.q)}, {samples} samples",
                                   "batch = samples * windows, samples first")

    def attention(self):
        """The attention calls in order."""
        return [call for call in self.calls if isinstance(call, AttentionCall)]

    def layers(self, sample, weight_paths, adjacency_path=None):
        """One sample's layers.

        Args: weight_paths: {module name: {"weight_path": path, ...}} of other layers;
          adjacency_path: function from a layer's number to the path of its CSR group.
        Returns: [(attributes, tensors)], valid_len or None, how many rows without a key had their out set to 0.
        """
        valid_len = self.valid_len(sample)
        layers, zeroed, adjacency = [], 0, {}
        for number, call in enumerate(self.calls):
            if isinstance(call, AttentionCall):
                attrs, tensors, rows = self._attention_layer(call, sample, valid_len)
                zeroed += rows
            else:
                attrs = {"kind": call.kind, **weight_paths[call.name], **call.attrs}
                tensors = {"x": self._stored(call.x if call.kind == "graph" else call.x[sample], call.name, "x")}
                if call.adjacency is not None and id(call.adjacency) in adjacency:
                    attrs["adjacency_path"] = adjacency_path(adjacency[id(call.adjacency)])
                elif call.adjacency is not None:
                    tensors["adjacency"] = call.adjacency
                    adjacency[id(call.adjacency)] = number
            layers.append(({**attrs, "name": call.name or "model"}, tensors))
        return layers, valid_len, zeroed

    def valid_len(self, sample):
        """Tokens 0..valid_len-1 are real: as given, or as every layer's mask says.

        Returns: None where all are, or where only masks can say it.
        """
        calls = self.attention()
        n_k = calls[0].k.shape[2] if calls else 0
        if any(call.k.shape[2] != n_k or len(call.q) != self.samples for call in calls):
            return None
        views = [self._view(call, sample)[0] for call in calls]
        if self._given is not None:
            length = int(self._given[sample])
        else:
            length = n_k if not calls or views[0] is None else masks.real_length(views[0], n_k)
        if length == n_k:
            return None
        fits = [masks.fits_length(view, call.q.shape[2], n_k, length) for view, call in zip(views, calls)]
        if self._given is not None and not all(fits):
            where = calls[fits.index(False)].name
            raise CaptureError("valid_len contradicts the mask the layer received", where,
                               f"sample {sample}: valid_len {length}, real queries see keys behind it",
                               "no valid_len, or an attention mask that forbids padding")
        return length if all(fits) else None

    def _view(self, call, sample):
        """allowed and bias of one sample, [1 or h (times windows), Nq, Nk] or None."""
        windows, views = len(call.q) // self.samples, []
        for array in self._masks[id(call)]:
            if array is None:
                views.append(None)
                continue
            heads, n_q, n_k = call.q.shape[1], call.q.shape[2], call.k.shape[2]
            array = array.reshape((1,) * (4 - array.ndim) + array.shape)
            part = slice(None) if len(array) == 1 else slice(sample * windows, (sample + 1) * windows)
            array = array[part]
            if windows == 1 or len(array) == 1 and array.shape[1] == 1:
                views.append(np.broadcast_to(array[0], (array.shape[1], n_q, n_k)))
            else:
                views.append(np.broadcast_to(array, (windows, heads, n_q, n_k)).reshape(-1, n_q, n_k))
        return views

    def _attention_layer(self, call, sample, valid_len):
        """One attention layer of one sample. Returns: attributes, tensors, rows set to 0."""
        windows = len(call.q) // self.samples
        n_q, n_k = call.q.shape[2], call.k.shape[2]
        tensors = {}
        for name in ("q", "k", "v", "out"):
            array = getattr(call, name)
            array = array.reshape(self.samples, -1, *array.shape[2:])[sample]
            tensors[name] = array
        allowed, bias = self._view(call, sample)
        tensors["out"], rows = _without_empty_rows(tensors["out"], allowed)
        for name in ("q", "k", "v", "out"):
            tensors[name] = self._stored(tensors[name], call.name, name)
        causal, mask = masks.pattern_of(allowed, n_q, n_k, n_k if valid_len is None else valid_len)
        if mask is not None:
            tensors["mask"] = _one_if_equal(mask)
        if bias is not None:
            tensors["bias"] = _one_if_equal(np.ascontiguousarray(bias, np.float32))
        attrs = {"kind": "attention", "n_q": n_q, "n_k": n_k, "scale": float(call.scale), "causal": np.uint8(causal)}
        return ({**attrs, "windows": windows} if windows > 1 else attrs), tensors, rows

    def _stored(self, array, where, name):
        """float32, or float16 where asked and possible."""
        if not self.half:
            return np.ascontiguousarray(array, np.float32)
        if array.size and np.abs(array).max() > HALF_MAX:
            raise CaptureError("a value is too large for float16", f"{where}, {name}",
                               f"{np.abs(array).max():.4g}", f'up to {HALF_MAX:g}, or dtype="float32"')
        return np.ascontiguousarray(array, np.float16)


def _without_empty_rows(out, allowed):
    """Rows that may see no key have out = 0 by the format's definition; frameworks leave nan or a mean there."""
    if allowed is None:
        return out, 0
    empty = np.broadcast_to(~allowed.any(axis=-1), out.shape[:2])
    return (np.where(empty[..., None], 0, out), int(empty.sum())) if empty.any() else (out, 0)


def _one_if_equal(array):
    """[h, Nq, Nk] as [1, Nq, Nk] where all heads are the same."""
    return np.ascontiguousarray(array[:1] if (array == array[:1]).all() else array)
