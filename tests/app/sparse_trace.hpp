#pragma once

#include <cstdint>
#include <string>

/// A trace as large as asked for that takes no room on the disk.
namespace attohm::testing {

struct SparseSizes {
    int samples = 1;
    int layers = 1;
    int heads = 1;
    int tokens = 1;
    int head_dim = 1;

    /// Of q, k, v and out of all layers.
    std::uint64_t tensor_bytes() const {
        return std::uint64_t{16} * static_cast<std::uint64_t>(samples) *
               static_cast<std::uint64_t>(layers) * layer_rows() *
               static_cast<std::uint64_t>(head_dim);
    }
    std::uint64_t layer_rows() const {
        return static_cast<std::uint64_t>(heads) * static_cast<std::uint64_t>(tokens);
    }
};

/// Writes a whole and sound trace: float32 tensors in chunks that were never written, which read as
/// zeros, as the attention of zeros is. The program moves every byte of them all the same.
void write_sparse_trace(const std::string& path, const SparseSizes& sizes);

}  // namespace attohm::testing
