#include "src/machine/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "circuits/adc_cost.hpp"
#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

/// Builds the lines of one plan. A line with nothing counted is not made.
class LineMaker {
  public:
    LineMaker(const PlanTally& total, std::int64_t samples)
        : total_(total), samples_(static_cast<double>(samples)) {}

    double per_inference(Count count) const {
        return static_cast<double>(total_[count]) / samples_;
    }

    LedgerLine& start(std::string component, std::string_view event, std::string_view count_unit,
                      double count, std::string scope) {
        LedgerLine line;
        line.component = std::move(component);
        line.event = event;
        line.count_unit = count_unit;
        line.count = count;
        line.unit = "J/" + line.count_unit;
        line.energy_source = "unknown";
        line.source = "no figure";
        line.scope = std::move(scope);
        lines_.push_back(std::move(line));
        return lines_.back();
    }

    void priced(std::string component, Count count, const Cited& unit, std::string energy_source,
                std::string scope, bool operand_write = false) {
        priced(std::move(component), count_info(count).name, count_info(count).unit,
               per_inference(count), unit, std::move(energy_source), std::move(scope),
               operand_write);
    }

    void priced(std::string component, std::string_view event, std::string_view count_unit,
                double count, const Cited& unit, std::string energy_source, std::string scope,
                bool operand_write = false) {
        if (count == 0.0) return;
        LedgerLine& line = start(std::move(component), event, count_unit, count, std::move(scope));
        line.unit_energy = unit.value;
        line.energy = Joule::from_value(count * unit.value);
        line.energy_source = std::move(energy_source);
        line.source = unit.source;
        line.mark = unit.mark;
        line.operand_write = operand_write;
    }

    /// A total that physics measured; unknown where the scheme could not say (NaN or nothing).
    void measured(std::string component, Count count, double joules, std::string scope,
                  bool operand_write = false) {
        const double events = per_inference(count);
        if (events == 0.0) return;
        LedgerLine& line = start(std::move(component), count_info(count).name,
                                 count_info(count).unit, events, std::move(scope));
        line.operand_write = operand_write;
        if (!(joules > 0.0)) return;
        line.energy = Joule::from_value(joules / samples_);
        line.unit_energy = line.energy.value() / events;
        line.energy_source = "physics";
        line.source = "sum of V^2 G t over the device model";
    }

    void unknown(std::string component, std::string_view event, std::string_view count_unit,
                 double count, std::string scope, bool operand_write = false) {
        if (count == 0.0) return;
        start(std::move(component), event, count_unit, count, std::move(scope)).operand_write =
            operand_write;
    }

    void unknown_power(double seconds, std::string scope, bool operand_write) {
        if (seconds == 0.0) return;
        LedgerLine& line = start("leakage_and_clock", "powered", "s", seconds, std::move(scope));
        line.unit = "W";
        line.operand_write = operand_write;
    }

    void unknown(std::string component, Count count, std::string scope,
                 bool operand_write = false) {
        unknown(std::move(component), count_info(count).name, count_info(count).unit,
                per_inference(count), std::move(scope), operand_write);
    }

    double joules(Measured measured) const { return total_[measured]; }
    double samples() const { return samples_; }
    std::vector<LedgerLine> take() { return std::move(lines_); }

  private:
    const PlanTally& total_;
    double samples_;
    std::vector<LedgerLine> lines_;
};

/// What the drivers lose between their supply and the cells; nothing at all is a legal loss.
void price_drivers(LineMaker& make, double supply_J, double cells_J) {
    const std::string scope = "lost between the drivers' supply and the cells";
    const double reads = make.per_inference(Count::array_read);
    if (reads == 0.0) return;
    const double loss = (supply_J - cells_J) / make.samples() / reads;
    if (cells_J > 0.0 && loss >= 0.0)
        make.priced(
            "word_line_driver", count_info(Count::array_read).name,
            count_info(Count::array_read).unit, reads,
            {loss, "supply charge times voltage, less what the cells dissipate", Mark::choice},
            "physics", scope);
    else
        make.unknown("word_line_driver", Count::array_read, scope);
}

