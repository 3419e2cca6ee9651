#include "workloads/forward_rope.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "workloads/forward_math.hpp"

namespace attohm {

namespace {

/// Cosines and sines of positions 0, 1, ... of one theta and dim; kept between calls, since every
/// head of every layer asks for the same.
class TurnTable {
  public:
    void reach(const Rotary& rotary, std::size_t positions) {
        const auto pairs = static_cast<std::size_t>(rotary.dim) / 2;
        const bool same = rotary.theta == theta_ && pairs == pairs_;
        if (same && positions <= cosines_.rows()) return;
        // Half as much again, so that sequences that grow by one do not compute all anew each time.
        const std::size_t rows = same ? std::max(positions, cosines_.rows() * 3 / 2) : positions;
        theta_ = rotary.theta;
        pairs_ = pairs;
        cosines_.resize(rows, pairs);
        sines_.resize(rows, pairs);
        for (std::size_t i = 0; i < pairs; ++i) {
            const double exponent = -2.0 * static_cast<double>(i) / rotary.dim;
            const double step = std::pow(rotary.theta, exponent);
            for (std::size_t p = 0; p < rows; ++p) {
                const double angle = static_cast<double>(p) * step;
                cosines_(p, i) = static_cast<float>(std::cos(angle));
                sines_(p, i) = static_cast<float>(std::sin(angle));
            }
        }
    }
    const float* cosines(std::size_t position) const { return cosines_.row(position); }
    const float* sines(std::size_t position) const { return sines_.row(position); }

  private:
    double theta_ = 0.0;
    std::size_t pairs_ = 0;
    Matrix<float> cosines_;  ///< [positions, pairs]
    Matrix<float> sines_;
};

}  // namespace

void rotate(const Rotary& rotary, std::span<const int> positions, MatrixView<float> x) {
    ATTOHM_CHECK_EQ(positions.size(), x.rows);
    ATTOHM_CHECK_LE(static_cast<std::size_t>(rotary.dim), x.cols);
    if (positions.empty()) return;
    const auto [first, last] = std::minmax_element(positions.begin(), positions.end());
    if (*first < 0)
        throw UserError("a package of tokens has no position for the rotary embedding",
                        "the scheme's choice of tokens", "a package",
                        "a scheme that makes no packages, or a network without rope_theta");
    thread_local TurnTable table;
    table.reach(rotary, static_cast<std::size_t>(*last) + 1);
    const auto pairs = static_cast<std::size_t>(rotary.dim) / 2;
    for (std::size_t row = 0; row < x.rows; ++row) {
        const auto position = static_cast<std::size_t>(positions[row]);
        turn_pairs(table.cosines(position), table.sines(position), pairs, rotary.interleaved,
                   x.row(row));
    }
}

}  // namespace attohm
