#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// The stock filters of HDF5, undone outside of the library: its own pipeline runs one chunk at a
/// time under one lock. Source: HDF5 File Format Specification 3.0, section IV.A.2.l.
namespace attohm {

enum class H5Filter : std::uint8_t {
    deflate,     ///< a zlib stream
    shuffle,     ///< byte k of every element together, k = 0 first
    fletcher32,  ///< four bytes of checksum behind the data
};

/// Fletcher's checksum as HDF5 computes it: over 16-bit words, high byte first, an odd last byte as
/// a high one; each half in 1..65535, or 0 where all words are 0.
std::uint32_t h5_fletcher32(std::span<const std::byte> data);

/// Undoes byte shuffling. Args: in, out: equally long; bytes beyond a whole number of elements stay
/// where they are.
void h5_unshuffle(std::span<const std::byte> in, std::size_t element_bytes,
                  std::span<std::byte> out);

/// Two buffers that a thread keeps between chunks.
struct H5ChunkBuffers {
    std::vector<std::byte> bytes;
    std::vector<std::byte> spare;
};

/// Undoes `filters`, last applied first, on the chunk in `buffers.bytes`. Bit i of `skipped` says
/// that filter i was not applied to this chunk.
/// Returns: false when the chunk does not come out `chunk_bytes` long or a checksum is wrong.
bool h5_decode_chunk(std::span<const H5Filter> filters, std::uint32_t skipped,
                     std::size_t element_bytes, std::size_t chunk_bytes, H5ChunkBuffers& buffers);

}  // namespace attohm
