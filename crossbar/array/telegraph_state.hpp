#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "crossbar/array/draws.hpp"
#include "crossbar/array/slow_state.hpp"
#include "crossbar/device/telegraph.hpp"
#include "src/base/matrix.hpp"

/// Telegraph noise of the cells of one plane and write event, trap by trap.
namespace attohm {

/// The traps of n * d cells and their occupation read by read. Most cells have no trap, so traps
/// are a list ordered by key.
///
/// A read shows the average of dG/G = step (b - occupied) over its T. b is the occupancy p, so that
/// the mean is zero; where the programmed value holds the trap's state already (NoiseReference: all
/// traps of a verified write, else rates below 2 pi / t0) b is the state at the reference age,
/// nothing is added up to that age, and the trap goes on from there.
/// With x = l T, by trap:
///     x < kPointBelow           the state at the middle of the read: its mean square difference
///                               from the average is x / 6 of the variance, 0.17 % at most, and the
///                               variance is too large by x / 3
///     x min(p, 1-p) > kManyMoves    Gaussian with the exact variance p (1-p) 2 (x-1+e^-x) / x^2.
///                               Left out: third moment, and the correlation of neighbouring
///                               reads, at most 1 / (2 x) = 1 %
///     else                      the exact share of the read in the occupied state, dwell by dwell
/// Between reads the state moves by the exact transition probability, one word per trap and read.
/// Probabilities are exact to 2^-33, which a trap slower than 2^-33 per read does not feel.
///
/// Draws: see TelegraphDraws. Same bytes for any cut of the reads into blocks; a trap's bytes
/// depend on no other trap.
/// Cost: about one word and one multiply-add per trap and read.
class TelegraphState {
  public:
    static constexpr double kPointBelow = 0.01;
    static constexpr double kManyMoves = 25.0;

    /// Args: ages: [n] or [1], seconds at the first read (negative: written later).
    TelegraphState(const TelegraphNoise& noise, const NoiseReference& reference,
                   const ReadTiming& timing, const TelegraphDraws& draws, std::size_t n,
                   std::size_t d, std::span<const double> ages);

    /// One trap as it was drawn.
    struct Trap {
        std::uint32_t key = 0;
        std::uint32_t element = 0;
        std::uint32_t number = 0;  ///< within its cell
        float step = 0.0F;         ///< relative
        double rate = 0.0;         ///< 1/s
    };
    const std::vector<Trap>& traps() const { return traps_; }
    std::int64_t steps_limited() const { return limited_; }  ///< steps that were above 1

    /// analog[t, j] += sum over traps of key j: nq[t, i] weight[j, i] dG/G(reads of t).
    /// Reads go forward only.
    /// Args: nq: [count, d]; weight: [n, d] G of the cell with sign and digit weight, in the units
    ///   of analog; analog: [count, n].
    void add_to(const ReadOrder& order, MatrixView<const float> nq, MatrixView<const float> weight,
                MatrixView<float> analog);

    /// deviation[trap] of dG/G of one read, in the order of traps(): for paths that need cells.
    void read(std::uint64_t read, std::span<float> deviation);

  private:
    enum class Kind : std::uint8_t { point, dwell, gaussian };
    /// How a trap moves.
    struct Motion {
        Stream step;
        std::uint64_t first_read = 0;  ///< nothing before
        double first_move[2] = {};     ///< P(occupied at the first read | empty, occupied before)
        std::uint64_t move_below[2] = {};  ///< words that lead to occupied at the next read
        float baseline = 0.0F;             ///< b
        float sigma = 0.0F;                ///< of the average; Gaussian only
        Kind kind = Kind::point;
        bool occupied = false;  ///< at the middle (point) or end (dwell) of the read before
    };
    void add_trap(const TelegraphNoise& noise, const NoiseReference& reference, const Stream& draws,
                  const Stream& step, const Trap& place, double age);
    float dwell(std::size_t trap, std::uint64_t read);
    void path(std::size_t trap, std::uint64_t first, std::span<float> deviation);

    double read_time_ = 0.0, interval_ = 0.0, occupancy_ = 0.0;
    std::vector<Trap> traps_;
    std::vector<Motion> motions_;
    std::vector<std::size_t> key_begin_;  ///< [n + 1] into traps_
    std::int64_t limited_ = 0;
    std::uint64_t next_read_ = 0;
};

}  // namespace attohm