/// No paper of these schemes has an ADC: the survey's price under every pricing.
void price_adcs(LineMaker& make, const Machine& m, const std::optional<AdcUse>& adc) {
    const std::string scope = "conversion of a column output";
    if (make.per_inference(Count::adc_conversion) == 0.0) return;
    if (!adc || adc->bits == 0) {
        make.unknown("adc", Count::adc_conversion, scope + " by an ideal ADC");
        return;
    }
    const std::string how = fmt::format("{}, {} bits at {:.4g} MS/s and {} nm", scope, adc->bits,
                                        adc->rate.value() * 1e-6, m.node_nm);
    const Settings table = Settings::from_text(*circuit_table("adc"), "table adc");
    const AdcSurveyFit fit(table);
    try {
        const AdcCost cost = fit.cost(adc->bits, m.node_nm, adc->rate, "adc");
        make.priced("adc", Count::adc_conversion, cost.energy, "survey", how);
    } catch (const UserError& outside) {
        make.unknown("adc", Count::adc_conversion, how + ": outside the survey fit");
    }
}

void price_in_memory(LineMaker& make, const Machine& m, EnergySource source) {
    if (source == EnergySource::paper) {
        make.priced("in_memory", Count::in_memory_mac, m.memory.in_memory_mac, "paper",
                    "in-memory scores; DACs and comparators taken as included");
        return;
    }
    const double cells = make.joules(Measured::in_memory_cell);
    const double supply = make.joules(Measured::in_memory_driver);
    make.measured("in_memory", Count::array_read, cells, "cells, reference columns included");
    price_drivers(make, supply, cells);
    Cited dac = m.analog.dac_power;
    dac.value *= static_cast<double>(m.memory.t_ax_th_cycles) / m.clock_Hz;
    dac.source += "; on for one thresholding (tAxTh)";
    dac.mark = Mark::assumed;
    make.priced("word_line_dac", Count::dac_unit, dac, "physics", "conversion, without the driver");
    make.unknown("word_line_dac", Count::dac_unpriced, "conversion of a width without a figure");
    make.priced("comparator", Count::comparator_decision, m.analog.comparator, "physics",
                "one decision per column and query");
    make.unknown("column_sense", Count::comparator_decision,
                 "virtual ground and sense amplifier of a column");
    make.unknown("column_sense", Count::adc_conversion,
                 "virtual ground and sense amplifier of a column");
    make.unknown("threshold_dac", Count::threshold_conversion, "threshold setting");
}

void price_writes(LineMaker& make, const Machine& m, EnergySource source) {
    const std::string msb = "K MSBs into multi-level cells";
    const std::string slc = "Q, V and the rest of K into single-level cells";
    const std::string spill = "partial outputs into single-level cells";
    if (source == EnergySource::paper) {
        make.priced("reram_write", Count::mlc_bit_write, m.memory.write_bit, "paper", msb, true);
        make.priced("reram_write", Count::slc_bit_write, m.memory.write_bit, "paper", slc, true);
        make.priced("reram_spill", Count::spill_bit_write, m.memory.write_bit, "paper", spill);
        return;
    }
    make.measured("reram_write", Count::mlc_cell_write, make.joules(Measured::mlc_write),
                  msb + ", pulses and verify reads", true);
    make.measured("reram_write", Count::slc_bit_write, make.joules(Measured::slc_write), slc, true);
    make.measured("reram_spill", Count::spill_bit_write, make.joules(Measured::spill_write), spill);
    const double bits =
        make.per_inference(Count::mlc_bit_write) + make.per_inference(Count::slc_bit_write);
    make.unknown("memory_periphery_write", "bit_written", "bit", bits,
                 "decoders, select lines and I/O of operand writes", true);
    make.unknown("memory_periphery_write", "bit_written", "bit",
                 make.per_inference(Count::spill_bit_write),
                 "decoders, select lines and I/O of spills");
}

