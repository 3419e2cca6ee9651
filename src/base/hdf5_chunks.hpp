#pragma once

#include <cstddef>
#include <string>

#include "src/base/hdf5_handle.hpp"

/// Chunked datasets, read chunk by chunk with stock filters undone by several threads.
namespace attohm {

/// All of the trailing axes, `count` indices of the first from `first` on.
struct H5Slab {
    std::size_t first = 0;
    std::size_t count = 0;
};

/// Takes `count` elements as they are stored, little-endian, for index `at` of the output.
using H5PutElements = void (*)(void* out, std::size_t at, const std::byte* from, std::size_t count);

/// Reads a slab of a chunked dataset. The caller must not hold the lock: each chunk is fetched
/// under it and decoded outside; a chunk is decoded by one thread, so what comes out does not
/// depend on the number of threads.
/// Returns: false where the library itself has to read, whatever `out` holds by then: another
/// layout, a filter that is none of H5Filter, a chunk that was never written.
/// Throws: UserError for a damaged chunk.
bool read_chunks(hid_t dataset, hid_t type, const H5Shape& shape, const H5Slab& slab,
                 const std::string& where, H5PutElements put, void* out);

}  // namespace attohm
