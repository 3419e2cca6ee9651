"""Writes attohm traces (format 1.0): NumPy and h5py only; frameworks stay in `adapters`."""

__version__ = "0.1.0"
