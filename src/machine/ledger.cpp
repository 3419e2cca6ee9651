#include "src/machine/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "circuits/analog_library.hpp"
#include "src/base/error.hpp"
#include "src/machine/prices.hpp"

namespace attohm {

EnergyOptions energy_options(const Settings& experiment) {
    const auto source = [&](const char* key) {
        return experiment.choice(key, {"paper", "physics"}) == "paper" ? EnergySource::paper
                                                                       : EnergySource::physics;
    };
    return {source("energy.source.in_memory"), source("energy.source.read"),
            source("energy.source.write")};
}

namespace {

void check_parts(const Settings& experiment, const AdcUse& use) {
    if (!use.timing)
        throw UserError("an ADC without an architecture has no parts that could be priced",
                        experiment.entry("energy.source.adc").where,
                        "parts with adc.architecture: ideal-uniform",
                        "energy.source.adc: survey, or adc.architecture: sar | flash | ramp");
    const double fastest =
        analog_library_settings().real("blocks.comparator_rate_GHz", {1e-3, 1e3});
    if (use.timing->clock.value() > fastest * 1e9)
        throw UserError("the comparator of an ADC's parts was not measured at this clock",
                        experiment.entry("adc.clock_GHz").where,
                        fmt::format("{:.6g} GHz with energy.source.adc: parts",
                                    use.timing->clock.value() * 1e-9),
                        fmt::format("up to {:.6g} GHz, or energy.source.adc: survey", fastest));
}

}  // namespace

std::optional<AdcUse> adc_use(const Settings& experiment) {
    if (experiment.choice("sense.readout", {"comparator", "adc"}) != "adc") return std::nullopt;
    AdcUse use;
    use.bits =
        static_cast<int>(experiment.integer_or("adc.bits", "ideal", {2.0, 16.0}).value_or(0));
    const auto keys = static_cast<double>(experiment.integer("adc.columns", {1, 65536}));
    const double read_s = experiment.real("drive.read_time_ns", {1e-3, 1e9}) * 1e-9;
    use.timing = adc_timing(experiment);
    use.rate = use.timing ? use.timing->rate() : Hertz::from_value(keys / read_s);
    use.every_read = experiment.choice("drive.accumulate", {"analog", "digital"}) == "digital";
    // Codes are signed: the range goes from -v_fs to v_fs.
    use.range = Volt::from_value(2.0 * experiment.real("sense.v_fs_V", {1e-12, 100.0}));
    const bool parts = experiment.choice("energy.source.adc", {"survey", "parts"}) == "parts";
    use.pricing = parts ? AdcPricing::parts : AdcPricing::survey;
    if (parts) check_parts(experiment, use);
    return use;
}

std::vector<LedgerLine> price(const Tally& total, std::int64_t samples, const Machine& machine,
                              const EnergyOptions& options, const std::optional<AdcUse>& adc) {
    ATTOHM_CHECK_LT(0, samples);
    if (machine.sprint() != nullptr) return price_chip(total, samples, machine, options, adc);
    return price_engine(total, samples, machine);
}

Joule total_energy(const std::vector<LedgerLine>& lines, bool with_writes) {
    Joule sum = Joule::from_value(0.0);
    for (const LedgerLine& line : lines)
        if (with_writes || !line.operand_write) sum += line.energy;
    return sum;
}

std::optional<EnergyGain> energy_gain(const std::vector<LedgerLine>& plan,
                                      const std::vector<LedgerLine>& baseline, bool with_writes) {
    const double plan_J = total_energy(plan, with_writes).value();
    const double baseline_J = total_energy(baseline, with_writes).value();
    if (!(plan_J > 0.0)) return std::nullopt;
    EnergyGain gain;
    gain.energy = gain.low = gain.high = baseline_J / plan_J;

    // How often each unknown event happens in the plan and in the baseline.
    struct Counts {
        const LedgerLine* line = nullptr;
        double plan = 0.0;
        double baseline = 0.0;
    };
    std::map<std::pair<std::string, std::string>, Counts> unknown;
    const auto collect = [&](const std::vector<LedgerLine>& lines, double Counts::*side) {
        for (const LedgerLine& line : lines) {
            if (line.known() || (line.operand_write && !with_writes)) continue;
            Counts& counts = unknown[{line.component, line.event}];
            counts.line = &line;
            counts.*side += line.count;
        }
    };
    collect(plan, &Counts::plan);
    collect(baseline, &Counts::baseline);
    // (B + sum b u) / (P + sum p u) is a weighted mean of B / P and every b / p.
    for (const auto& [id, counts] : unknown) {
        const double limit = counts.plan > 0.0 ? counts.baseline / counts.plan
                                               : std::numeric_limits<double>::infinity();
        gain.low = std::min(gain.low, limit);
        gain.high = std::max(gain.high, limit);
        BreakEven even{id.first, id.second, counts.line->unit, std::nullopt};
        const double value = (baseline_J - plan_J) / (counts.plan - counts.baseline);
        if (std::isfinite(value) && value > 0.0) even.value = value;
        gain.break_even.push_back(std::move(even));
    }
    return gain;
}

}  // namespace attohm
