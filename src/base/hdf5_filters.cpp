#include "src/base/hdf5_filters.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "src/base/error.hpp"
#include "src/base/simd_clones.hpp"

namespace attohm {

namespace {

struct Closer {
    void operator()(libdeflate_decompressor* tool) const { libdeflate_free_decompressor(tool); }
};

libdeflate_decompressor* decompressor() {
    thread_local const std::unique_ptr<libdeflate_decompressor, Closer> tool(
        libdeflate_alloc_decompressor());
    ATTOHM_CHECK(tool != nullptr);
    return tool.get();
}

bool inflate_chunk(std::size_t out_bytes, H5ChunkBuffers& buffers) {
    buffers.spare.resize(out_bytes);
    std::size_t written = 0;
    const libdeflate_result result =
        libdeflate_zlib_decompress(decompressor(), buffers.bytes.data(), buffers.bytes.size(),
                                   buffers.spare.data(), out_bytes, &written);
    std::swap(buffers.bytes, buffers.spare);
    return result == LIBDEFLATE_SUCCESS && written == out_bytes;
}

/// The library also takes the checksum with the bytes of each half swapped, as its first versions
/// wrote it on little-endian machines.
bool check_sum(std::vector<std::byte>& bytes) {
    if (bytes.size() < 4) return false;
    const std::size_t size = bytes.size() - 4;
    std::uint32_t stored = 0;
    std::memcpy(&stored, bytes.data() + size, 4);
    const std::uint32_t sum = h5_fletcher32({bytes.data(), size});
    const std::uint32_t swapped = ((sum & 0x00ff00ffU) << 8U) | ((sum >> 8U) & 0x00ff00ffU);
    bytes.resize(size);
    return stored == sum || stored == swapped;
}

/// Of a sum that is folded until it fits 16 bits: 0 stays 0, a multiple of 65535 becomes 65535.
std::uint32_t folded(std::uint64_t sum) {
    return sum == 0 ? 0U : static_cast<std::uint32_t>((sum - 1) % 65535U) + 1U;
}

struct BlockSums {
    std::uint64_t sum = 0;
    std::uint64_t weighted = 0;
};

/// Words of one block: each once, and each as often as words follow it, itself included.
/// Args: count: at most 4096, so that no product leaves 32 bits.
ATTOHM_SIMD_CLONES BlockSums block_sums(const unsigned char* block, std::uint32_t count) {
    std::uint32_t sum = 0;
    std::uint64_t weighted = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        std::uint16_t word = 0;
        std::memcpy(&word, block + std::size_t{2} * i, 2);
        const std::uint32_t high_first =
            ((std::uint32_t{word} & 0xffU) << 8U) | (std::uint32_t{word} >> 8U);
        sum += high_first;
        weighted += high_first * (count - i);
    }
    return {sum, weighted};
}

ATTOHM_SIMD_CLONES void interleave4(const std::byte* from, std::size_t n, std::byte* to) {
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t value = std::to_integer<std::uint32_t>(from[i]) |
                                    (std::to_integer<std::uint32_t>(from[n + i]) << 8U) |
                                    (std::to_integer<std::uint32_t>(from[2 * n + i]) << 16U) |
                                    (std::to_integer<std::uint32_t>(from[3 * n + i]) << 24U);
        std::memcpy(to + 4 * i, &value, 4);
    }
}

ATTOHM_SIMD_CLONES void interleave2(const std::byte* from, std::size_t n, std::byte* to) {
    for (std::size_t i = 0; i < n; ++i) {
        const auto value =
            static_cast<std::uint16_t>(std::to_integer<std::uint32_t>(from[i]) |
                                       (std::to_integer<std::uint32_t>(from[n + i]) << 8U));
        std::memcpy(to + 2 * i, &value, 2);
    }
}

}  // namespace

std::uint32_t h5_fletcher32(std::span<const std::byte> data) {
    constexpr std::size_t kBlock = 4096;
    const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
    const std::size_t words = data.size() / 2;
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    for (std::size_t begin = 0; begin < words; begin += kBlock) {
        const std::size_t count = std::min(kBlock, words - begin);
        const BlockSums block = block_sums(bytes + 2 * begin, static_cast<std::uint32_t>(count));
        second = folded(second + count * first + block.weighted);
        first = folded(first + block.sum);
    }
    if (data.size() % 2 != 0) {
        first = folded(first + (std::uint64_t{bytes[data.size() - 1]} << 8U));
        second = folded(second + first);
    }
    return (static_cast<std::uint32_t>(second) << 16U) | static_cast<std::uint32_t>(first);
}

void h5_unshuffle(std::span<const std::byte> in, std::size_t element_bytes,
                  std::span<std::byte> out) {
    ATTOHM_CHECK_EQ(in.size(), out.size());
    const std::size_t n = in.size() / element_bytes;
    const std::byte* from = in.data();
    std::byte* to = out.data();
    if (element_bytes == 4) {
        interleave4(from, n, to);
    } else if (element_bytes == 2) {
        interleave2(from, n, to);
    } else {
        for (std::size_t k = 0; k < element_bytes; ++k)
            for (std::size_t i = 0; i < n; ++i) to[element_bytes * i + k] = from[k * n + i];
    }
    std::copy(from + n * element_bytes, from + in.size(), to + n * element_bytes);
}

bool h5_decode_chunk(std::span<const H5Filter> filters, std::uint32_t skipped,
                     std::size_t element_bytes, std::size_t chunk_bytes, H5ChunkBuffers& buffers) {
    for (std::size_t i = filters.size(); i-- > 0;) {
        if (((skipped >> i) & 1U) != 0) continue;
        if (filters[i] == H5Filter::fletcher32) {
            if (!check_sum(buffers.bytes)) return false;
        } else if (filters[i] == H5Filter::shuffle) {
            buffers.spare.resize(buffers.bytes.size());
            h5_unshuffle(buffers.bytes, element_bytes, buffers.spare);
            std::swap(buffers.bytes, buffers.spare);
        } else {
            // A checksum that was applied before deflate is inside of the stream.
            const auto inside = static_cast<std::size_t>(
                std::count(filters.begin(), filters.begin() + static_cast<std::ptrdiff_t>(i),
                           H5Filter::fletcher32));
            if (!inflate_chunk(chunk_bytes + 4 * inside, buffers)) return false;
        }
    }
    return buffers.bytes.size() == chunk_bytes;
}

}  // namespace attohm
