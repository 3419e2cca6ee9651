#include "crossbar/array/mapping.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// Digits of `bits` bits that the numbers 0..largest take.
int digits_of(int largest, int bits) {
    int count = 1;
    while ((largest >> (bits * count)) > 0) ++count;
    return count;
}

}  // namespace

Mapping::Mapping(Siemens g_min, Siemens g_max, std::optional<int> bits, MappingSettings settings)
    : g_min_(g_min), bits_(bits), settings_(settings) {
    const int level_bits = bits.value_or(kIdealBits);
    n_max_ = 1 << (level_bits - 1);
    const bool pair = settings.signs == Signs::differential;
    int top = pair ? n_max_ : (1 << level_bits) - 1;
    if (settings.cell_bits) {
        slices_ = digits_of(top, *settings.cell_bits);
        // A pair of B-bit cells holds the 2^(B-1) + 1 levels of either sign without slices.
        if (pair && *settings.cell_bits >= level_bits) slices_ = 1;
        if (slices_ > 1) top = (1 << *settings.cell_bits) - 1;
    }
    ATTOHM_CHECK(slices_ == 1 || bits);
    dG_ = (g_max - g_min) / static_cast<double>(top);
    for (int slice = 0; slice < slices_; ++slice) {
        const double weight = slices_ > 1 ? std::ldexp(1.0, *settings.cell_bits * slice) : 1.0;
        planes_.push_back({Polarity::plus, slice, weight});
        if (pair) planes_.push_back({Polarity::minus, slice, -weight});
    }
}

double Mapping::digit(const Plane& plane, double m) const {
    double value = m + static_cast<double>(n_max_);
    if (settings_.signs == Signs::differential) {
        value = std::max(plane.polarity == Polarity::plus ? m : -m, 0.0);
    }
    if (slices_ == 1) return value;
    const int bits = *settings_.cell_bits;
    const auto whole = static_cast<std::int64_t>(std::max(value, 0.0));
    return static_cast<double>((whole >> (bits * plane.slice)) & ((1 << bits) - 1));
}

int Mapping::largest_digit() const {
    if (slices_ > 1) return (1 << *settings_.cell_bits) - 1;
    return settings_.signs == Signs::differential ? n_max_ : 2 * n_max_ - 1;
}

}  // namespace attohm
