#include <fmt/format.h>

#include "circuits/adc_cost.hpp"
#include "circuits/analog_library.hpp"
#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"
#include "src/machine/line_maker.hpp"
#include "src/machine/plans/chip_tally.hpp"
#include "src/machine/prices.hpp"

/// Prices of what the plans of the SPRINT chip count.
namespace attohm {

namespace {

/// Lines from the chip's counts.
class ChipLines {
  public:
    ChipLines(const Tally& total, std::int64_t samples)
        : total_(total), samples_(static_cast<double>(samples)) {}

    double per_inference(Count count) const {
        return static_cast<double>(total_.counted(static_cast<CountId>(count))) / samples_;
    }
    double joules(Measured measured) const {
        return total_.measured(static_cast<CountId>(measured));
    }
    double samples() const { return samples_; }

    void priced(std::string component, Count count, const Cited& unit, std::string energy_source,
                std::string scope, bool operand_write = false) {
        lines_.priced(head(std::move(component), count, std::move(scope), operand_write), unit,
                      std::move(energy_source));
    }
    void priced(LineHead head, const Cited& unit, std::string energy_source) {
        lines_.priced(std::move(head), unit, std::move(energy_source));
    }
    /// Args: joules: summed over samples.
    void measured(std::string component, Count count, double joules, std::string scope,
                  bool operand_write = false) {
        lines_.measured(head(std::move(component), count, std::move(scope), operand_write),
                        joules / samples_);
    }
    void unknown(std::string component, Count count, std::string scope,
                 bool operand_write = false) {
        lines_.unknown(head(std::move(component), count, std::move(scope), operand_write));
    }
    void unknown(LineHead head) { lines_.unknown(std::move(head)); }
    LineMaker& lines() { return lines_; }

  private:
    LineHead head(std::string component, Count count, std::string scope, bool operand_write) const {
        const ChipCount& info = count_info(count);
        return {std::move(component), info.name,        info.unit,
                per_inference(count), std::move(scope), operand_write};
    }

    const Tally& total_;
    double samples_;
    LineMaker lines_;
};

/// What the drivers lose between their supply and the cells; nothing at all is a legal loss.
void price_drivers(ChipLines& make, double supply_J, double cells_J) {
    const std::string scope = "lost between the drivers' supply and the cells";
    const double reads = make.per_inference(Count::array_read);
    if (reads == 0.0) return;
    const double loss = (supply_J - cells_J) / make.samples() / reads;
    if (cells_J > 0.0 && loss >= 0.0)
        make.priced(
            "word_line_driver", Count::array_read,
            {loss, "supply charge times voltage, less what the cells dissipate", Mark::choice},
            "physics", scope);
    else
        make.unknown("word_line_driver", Count::array_read, scope);
}

/// Part by part; at a node or supply that figures are not carried to, all are unknown.
void price_adc_parts(ChipLines& make, const Machine& m, const AdcUse& adc, const std::string& how) {
    const AdcTiming& timing = *adc.timing;
    const std::string scope =
        fmt::format("{}, {}", how, adc_architecture_name(timing.architecture));
    try {
        const AnalogLibrary library(analog_library_settings(), m.node_nm,
                                    Volt::from_value(m.vdd_V));
        for (const UnitCost& part :
             library.adc_parts(timing.architecture, timing.bits, timing.clock, adc.range)) {
            if (part.energy)
                make.priced(part.circuit, Count::adc_conversion, *part.energy, "parts", scope);
            else
                make.unknown(part.circuit, Count::adc_conversion, scope);
        }
        make.unknown("adc_sampling", Count::adc_conversion, scope + ": driver of its input");
    } catch (const UserError& not_carried) {
        make.unknown("adc", Count::adc_conversion, scope + ": no figures at this node or supply");
    }
}

/// No paper of these schemes has an ADC: the same price under every pricing.
void price_adcs(ChipLines& make, const Machine& m, const std::optional<AdcUse>& adc) {
    const std::string scope = "conversion of a column output";
    if (make.per_inference(Count::adc_conversion) == 0.0) return;
    if (!adc || adc->bits == 0) {
        make.unknown("adc", Count::adc_conversion, scope + " by an ideal ADC");
        return;
    }
    const std::string how = fmt::format("{}, {} bits at {:.4g} MS/s and {} nm", scope, adc->bits,
                                        adc->rate.value() * 1e-6, m.node_nm);
    if (adc->pricing == AdcPricing::parts) {
        price_adc_parts(make, m, *adc, how);
        return;
    }
    const Settings table = Settings::from_text(*circuit_table("adc"), "table adc");
    const AdcSurveyFit fit(table);
    try {
        const AdcCost cost = fit.cost(adc->bits, m.node_nm, adc->rate, "adc");
        make.priced("adc", Count::adc_conversion, cost.energy, "survey", how);
    } catch (const UserError& outside) {
        make.unknown("adc", Count::adc_conversion, how + ": outside the survey fit");
    }
}

void price_in_memory(ChipLines& make, const SprintChip& m, EnergySource source) {
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
    const std::string ground = "virtual ground of a key's column, on for one thresholding (tAxTh)";
    if (m.column_sense)
        make.priced("column_sense", Count::column_read, *m.column_sense, "physics", ground);
    else
        make.unknown("column_sense", Count::column_read, ground);
    make.unknown("threshold_dac", Count::threshold_conversion, "threshold setting");
}

void price_writes(ChipLines& make, const SprintChip& m, EnergySource source) {
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
    make.unknown({"memory_periphery_write", "bit_written", "bit", bits,
                  "decoders, select lines and I/O of operand writes", true});
    make.unknown({"memory_periphery_write", "bit_written", "bit",
                  make.per_inference(Count::spill_bit_write),
                  "decoders, select lines and I/O of spills"});
}

void price_reads(ChipLines& make, const SprintChip& m, EnergySource source) {
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
            make.priced({"reram_read", "slc_bit_read", "bit", slc_bits, scope}, cells, "physics");
        else
            make.unknown({"reram_read", "slc_bit_read", "bit", slc_bits, scope});
        make.priced({"reram_read", "slc_sense", "decision", slc_bits,
                     "sense decisions of single-level bits"},
                    m.analog.comparator, "physics");
    }
    const double moved =
        slc_bits + make.per_inference(Count::mlc_bit_read) + make.per_inference(Count::read_p_bit);
    make.unknown({"memory_periphery_read", "bit_read", "bit", moved,
                  "decoders, bit lines, multiplexers and I/O of reads and of ReadP"});
}

void price_digital(ChipLines& make, const SprintChip& m) {
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

std::vector<LedgerLine> price_chip(const Tally& total, std::int64_t samples, const Machine& machine,
                                   const EnergyOptions& options, const std::optional<AdcUse>& adc) {
    const SprintChip& chip = *machine.sprint();
    ChipLines make(total, samples);
    price_in_memory(make, chip, options.in_memory);
    price_adcs(make, machine, adc);
    price_writes(make, chip, options.write);
    price_reads(make, chip, options.read);
    price_digital(make, chip);
    const auto seconds = [&](std::int64_t cycles) {
        return static_cast<double>(cycles) / static_cast<double>(samples) / chip.clock_Hz;
    };
    make.lines().powered("leakage_and_clock", seconds(total.latency_cycles_without_writes), {},
                         "chip and memory");
    make.lines().powered("leakage_and_clock",
                         seconds(total.latency_cycles - total.latency_cycles_without_writes), {},
                         "chip and memory while operands are written", true);
    return make.lines().take();
}

}  // namespace attohm
