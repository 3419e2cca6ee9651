#include "circuits/digital.hpp"

#include <fmt/format.h>

#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// Energy of one access in pJ, log-log between the table's points.
double sram_access_pJ(const Settings& settings, double bank_KB) {
    const auto sizes = settings.reals("digital.sram_KB", kPositive);
    const auto energies = settings.reals("digital.sram_access_pJ", kPositive);
    const std::string& where = settings.entry("digital.sram_KB").where;
    if (sizes.empty() || sizes.size() != energies.size())
        throw UserError("`digital.sram_KB` and `digital.sram_access_pJ` do not pair up", where,
                        fmt::format("{} and {} values", sizes.size(), energies.size()),
                        "one energy per capacity");
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i)
        if (sizes[i] >= sizes[i + 1])
            throw UserError("`digital.sram_KB` does not rise", where,
                            fmt::format("{} before {}", sizes[i], sizes[i + 1]), "rising values");
    if (bank_KB < sizes.front() || bank_KB > sizes.back())
        throw UserError("`machine.sram_bank_KB` is outside the SRAM points",
                        settings.entry("machine.sram_bank_KB").where, fmt::format("{}", bank_KB),
                        fmt::format("{} to {} KB", sizes.front(), sizes.back()));
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
        if (bank_KB > sizes[i + 1]) continue;
        const double share = std::log(bank_KB / sizes[i]) / std::log(sizes[i + 1] / sizes[i]);
        return energies[i] * std::pow(energies[i + 1] / energies[i], share);
    }
    return energies.back();
}

/// Adds the carrying to another node to a number's provenance.
Cited carried(Cited point, double factor, double node_nm, double vdd_V) {
    point.value *= factor;
    point.source += fmt::format("; x {:.3f} for {} nm and {} V (assumed)", factor, node_nm, vdd_V);
    point.mark = Mark::assumed;
    return point;
}

}  // namespace

DigitalUnits digital_units(const Settings& settings, double node_nm, double vdd_V,
                           double sram_bank_KB) {
    const auto point = [&](const char* key) { return cited(settings, key, kPico, kPositive); };
    const Cited fp16_mul = point("digital.fp16_mul_pJ");
    const Cited fp32_add = point("digital.fp32_add_pJ");
    const Cited fp32_mul = point("digital.fp32_mul_pJ");
    const double node_ratio = node_nm / settings.real("digital.reference_node_nm", kPositive);
    const double supply_ratio = vdd_V / settings.real("digital.reference_vdd_V", kPositive);
    const auto count = [&](const char* key) {
        return static_cast<double>(settings.integer(key, {0, 1000}));
    };

    DigitalUnits units;
    units.node_factor = node_ratio * supply_ratio * supply_ratio;
    const auto carry = [&](Cited c) {
        return carried(std::move(c), units.node_factor, node_nm, vdd_V);
    };
    const Cited mul8 = carry(point("digital.int8_mul_pJ"));
    const Cited accumulate = carry(point("digital.int32_add_pJ"));
    units.mac8 = {mul8.value + accumulate.value,
                  "multiplication (" + mul8.source + ") + addition (" + accumulate.source + ")",
                  Mark::assumed};
    const double access_pJ = sram_access_pJ(settings, sram_bank_KB);
    const auto access_bits =
        static_cast<double>(settings.integer("digital.sram_access_bits", {1, 1e6}));
    units.sram_bit = carry({access_pJ * kPico / access_bits,
                            settings.entry("digital.sram_access_pJ").source, Mark::cited});
    units.softmax_element =
        carry({count("digital.softmax_element_fp16_mul") * fp16_mul.value +
                   count("digital.softmax_element_fp32_add") * fp32_add.value,
               "operations of " + fp32_add.source + ", their number assumed", Mark::assumed});
    units.softmax_row =
        carry({count("digital.softmax_row_fp32_mul") * fp32_mul.value +
                   count("digital.softmax_row_fp32_add") * fp32_add.value,
               "operations of " + fp32_add.source + ", their number assumed", Mark::assumed});
    return units;
}

}  // namespace attohm
