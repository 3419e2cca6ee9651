"""Character n-gram models by interpolated Kneser-Ney, as the yardstick for the GPT.

Source: R. Kneser and H. Ney, ICASSP 1995; interpolated form of S. Chen and
J. Goodman, "An empirical study of smoothing techniques for language modeling"
(1998), one discount per order, n1 / (n1 + 2 n2).
"""

import numpy as np

FALLBACK = 0.5  # discount of an order in which nothing occurs once


def contexts(tokens, length, symbols):
    """The `length` symbols before each position as one integer, int64 [n]; 0 before the text."""
    code = np.zeros(len(tokens), np.int64)
    for back in range(length, 0, -1):
        code *= symbols
        code[back:] += tokens[:-back]
    return code


class KneserNey:
    """p(symbol | the order-1 symbols before it).

    The highest order counts occurrences, each lower one the different symbols seen
    in front (continuation counts); the order below one is uniform.
    """

    def __init__(self, tokens, order, symbols):
        """Args: tokens int [n]; order: 3 for a 3-gram; symbols: size of the alphabet."""
        self.order, self.symbols = order, symbols
        gram = contexts(tokens, order - 1, symbols)[order - 1:] * symbols + tokens[order - 1:]
        codes, counts = np.unique(gram, return_counts=True)
        self._levels = []
        for length in range(order, 0, -1):
            self._levels.append(_Level(codes, counts, symbols))
            codes, counts = np.unique(codes % symbols ** (length - 1), return_counts=True)

    def log_probability(self, tokens):
        """Natural logarithm of p of every symbol but the first order-1, float64."""
        skip = self.order - 1
        p = np.full(len(tokens) - skip, 1.0 / self.symbols)
        for length, level in zip(range(1, self.order + 1), reversed(self._levels)):
            history = contexts(tokens, length - 1, self.symbols)[skip:]
            p = level.interpolate(history, tokens[skip:], p)
        return np.log(p)


class _Level:
    """One order: p = max(c - D, 0) / total + D kinds / total p_lower."""

    def __init__(self, codes, counts, symbols):
        ones, twos = (counts == 1).sum(), (counts == 2).sum()
        self._discount = ones / (ones + 2.0 * twos) if ones else FALLBACK
        self._symbols, self._codes, self._counts = symbols, codes, counts
        self._histories, first = np.unique(codes // symbols, return_index=True)
        self._totals = np.add.reduceat(counts, first)
        self._kinds = np.diff(np.append(first, len(codes)))

    def interpolate(self, history, symbol, lower):
        """Args: history int64 [n], symbol int [n], lower float64 [n]. Returns: p float64 [n]."""
        count = _looked_up(self._codes, self._counts, history * self._symbols + symbol)
        total = _looked_up(self._histories, self._totals, history)
        kinds = _looked_up(self._histories, self._kinds, history)
        seen = np.maximum(total, 1)
        p = (np.maximum(count - self._discount, 0.0) + self._discount * kinds * lower) / seen
        return np.where(total > 0, p, lower)


def _looked_up(keys, values, wanted):
    """values of `wanted` in the ascending `keys`, 0 where there is none."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)
