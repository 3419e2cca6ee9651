#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace attohm {

/// How the read of a cell of several levels compares.
enum class LevelSenseMode : std::uint8_t {
    sequential,  ///< one amplifier, 2^B - 1 references one after another
    parallel,    ///< 2^B - 1 amplifiers at once, each with its own reference
    binary,      ///< one amplifier, B references, each chosen by the decision before
};
std::string_view level_sense_name(LevelSenseMode mode);

/// Reads a level 0..2^B - 1 from a value in units of one level, references half a level below each.
///
/// | mode       | amplifiers | steps   | decisions |
/// |------------|------------|---------|-----------|
/// | sequential | 1          | 2^B - 1 | 2^B - 1   |
/// | parallel   | 2^B - 1    | 1       | 2^B - 1   |
/// | binary     | 1          | B       | B         |
///
/// The cell conducts through all steps, so its own energy grows with them. An offset of the one
/// amplifier moves all references alike; in parallel every reference has an offset of its own and
/// those that fire are counted.
/// Source: physics.md section 2 (comparators); the algebra is ours. Not modelled: mismatch of the
/// references themselves, settling between steps.
struct LevelSense {
    static constexpr int kMaxBits = 8;

    int bits = 1;
    LevelSenseMode mode = LevelSenseMode::sequential;

    /// Throws: UserError for bits outside 1..8.
    void check(const char* where) const;
    std::int64_t amplifiers() const;
    std::int64_t steps() const;
    std::int64_t decisions() const;

    /// Args: value: in levels; offsets: of the amplifiers, in levels, amplifiers() of them; noise:
    ///   of the decisions in the order they are made, decisions() of them, may be empty for none.
    int level(double value, std::span<const double> offsets, std::span<const double> noise) const;
    /// P(wrong level) averaged over levels that are equally likely, with one normal error of
    /// `sigma` levels on value and reference together: 2 (1 - 2^-B) Q(1 / (2 sigma)).
    double misread_rate(double sigma) const;
};

}  // namespace attohm
