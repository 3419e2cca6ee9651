#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/matrix.hpp"
#include "src/base/random.hpp"

namespace attohm {

struct PanelInputs;

/// A plain array (no pairs) read with white noise, many queries at once:
///     y[b, c] = sum_r v[b, r] G[r, c] + sqrt(sum_r v[b, r]^2 s[r, c]^2) z[b, c]
/// with s the standard deviation of the white part of a cell over one read and z standard normal,
/// independent over reads and columns. This is the exact law of one amplitude read of cells whose
/// conductance is off by s times a normal of their own, independent over cells and reads: the
/// cells' draws never exist. With wire resistance the same law holds to first order for the
/// transfer matrix in the place of G and its own sensitivities squared times s^2 in that of s^2.
///
/// Units: any conductance unit (siemens, or levels of dG), squared for variances; the output has
/// that unit times the input's.
/// Accuracy: float32, each output one chain of fused multiply-adds in the order of the rows. Its
/// bits depend on its query, its column and the array alone: never on batch, order of calls,
/// threads or processor.
/// Speed: two products (mean and variance) and one normal per output; with one sigma for all cells
/// one product, the norm of the input and one normal.
///
/// Source: physics.md section 4, "amplitude, one read". Not modelled: noise that outlives a read,
/// clipping of single cells, non-linear I-V (all per cell), inputs other than amplitudes.
class NoisyProduct {
  public:
    /// Args:
    ///   conductance: [rows, columns], finite
    ///   variance:    [rows, columns] s^2, finite and >= 0
    NoisyProduct(MatrixView<const float> conductance, MatrixView<const float> variance);
    /// All cells have the same s = `sigma`; 0 draws nothing.
    NoisyProduct(MatrixView<const float> conductance, float sigma);

    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    /// Every cell has the same s.
    bool uniform() const { return uniform_; }

    /// Reads queries first, first + 1, ...
    /// Args:
    ///   noise: normal(query * columns + column) is the draw of an output, so `first` decides what
    ///          a query draws, however many are read at once
    ///   v:     [batch, rows]
    ///   out:   [batch, columns]
    ///   sigma: [batch, columns] standard deviation of each output; may be empty
    void read(const Stream& noise, std::uint64_t first, MatrixView<const float> v,
              MatrixView<float> out, MatrixView<float> sigma = {}) const;

    /// The outputs without noise, and the standard deviation of each: [batch, columns].
    void law(MatrixView<const float> v, MatrixView<float> mean, MatrixView<float> sigma) const;

  private:
    struct Block;
    Block block_of(std::size_t start, MatrixView<const float> v, MatrixView<float> mean,
                   MatrixView<float> sigma) const;
    void pack(MatrixView<const float> conductance, const MatrixView<const float>* variance);
    void products(const PanelInputs& in, const Block& block) const;
    std::size_t panel_floats() const;

    std::size_t rows_ = 0;
    std::size_t columns_ = 0;
    bool uniform_ = false;
    float sigma_ = 0.0F;           ///< of every cell, when uniform
    AlignedVector<float> panels_;  ///< see noisy_product_kernels.hpp
};

}  // namespace attohm
