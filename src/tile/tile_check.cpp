#include "src/tile/tile_check.hpp"

#include "src/base/error.hpp"
#include "src/tile/solved_columns.hpp"

namespace attohm {

namespace {

/// One combination that is refused.
struct Refusal {
    bool applies;
    const char* what;
    const char* key;
    const char* got;
    const char* allowed;
};

/// What the rules below speak of.
struct Facts {
    bool comparator, amplitude, real_q, selector, memory, columns;
};

Facts facts_of(const TileCircuits& circuits, const Device& device) {
    const SelectorLaw selector = device.cell.selector.law;
    return {circuits.readout == Readout::comparator,
            circuits.drive.coding == InputCoding::amplitude,
            !circuits.drive.q_bits,
            selector != SelectorLaw::none,
            !device.slow_noise.none() || !device.telegraph.none(),
            circuits.readout == Readout::adc || circuits.sense.n_column_max.has_value()};
}

void refuse_first(std::initializer_list<Refusal> rules,
                  const std::function<std::string(std::string_view)>& where) {
    for (const Refusal& rule : rules) {
        if (rule.applies) throw UserError(rule.what, where(rule.key), rule.got, rule.allowed);
    }
}

}  // namespace

void check_tile(const TileCircuits& circuits, const Mapping& mapping, const Device& device,
                const std::function<std::string(std::string_view)>& where) {
    const Facts f = facts_of(circuits, device);
    const DriveSettings& drive = circuits.drive;
    const bool bits = drive.coding == InputCoding::bit_serial;
    // Arrays that are solved read by read take any cell at any voltage.
    const bool solved = SolvedColumns::needed(circuits, device);
    const bool selected_amplitude = f.selector && f.amplitude && !solved;
    refuse_first(
        {
            {f.comparator && mapping.signs() == Signs::unit,
             "a unit column is subtracted digitally and cannot precede a comparator",
             "mapping.signs", "unit-column with sense.readout: comparator",
             "sense.readout: adc, or mapping.signs: differential-pair | offset-column"},
            {f.comparator && drive.accumulation == Accumulation::digital,
             "bits that add digitally are converted first", "drive.accumulate",
             "digital with sense.readout: comparator",
             "sense.readout: adc, or drive.accumulate: analog"},
            {f.comparator && circuits.summation == Summation::adc,
             "parts of a key that add digitally are converted first", "array.long_keys",
             "adc with sense.readout: comparator",
             "sense.readout: adc, or array.long_keys: current | charge"},
            {!f.comparator && circuits.summation == Summation::charge,
             "shared charge ends in one comparator", "array.long_keys",
             "charge with sense.readout: adc", "array.long_keys: current | adc"},
            {bits && f.real_q, "a real-valued code has no bits", "drive.coding",
             "bit-serial with bits.q: ideal",
             "bits.q: 2..8, or drive.coding: amplitude | pulse-width"},
            {drive.signs == DriveSigns::twos_complement && !bits,
             "two's complement is a coding of bits", "drive.mode",
             "twos-complement without drive.coding: bit-serial",
             "drive.coding: bit-serial, or drive.mode: bipolar | two-phase"},
            {selected_amplitude && f.real_q,
             "a selector needs word-line voltages that can be listed", "bits.q",
             "ideal with a selector under amplitude input",
             "bits.q: 2..8, or drive.coding: pulse-width"},
            {selected_amplitude && f.memory,
             "cells with selectors and slow noise are read at one voltage only", "drive.coding",
             "amplitude, a selector, and 1/f or telegraph noise",
             "drive.coding: bit-serial | pulse-width, or device.slow_noise.scale: 0"},
            {selected_amplitude && f.columns,
             "single columns of cells with selectors are read at one voltage only", "drive.coding",
             "amplitude with an ADC or sense.i_max_A",
             "drive.coding: bit-serial | pulse-width, or a card without selector"},
            {f.selector && !circuits.dac.none(),
             "cells with selectors are read at voltages that are known beforehand",
             "dac.noise_sigma_lsb", "errors of the word-line DACs with a selector",
             "dac.*: 0, or a card without selector"},
            {!f.amplitude && !circuits.dac.none(),
             "a driver of one bit has no codes that could be off", "dac.inl_sigma_lsb",
             "errors of the word-line DACs without drive.coding: amplitude",
             "drive.coding: amplitude, or dac.*: 0"},
        },
        where);
}

}  // namespace attohm
