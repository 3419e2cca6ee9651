#include "crossbar/array/noisy_product.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "crossbar/array/noisy_product_kernels.hpp"
#include "src/base/parallel.hpp"

namespace attohm {

namespace {

/// Queries that share the squares and sigmas in the caches: a multiple of every tile.
constexpr std::size_t kBlockQueries = 48;

const NoisyProductKernels& kernels() {
    static const NoisyProductKernels& best = noisy_product_kernels(best_simd_level());
    return best;
}

/// Storage of one thread, kept between calls.
struct Scratch {
    AlignedVector<float> squares;
    AlignedVector<float> sigma;
};

Scratch& scratch_of(std::size_t rows, std::size_t columns) {
    thread_local Scratch scratch;
    if (scratch.squares.size() < kBlockQueries * rows) scratch.squares.resize(kBlockQueries * rows);
    if (scratch.sigma.size() < kBlockQueries * columns)
        scratch.sigma.resize(kBlockQueries * columns);
    return scratch;
}

}  // namespace

/// Queries of one block and where their products go.
struct NoisyProduct::Block {
    MatrixView<const float> v;
    MatrixView<float> mean;
    MatrixView<float> sigma;
    float* squares = nullptr;
};

NoisyProduct::NoisyProduct(MatrixView<const float> conductance, MatrixView<const float> variance)
    : rows_(conductance.rows), columns_(conductance.cols) {
    ATTOHM_CHECK_EQ(variance.rows, rows_);
    ATTOHM_CHECK_EQ(variance.cols, columns_);
    pack(conductance, &variance);
}

NoisyProduct::NoisyProduct(MatrixView<const float> conductance, float sigma)
    : rows_(conductance.rows), columns_(conductance.cols), uniform_(true), sigma_(sigma) {
    ATTOHM_CHECK(std::isfinite(sigma) && sigma >= 0.0F);
    pack(conductance, nullptr);
}

std::size_t NoisyProduct::panel_floats() const {
    return rows_ * kPanelColumns * (uniform_ ? 1 : 2);
}

void NoisyProduct::pack(MatrixView<const float> conductance,
                        const MatrixView<const float>* variance) {
    const std::size_t panels = (columns_ + kPanelColumns - 1) / kPanelColumns;
    panels_.assign(panels * panel_floats(), 0.0F);
    const std::size_t row_floats = panel_floats() / std::max<std::size_t>(rows_, 1);
    for (std::size_t p = 0; p < panels; ++p) {
        const std::size_t first = p * kPanelColumns;
        const std::size_t count = std::min(kPanelColumns, columns_ - first);
        for (std::size_t r = 0; r < rows_; ++r) {
            float* row = panels_.data() + p * panel_floats() + r * row_floats;
            std::copy_n(conductance.row(r) + first, count, row);
            if (variance != nullptr)
                std::copy_n(variance->row(r) + first, count, row + kPanelColumns);
        }
    }
}

/// All panels of one block; the last panel goes through a buffer where it has columns to spare.
void NoisyProduct::products(const PanelInputs& in, const Block& block) const {
    std::array<float, kBlockQueries * kPanelColumns> spare_mean, spare_sigma;
    for (std::size_t first = 0; first < columns_; first += kPanelColumns) {
        const float* panel = panels_.data() + first / kPanelColumns * panel_floats();
        const std::size_t count = std::min(kPanelColumns, columns_ - first);
        const bool whole = count == kPanelColumns;
        float* mean = whole ? block.mean.data + first : spare_mean.data();
        const std::size_t mean_stride = whole ? block.mean.stride : kPanelColumns;
        if (uniform_) {
            kernels().one_product(in, panel, mean, mean_stride);
        } else {
            float* sigma = whole ? block.sigma.data + first : spare_sigma.data();
            kernels().two_products(in, panel, mean, mean_stride, sigma,
                                   whole ? block.sigma.stride : kPanelColumns);
        }
        for (std::size_t q = 0; q < block.v.rows && !whole; ++q) {
            std::copy_n(mean + q * kPanelColumns, count, block.mean.row(q) + first);
            if (!uniform_)
                std::copy_n(spare_sigma.data() + q * kPanelColumns, count,
                            block.sigma.row(q) + first);
        }
    }
}

/// Products and sigmas of the block that starts at query `start`; sigmas go to the thread's own
/// storage where nobody asked for them.
NoisyProduct::Block NoisyProduct::block_of(std::size_t start, MatrixView<const float> v,
                                           MatrixView<float> mean, MatrixView<float> sigma) const {
    const std::size_t count = std::min(kBlockQueries, v.rows - start);
    Scratch& scratch = scratch_of(rows_, columns_);
    const MatrixView<float> own(scratch.sigma.data(), count, columns_);
    const Block block{v.rows_from(start, count), mean.rows_from(start, count),
                      sigma.empty() ? own : sigma.rows_from(start, count), scratch.squares.data()};
    for (std::size_t q = 0; q < count && !uniform_; ++q)
        kernels().squares(block.v.row(q), block.squares + q * rows_, rows_);
    const PanelInputs in{block.v.data, block.v.stride, block.squares, count, rows_};
    if (uniform_) kernels().one_sigma(in, sigma_, columns_, block.sigma.data, block.sigma.stride);
    products(in, block);
    return block;
}

void NoisyProduct::read(const Stream& noise, std::uint64_t first, MatrixView<const float> v,
                        MatrixView<float> out, MatrixView<float> sigma) const {
    ATTOHM_CHECK_EQ(v.cols, rows_);
    ATTOHM_CHECK_EQ(out.cols, columns_);
    ATTOHM_CHECK_EQ(out.rows, v.rows);
    ATTOHM_CHECK(sigma.empty() || (sigma.rows == v.rows && sigma.cols == columns_));
    parallel_for((v.rows + kBlockQueries - 1) / kBlockQueries, [&](std::size_t b) {
        const Block block = block_of(b * kBlockQueries, v, out, sigma);
        if (uniform_ && sigma_ == 0.0F) return;
        const std::uint64_t draw = (first + b * kBlockQueries) * columns_;
        const std::size_t count = block.v.rows;
        // One long range of draws costs less than many short ones.
        if (out.stride == columns_ && block.sigma.stride == columns_) {
            noise.add_normals(draw, {block.sigma.data, count * columns_},
                              {block.mean.data, count * columns_});
            return;
        }
        for (std::size_t q = 0; q < count; ++q) {
            noise.add_normals(draw + q * columns_, {block.sigma.row(q), columns_},
                              {block.mean.row(q), columns_});
        }
    });
}

void NoisyProduct::law(MatrixView<const float> v, MatrixView<float> mean,
                       MatrixView<float> sigma) const {
    ATTOHM_CHECK_EQ(v.cols, rows_);
    ATTOHM_CHECK(mean.cols == columns_ && sigma.cols == columns_);
    ATTOHM_CHECK(mean.rows == v.rows && sigma.rows == v.rows);
    parallel_for((v.rows + kBlockQueries - 1) / kBlockQueries,
                 [&](std::size_t b) { block_of(b * kBlockQueries, v, mean, sigma); });
}

}  // namespace attohm
