#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "crossbar/array/programmed_keys.hpp"
#include "crossbar/array/slow_state.hpp"
#include "crossbar/array/telegraph_state.hpp"
#include "src/tile/driven_lines.hpp"
#include "src/tile/read_schedule.hpp"

namespace attohm {

struct ReadBlock;
class TileCore;

/// Noise with memory of the cells of one head: what it adds to outputs, read by read. Every step of
/// a query is a read of its own.
///
/// 1/f noise is Gaussian, so the columns of a key add up to one effective cell per element; traps
/// are followed column by column. With `by_plane` (columns that clip or are converted on their own)
/// both are followed column by column.
/// Source: physics.md section 4. Not modelled: steps at uneven intervals (they are spread evenly
/// over the interval between queries), the share of a pulse-width read in which a line is off.
class SlowReads {
  public:
    SlowReads(const Device& device, const WordLineDrive& drive, const ReadSchedule& schedule,
              const DrawSite& site, const ArrayShape& shape, const ProgrammedKeys& keys,
              bool by_plane);

    /// Relative variance that joins the white noise of every step. A unit pulse of pulse-width
    /// input takes as many times that of the whole read as there are pulses: exact for the largest
    /// code, too much for a smaller one by what two of its pulses are correlated less.
    static double white_variance(const Device& device, const WordLineDrive& drive,
                                 const ReadSchedule& schedule, std::size_t keys);

    /// Whether reads follow cells.
    bool tracks() const { return tracks_; }

    /// Takes the cells as they are now: amplitudes, and the frozen part into means and columns.
    void look(ProgrammedKeys& keys);

    /// analog[t, j] += what noise adds to key j in query first + t, all steps, references taken
    /// off. Args: codes: [r, d].
    void add_to(std::size_t first, MatrixView<const float> codes, MatrixView<float> analog);
    /// Law of a block's outputs over all noise: means without memory, and the variance of slow and
    /// telegraph noise (as if Gaussian), references included, on top of the white one in
    /// block.variance. Slow noise of
    /// reads that are repeated and averaged has its own covariance; the steps of one read, and
    /// telegraph noise throughout, are taken as fully correlated.
    void marginal_law(const Matrix<float>& quiet_mean, const TileCore& core,
                      ReadBlock& block) const;
    /// Change of every cell's conductance in one step of one query, in dG: out [planes] of
    /// [n + groups, d]. Steps in order of time, each once.
    void changes(std::size_t query, std::size_t step, std::vector<Matrix<float>>& out);

  private:
    /// One set of columns: those of the keys, or the reference of one group.
    struct Columns {
        std::size_t first = 0;  ///< row in the amplitude
        std::size_t count = 0;
        std::optional<SlowState> slow;
        std::optional<TelegraphState> traps;
    };
    struct Followed {
        Matrix<float> amplitude;  ///< [n + groups, d] of the Gaussian part
        Matrix<float> weight;     ///< [n + groups, d] of the traps; empty: none
        std::vector<Columns> columns;
        std::uint64_t draws = 0;  ///< plane id
    };
    void add_reference_variance(const LineInputs& squares, const Matrix<float>& variance,
                                ReadBlock& block) const;
    static SlowSplit split(const Device& device, const WordLineDrive& drive,
                           const ReadSchedule& schedule, std::size_t keys);
    void add_frozen(ProgrammedKeys& keys) const;
    Followed follow(std::uint64_t plane, bool slow, bool traps) const;
    void add_reads(const ReadOrder& order, MatrixView<const float> x, MatrixView<float> analog);
    void change_columns(Columns& columns, const Followed& followed, std::uint64_t read,
                        Matrix<float>& change) const;
    void add_columns(Columns& columns, const Followed& followed, const ReadOrder& order,
                     MatrixView<const float> x, MatrixView<float> out) const;

    const Device& device_;
    const WordLineDrive& drive_;
    ReadSchedule schedule_;
    DrawSite site_;
    ArrayShape shape_;
    std::size_t n_, d_, groups_;
    bool by_plane_;
    bool tracks_ = false;
    SlowSplit split_;
    NoiseReference reference_;
    std::vector<double> ages_;  ///< [n] at the first read of the pass
    std::vector<Followed> followed_;
};

}  // namespace attohm
