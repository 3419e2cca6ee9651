"""HDF5 as the trace format wants it: layout, attributes, reproducible bytes."""

import hashlib
import struct

import h5py
import numpy as np

CHUNK_BYTES = 1 << 20     # chunks hold whole planes up to this
CONTIGUOUS_BYTES = 4096   # a dataset below this is stored contiguous, unfiltered


def create_file(path):
    """A new file, libver latest, no time stamps (the same input gives the same bytes)."""
    creation, access = h5py.h5p.create(h5py.h5p.FILE_CREATE), h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    creation.set_obj_track_times(False)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    return h5py.File(h5py.h5f.create(str(path).encode(), h5py.h5f.ACC_TRUNC, creation, access))


def create_group(parent, name):
    """A group without time stamps."""
    creation = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    creation.set_obj_track_times(False)
    return h5py.Group(h5py.h5g.create(parent.id, name.encode(), gcpl=creation))


def chunk_shape(shape, itemsize):
    """Whole trailing planes, as many as fit into CHUNK_BYTES; at least one row of the last axis."""
    chunk, size = [1] * len(shape), itemsize
    for axis in reversed(range(len(shape))):
        chunk[axis] = int(max(1, min(shape[axis], CHUNK_BYTES // size)))
        size *= chunk[axis]
        if chunk[axis] < shape[axis]:
            break
    return tuple(chunk)


def write_tensor(group, name, array, compress=False):
    """One dataset: small ones contiguous, others chunked with fletcher32.

    Args: compress: adds shuffle and gzip (both in every HDF5); worth it for
      data with few distinct values, never for q, k, v, out.
    """
    array = np.ascontiguousarray(array)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if array.ndim == 0 or (array.nbytes < CONTIGUOUS_BYTES and not compress):
        return group.create_dataset(name, data=array)
    extra = {"shuffle": True, "compression": "gzip", "compression_opts": 6} if compress else {}
    return group.create_dataset(name, data=array, chunks=chunk_shape(array.shape, array.itemsize),
                                fletcher32=True, **extra)


def write_attributes(thing, attrs):
    """Integers as int64 (or their own NumPy type), floats as float64, text as fixed UTF-8."""
    for name, value in attrs.items():
        if isinstance(value, str):
            raw = value.encode("utf-8")
            thing.attrs.create(name, raw, dtype=h5py.string_dtype("utf-8", max(1, len(raw))))
        elif isinstance(value, np.generic):
            thing.attrs.create(name, value)
        elif isinstance(value, float):
            thing.attrs.create(name, np.float64(value))
        else:
            thing.attrs.create(name, np.int64(value))


def read_attributes(thing):
    """Attributes as int, float and str, whatever their width or string kind."""
    result = {}
    for name, value in thing.attrs.items():
        if isinstance(value, bytes):
            value = value.decode("utf-8")
        elif isinstance(value, np.generic):
            value = value.item()
            value = value.decode("utf-8") if isinstance(value, bytes) else value
        result[name] = value
    return result


def tree(group):
    """A group as nested dicts of arrays."""
    return {name: tree(item) if isinstance(item, h5py.Group) else item[()] for name, item in group.items()}


def item_at(file, path):
    """The dataset at an absolute path as an array, a group as `tree`, None for nothing."""
    item = file.get(path) if isinstance(path, str) and path.startswith("/") else None
    if item is None:
        return None
    return tree(item) if isinstance(item, h5py.Group) else np.asarray(item[()])


def content_sha256(file):
    """Hash of a trace's content, without the root attributes (producer, date, itself).

    Over all objects below the root in ascending order of their UTF-8 path:
    the path; its attributes in ascending order of name as name, a letter (i, f,
    s) and int64, float64 or UTF-8 text; for a dataset its type as NumPy writes
    it ("<f4"), its rank and sizes as int64, its elements in C order. Numbers are
    little-endian; each path, name, text and type is followed by a zero byte.
    """
    paths, digest = [], hashlib.sha256()
    file.visit(lambda path: paths.append("/" + path))
    for path in sorted(paths, key=lambda p: p.encode("utf-8")):
        item = file[path]
        digest.update(path.encode("utf-8") + b"\0")
        attrs = read_attributes(item)
        for name in sorted(attrs, key=lambda n: n.encode("utf-8")):
            digest.update(name.encode("utf-8") + b"\0" + _attribute_bytes(attrs[name]))
        if isinstance(item, h5py.Dataset):
            array = np.ascontiguousarray(item[()])
            digest.update(array.dtype.str.encode() + b"\0")
            digest.update(struct.pack(f"<{1 + array.ndim}q", array.ndim, *array.shape))
            digest.update(array.tobytes())
    return digest.hexdigest()


def _attribute_bytes(value):
    if isinstance(value, str):
        return b"s" + value.encode("utf-8") + b"\0"
    if isinstance(value, float):
        return b"f" + struct.pack("<d", value)
    return b"i" + struct.pack("<q", value)
