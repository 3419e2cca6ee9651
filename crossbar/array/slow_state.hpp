#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "crossbar/array/draws.hpp"
#include "crossbar/array/slow_filter.hpp"
#include "src/base/matrix.hpp"

/// Slow noise of the cells of one write event: its frozen part, and the part that is followed read
/// by read.
namespace attohm {

/// Which reads a block of queries are: query t takes the reads first + t * stride + k of the pass,
/// k < repeats, and sees their mean. The reads of a pass are counted by the caller in the order of
/// the wall clock: several query heads that read the same cells share one count (one after the
/// other, or interleaved with a stride).
struct ReadOrder {
    std::uint64_t first = 0;
    std::uint64_t stride = 1;   ///< at least `repeats`
    std::uint64_t repeats = 1;  ///< at least 1

    /// The read after the last one of `queries` queries.
    std::uint64_t end(std::size_t queries) const {
        return queries == 0 ? first : first + (queries - 1) * stride + repeats;
    }
};

/// First read that begins after a reference age, for a cell of this age at read 0; all in seconds.
std::uint64_t first_read_after(double reference_age, double age, double interval);

/// Adds the frozen part of the slow noise to conductances:
///     conductance[j, i] += amplitude[j, i] sqrt(split.frozen_variance(age_j)) z_ji.
/// Args:
///   ages:        [n] or [1], seconds at the first read
///   amplitude:   [n, d] what a relative change of 1 is in units of `conductance`: G of a cell, or
///                sqrt(sum (weight G)^2) over the cells of an element that are summed
///   conductance: [n, d]
/// A split without frozen components leaves every bit as it is.
void add_frozen_noise(const SlowSplit& split, const SlowDraws& draws, std::span<const double> ages,
                      MatrixView<const float> amplitude, MatrixView<float> conductance);

/// Tracked components of n * d cells: y_ji at every read of the pass, exact in law.
///
/// Components that enter whole and those that count from a reference age on are two groups, each
/// with its SlowFilter and one normal per cell and read (most passes have one group only).
/// Referenced ones start, key by key, at the first read that begins after the reference age: x_ref
/// = z', x = e^(-l tau) z' + sqrt(1 - e^(-2 l tau)) z, tau the time since then, and enter as x -
/// x_ref; before that they add nothing.
///
/// Draws: see SlowDraws; group 0 whole, 1 referenced. Same bytes for any cut of the reads into
/// blocks, and a key's bytes depend on no other key.
/// Cost: one normal and 2 multiply-adds per component, per cell and read: the normals dominate.
/// Cells of a pair or of slices add up to one effective cell: sums of independent
/// Ornstein-Uhlenbeck processes of one rate are one, so `amplitude` takes their root sum square.
class SlowState {
  public:
    /// Args: ages: [n] or [1], seconds at the first read (negative: written later).
    SlowState(const SlowSplit& split, const SlowDraws& draws, std::size_t n, std::size_t d,
              std::span<const double> ages);

    /// Goes to read `read` without output. Reads go forward only.
    void advance_to(std::uint64_t read);
    std::uint64_t next_read() const { return next_read_; }

    /// analog[t, j] += sum_i nq[t, i] amplitude[j, i] y_ji(reads of t).
    /// Args: nq: [count, d]; amplitude: [n, d] (see add_frozen_noise); analog: [count, n].
    void add_to(const ReadOrder& order, MatrixView<const float> nq,
                MatrixView<const float> amplitude, MatrixView<float> analog);

    /// y of one read, [n, d], relative: for paths that need single cells. Advances like add_to.
    void read(std::uint64_t read, MatrixView<float> y);

  private:
    struct Group {
        SlowFilter filter;
        std::uint64_t id = 0;
        bool referenced = false;
        std::vector<float> u;                   ///< per block of keys: [components, block_cells]
        std::vector<float> offset;              ///< [n * d] -sum sigma x_ref; referenced only
        std::vector<std::uint64_t> first_read;  ///< [n] at which the key starts
        std::vector<double> elapsed;            ///< [n] seconds since the reference, then
    };
    void add_group(const SlowSplit& split, bool referenced, std::span<const double> ages);
    void start_key(Group& group, std::size_t key);
    void step_block(std::size_t block, std::uint64_t read);
    void step_group(Group& group, std::size_t block, std::uint64_t read);
    std::size_t block_keys(std::size_t block) const;

    SlowDraws draws_;
    std::size_t n_ = 0, d_ = 0;
    std::size_t keys_per_block_ = 1;
    std::vector<Group> groups_;
    std::vector<float> e_, y_, mean_;  ///< [cells of a block]
    std::uint64_t next_read_ = 0;
};

}  // namespace attohm