void price_reads(LineMaker& make, const Machine& m, EnergySource source) {
    if (source == EnergySource::paper) {
        const Cited& bit = m.memory.read_bit;
        make.priced("reram_read", Count::mlc_bit_read, bit, "paper", "K MSBs of fetched keys");
        make.priced("reram_read", Count::slc_bit_read, bit, "paper", "Q, V and the rest of K");
        make.priced("reram_spill", Count::spill_bit_read, bit, "paper", "partial outputs");
        make.priced("reram_read", Count::copy_q_bit, bit, "paper",
                    "CopyQ, taken as a read of q at word-line width");
        make.priced("reram_read", Count::read_p_bit, bit, "paper", "ReadP, taken as a normal read");
        return;
    }
    make.measured("reram_read", Count::mlc_sense, make.joules(Measured::mlc_read),
                  "cells of the K MSBs");
    make.priced("reram_read", Count::mlc_sense, m.analog.comparator, "physics",
                "sense decisions of the K MSBs");
    const double slc_bits = make.per_inference(Count::slc_bit_read) +
                            make.per_inference(Count::spill_bit_read) +
                            make.per_inference(Count::copy_q_bit);
    if (slc_bits > 0.0) {
        const Cited cells{make.joules(Measured::slc_read) / make.samples() / slc_bits,
                          "sum of V^2 G t over the device model", Mark::choice};
        const std::string scope = "cells of single-level bits, spills and CopyQ included";
        if (cells.value > 0.0)
            make.priced("reram_read", "slc_bit_read", "bit", slc_bits, cells, "physics", scope);
        else
            make.unknown("reram_read", "slc_bit_read", "bit", slc_bits, scope);
        make.priced("reram_read", "slc_sense", "decision", slc_bits, m.analog.comparator, "physics",
                    "sense decisions of single-level bits");
    }
    const double moved =
        slc_bits + make.per_inference(Count::mlc_bit_read) + make.per_inference(Count::read_p_bit);
    make.unknown("memory_periphery_read", "bit_read", "bit", moved,
                 "decoders, bit lines, multiplexers and I/O of reads and of ReadP");
}

void price_digital(LineMaker& make, const Machine& m) {
    make.priced("kv_buffer", Count::buffer_bit_write, m.digital.sram_bit, "digital", "SRAM banks");
    make.priced("kv_buffer", Count::buffer_bit_read, m.digital.sram_bit, "digital", "SRAM banks");
    make.priced("qk_pu", Count::qk_mac, m.digital.mac8, "digital", "multiplier and accumulator");
    make.priced("softmax", Count::softmax_element, m.digital.softmax_element, "digital",
                "exponential, sum, normalisation");
    make.priced("softmax", Count::softmax_row, m.digital.softmax_row, "digital", "reciprocal");
    make.priced("v_pu", Count::sv_mac, m.digital.mac8, "digital", "multiplier and accumulator");
    make.unknown("locality_engine", Count::locality_bit, "request and reuse vectors, residency");
}

}  // namespace

EnergyOptions energy_options(const Settings& experiment) {
    const auto source = [&](const char* key) {
        return experiment.choice(key, {"paper", "physics"}) == "paper" ? EnergySource::paper
                                                                       : EnergySource::physics;
    };
    return {source("energy.source.in_memory"), source("energy.source.read"),
            source("energy.source.write")};
}

std::optional<AdcUse> adc_use(const Settings& experiment) {
    if (experiment.choice("sense.readout", {"comparator", "adc"}) != "adc") return std::nullopt;
    AdcUse use;
    use.bits =
        static_cast<int>(experiment.integer_or("adc.bits", "ideal", {2.0, 16.0}).value_or(0));
    const auto keys = static_cast<double>(experiment.integer("adc.columns", {1, 65536}));
    use.rate =
        Hertz::from_value(keys / (experiment.real("drive.read_time_ns", {1e-3, 1e9}) * 1e-9));
    return use;
}

std::vector<LedgerLine> price(const PlanTally& total, std::int64_t samples, const Machine& machine,
                              const EnergyOptions& options, const std::optional<AdcUse>& adc) {
    ATTOHM_CHECK_LT(0, samples);
    LineMaker make(total, samples);
    price_in_memory(make, machine, options.in_memory);
    price_adcs(make, machine, adc);
    price_writes(make, machine, options.write);
    price_reads(make, machine, options.read);
    price_digital(make, machine);
    const auto seconds = [&](std::int64_t cycles) {
        return static_cast<double>(cycles) / static_cast<double>(samples) / machine.clock_Hz;
    };
    make.unknown_power(seconds(total.latency_cycles_without_writes), "chip and memory", false);
    make.unknown_power(seconds(total.latency_cycles - total.latency_cycles_without_writes),
                       "chip and memory while operands are written", true);
    return make.take();
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
