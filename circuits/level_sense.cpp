#include "circuits/level_sense.hpp"

#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

std::string_view level_sense_name(LevelSenseMode mode) {
    switch (mode) {
        case LevelSenseMode::sequential:
            return "sequential";
        case LevelSenseMode::parallel:
            return "parallel";
        case LevelSenseMode::binary:
            return "binary";
    }
    throw InvariantError("unknown mode of a level sense");
}

void LevelSense::check(const char* where) const {
    if (bits < 1 || bits > kMaxBits)
        throw UserError("bits of a multi-level read", where, fmt::format("{}", bits),
                        fmt::format("1 to {}", kMaxBits));
}

std::int64_t LevelSense::amplifiers() const {
    return mode == LevelSenseMode::parallel ? (std::int64_t{1} << bits) - 1 : 1;
}

std::int64_t LevelSense::steps() const {
    if (mode == LevelSenseMode::parallel) return 1;
    return decisions();
}

std::int64_t LevelSense::decisions() const {
    return mode == LevelSenseMode::binary ? bits : (std::int64_t{1} << bits) - 1;
}

int LevelSense::level(double value, std::span<const double> offsets,
                      std::span<const double> noise) const {
    ATTOHM_CHECK_EQ(static_cast<std::int64_t>(offsets.size()), amplifiers());
    ATTOHM_CHECK(noise.empty() || static_cast<std::int64_t>(noise.size()) == decisions());
    const auto fires = [&](int reference, std::size_t amplifier, std::size_t decision) {
        const double drawn = noise.empty() ? 0.0 : noise[decision];
        return value + offsets[amplifier] + drawn >= reference - 0.5;
    };
    int level = 0;
    if (mode == LevelSenseMode::binary) {
        for (int b = bits - 1; b >= 0; --b) {
            const auto decision = static_cast<std::size_t>(bits - 1 - b);
            if (fires(level + (1 << b), 0, decision)) level += 1 << b;
        }
        return level;
    }
    for (int reference = 1; reference < 1 << bits; ++reference) {
        const auto decision = static_cast<std::size_t>(reference - 1);
        const std::size_t amplifier = mode == LevelSenseMode::parallel ? decision : 0;
        level += fires(reference, amplifier, decision) ? 1 : 0;
    }
    return level;
}

double LevelSense::misread_rate(double sigma) const {
    ATTOHM_CHECK_LE(0.0, sigma);
    if (sigma == 0.0) return 0.0;
    const double beyond = 0.5 * std::erfc(0.5 / sigma / std::sqrt(2.0));
    return 2.0 * (1.0 - std::ldexp(1.0, -bits)) * beyond;
}

}  // namespace attohm
