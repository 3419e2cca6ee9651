#pragma once

#include <vector>

#include "src/verify/card_numbers.hpp"
#include "src/verify/crossbar_model.hpp"
#include "src/verify/judge.hpp"

/// What every check works with.
namespace attohm {

struct Bench {
    const CrossbarModel& model;
    const CardNumbers& card;
    std::uint64_t seed = 0;

    /// Where a check draws: `sample` tells write events apart.
    DrawSite site(std::uint64_t sample = 0, std::uint64_t chip = 0) const;
    /// A voltage that the card allows.
    double volt() const;
    double middle_S() const { return 0.5 * (card.g_min_S + card.g_max_S); }
};

/// The device without any error: exact writing, no ageing, silent, whole, linear.
Device quiet(Device device);

/// Parts of a quiet device turned on again, as the model's device has them.
Device only_programming(const Device& device);
Device only_relaxation(const Device& device);  ///< with programming
Device only_white(const Device& device);
Device only_slow(const Device& device);
Device only_telegraph(const Device& device);
Device only_stuck(const Device& device);

/// A device whose cells certainly vary: its own programming error, or 0.01 of g_max where it writes
/// exactly. Nothing else.
Device varied(const Device& device);

/// Matrix of one value.
Matrix<double> filled(std::size_t rows, std::size_t columns, double value);

/// Reads back to back, of cells at the age at which the card was measured.
PlainReadSettings read_settings(const Bench& bench, double read_time_s, std::uint64_t reads);

}  // namespace attohm
