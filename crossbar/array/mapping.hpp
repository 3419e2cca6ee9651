#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "src/base/units.hpp"

/// From the integer levels of a key to the conductances of its cells.
namespace attohm {

/// How a signed level becomes conductances, which are positive.
enum class Signs {
    /// Two columns a key, read as their difference: G+ = G_min + dG max(m, 0),
    /// G- = G_min + dG max(-m, 0), dG = (G_max - G_min) / n_max.
    differential,
    /// One column, G = G_min + dG (m + n_max), dG = (G_max - G_min) / (2^B - 1), less one reference
    /// column an array at G_min + dG n_max, subtracted in the analog domain.
    offset,
    /// The same cells; a column of equal cells measures sum_i V_i and the offset is subtracted
    /// behind an ADC. It cannot precede a comparator.
    unit,
};

enum class Polarity : std::uint64_t { plus = 0, minus = 1 };

/// Distinguishes the physical columns of a key in the keys of draws.
constexpr std::uint64_t plane_id(Polarity polarity, int slice = 0) {
    return 2 * static_cast<std::uint64_t>(slice) + static_cast<std::uint64_t>(polarity);
}

/// One physical column of every key: its cells hold one digit of the level.
struct Plane {
    Polarity polarity = Polarity::plus;
    int slice = 0;        ///< digit of weight 2^(cell_bits slice)
    double weight = 1.0;  ///< with which its current enters the score: +-2^(cell_bits slice)

    std::uint64_t id() const { return plane_id(polarity, slice); }
};

struct MappingSettings {
    Signs signs = Signs::differential;
    /// Bits of one cell; nothing: one cell (of a pair) holds the whole level.
    std::optional<int> cell_bits;
};

/// Levels m of B bits (n_max = 2^(B-1); without a bit count, `ideal`, levels are real numbers on
/// the scale of B = 4) as cells.
///
/// With fewer cell bits b than the level needs, its magnitude |m| (pair) or m + n_max (offset) is
/// cut into digits of b bits, one cell each, dG = (G_max - G_min) / (2^b - 1); the currents add
/// with weights 2^(b slice). With enough of them a level is one cell, with the dG of `Signs`.
///
/// Units: everything that follows a programmed level is counted in dG.
/// Source: physics.md section 2; Hu et al., DAC 2016, for the pair; Shafiee et al., ISCA 2016, for
/// slices and the unit column. Not modelled: mismatch of the weights of the slices.
class Mapping {
  public:
    static constexpr int kIdealBits = 4;

    /// Throws: InvariantError for slices of a real-valued level.
    Mapping(Siemens g_min, Siemens g_max, std::optional<int> bits, MappingSettings settings = {});

    Siemens g_min() const { return g_min_; }
    Siemens dG() const { return dG_; }
    int n_max() const { return n_max_; }
    std::optional<int> bits() const { return bits_; }
    Signs signs() const { return settings_.signs; }
    /// G_min in units of dG.
    double base_level() const { return g_min_ / dG_; }

    const std::vector<Plane>& planes() const { return planes_; }
    std::size_t columns_per_key() const { return planes_.size(); }
    bool has_reference() const { return settings_.signs != Signs::differential; }
    int slices() const { return slices_; }

    /// Digit that the cell of this plane holds for level m, in dG above G_min.
    double digit(const Plane& plane, double m) const;
    /// Digit of the reference column's cells: level 0.
    double reference_digit(const Plane& plane) const { return digit(plane, 0.0); }
    /// Largest digit there can be.
    int largest_digit() const;
    Siemens conductance(const Plane& plane, double m) const {
        return g_min_ + dG_ * digit(plane, m);
    }

  private:
    Siemens g_min_;
    Siemens dG_;
    std::optional<int> bits_;
    MappingSettings settings_;
    int n_max_ = 1;
    int slices_ = 1;
    std::vector<Plane> planes_;
};

}  // namespace attohm
