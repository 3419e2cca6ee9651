#include "circuits/digital.hpp"

#include "circuits/digital_library.hpp"
#include "circuits/figure_sum.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

/// A bank is priced between the published capacities only; the library itself goes further.
void require_bank_inside(const Settings& settings, double bank_KB) {
    const std::vector<double> sizes = settings.reals("digital.sram_KB", kPositive);
    if (bank_KB >= sizes.front() && bank_KB <= sizes.back()) return;
    throw UserError("`machine.sram_bank_KB` is outside the SRAM points",
                    settings.entry("machine.sram_bank_KB").where, fmt::format("{}", bank_KB),
                    fmt::format("{} to {} KB", sizes.front(), sizes.back()));
}

}  // namespace

DigitalUnits digital_units(const Settings& settings, double node_nm, double vdd_V,
                           double sram_bank_KB) {
    const DigitalLibrary library(settings, node_nm, Volt::from_value(vdd_V));
    const auto energy = [&](OpKind kind, NumberFormat format, int bits) {
        return library.unit(kind, format, bits).energy.value();
    };
    DigitalUnits units;
    units.node_factor = library.node_factor_energy().value;
    units.mac8 = energy(OpKind::matmul, NumberFormat::integer, 8);
    require_bank_inside(settings, sram_bank_KB);
    const int line_bits = static_cast<int>(settings.integer("digital.sram_access_bits", {1, 1e6}));
    units.sram_bit = library.sram(sram_bank_KB, line_bits).energy.value();
    // The exponential, its place in the sum, its product with the reciprocal of the row.
    units.softmax_element =
        FigureSum()
            .add(1.0, "exponential", energy(OpKind::exp, NumberFormat::floating, 16))
            .add(1.0, "addition", energy(OpKind::accumulate, NumberFormat::floating, 16))
            .add(1.0, "multiplication", energy(OpKind::multiply, NumberFormat::floating, 16))
            .total()
            .value();
    units.softmax_row = energy(OpKind::reciprocal, NumberFormat::floating, 32);
    return units;
}

}  // namespace attohm
