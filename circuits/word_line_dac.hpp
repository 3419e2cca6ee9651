#pragma once

#include <cstdint>
#include <vector>

#include "src/base/matrix.hpp"
#include "src/base/random.hpp"

namespace attohm {

/// Errors of the word-line DACs of an array, in their own steps: one step is V_read / L.
struct WordLineDacErrors {
    double inl_sigma_lsb = 0.0;     ///< by row and code, static
    double gain_sigma = 0.0;        ///< by row, static
    double offset_sigma_lsb = 0.0;  ///< by row, static
    double noise_sigma_lsb = 0.0;   ///< by row and read

    bool no_statics() const {
        return inl_sigma_lsb == 0.0 && gain_sigma == 0.0 && offset_sigma_lsb == 0.0;
    }
    bool none() const { return no_statics() && noise_sigma_lsb == 0.0; }
    /// Throws: UserError for a sigma that is negative or not finite.
    void check(const char* where) const;
};

/// The DACs that drive the rows of one array: what is on the word line when a code is asked for,
///     n' = n (1 + gain_i) + offset_i + INL_i(code) + noise z,
/// added before the product, so all keys (columns) of a read see the same. A real-valued n (ideal
/// bits) takes the INL of its nearest code.
/// Source: physics.md section 2. Not modelled: settling, output resistance (crossbar/wires has the
/// driver's), supply noise common to the rows.
class WordLineDac {
  public:
    static constexpr std::int32_t kMaxLevels = 2047;
    /// Args:
    ///   rows:    word lines
    ///   levels:  L: codes are -L..L
    ///   statics: the array's own stream (word_line_dac_stream): of row i, with base = i kRowDraws:
    ///            gain normal(base), offset normal(base + 1), INL of code c normal(base + kInlBase
    ///            + c). The draw of a code does not move with L.
    WordLineDac(const WordLineDacErrors& errors, std::size_t rows, int levels,
                const Stream& statics);

    static constexpr std::uint64_t kRowDraws = 8192;
    static constexpr std::uint64_t kInlBase = 4096;

    /// driven <- codes with their static errors. Args: both [batch, rows]; may be the same storage.
    void add_statics(MatrixView<const float> codes, MatrixView<float> driven) const;
    /// driven += noise of reads first, first + 1, ...: normal(read * rows + row).
    void add_noise(const Stream& noise, std::uint64_t first, MatrixView<float> driven) const;

    double gain_error(std::size_t row) const { return gain_[row]; }
    double offset(std::size_t row) const { return offset_[row]; }
    double inl(std::size_t row, int code) const;

  private:
    WordLineDacErrors errors_;
    std::int32_t levels_;
    std::vector<double> gain_;    ///< [rows]
    std::vector<double> offset_;  ///< [rows]
    Matrix<float> inl_;           ///< [rows, 2 L + 1]; empty: none
};

}  // namespace attohm
