#include "src/schemes/analog_settings.hpp"

#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr double kNano = 1e-9;
constexpr double kPico = 1e-12;
constexpr double kFemto = 1e-15;
const Range kVoltage{0.0, 100.0};
const Range kResistance{0.0, 1e12};

MappingSettings load_mapping(const Settings& settings) {
    MappingSettings mapping;
    mapping.signs = pick<Signs, 3>(settings, "mapping.signs",
                                   {{{"differential-pair", Signs::differential},
                                     {"offset-column", Signs::offset},
                                     {"unit-column", Signs::unit}}});
    if (const auto bits = settings.integer_or("mapping.cell_bits", "whole", {1.0, 5.0})) {
        mapping.cell_bits = static_cast<int>(*bits);
    }
    return mapping;
}

ArraySettings load_arrays(const Settings& settings, Kelvin temperature) {
    ArraySettings arrays;
    arrays.shape.rows = static_cast<int>(settings.integer("array.rows", {1, 65536}));
    arrays.shape.columns = static_cast<int>(settings.integer("array.columns", {1, 65536}));
    arrays.unwritten = pick<Unwritten, 2>(
        settings, "array.unwritten", {{{"open", Unwritten::open}, {"reset", Unwritten::reset}}});
    const auto ohm = [&](std::string_view key) {
        return Ohm::from_value(settings.real(key, kResistance));
    };
    const double hot = wire_factor(temperature);
    arrays.wires.row = ohm("wires.row_ohm") * hot;
    arrays.wires.column = ohm("wires.column_ohm") * hot;
    arrays.wires.driver = ohm("wires.driver_ohm");
    arrays.wires.sense = ohm("wires.sense_ohm");
    arrays.wires.drive =
        pick<Drive, 2>(settings, "wires.drive",
                       {{{"one-side", Drive::one_side}, {"both-sides", Drive::both_sides}}});
    return arrays;
}

DriveSettings load_drive(const Settings& settings) {
    DriveSettings drive;
    drive.signs = pick<DriveSigns, 3>(settings, "drive.mode",
                                      {{{"bipolar", DriveSigns::bipolar},
                                        {"two-phase", DriveSigns::two_phase},
                                        {"twos-complement", DriveSigns::twos_complement}}});
    drive.coding = pick<InputCoding, 3>(settings, "drive.coding",
                                        {{{"amplitude", InputCoding::amplitude},
                                          {"bit-serial", InputCoding::bit_serial},
                                          {"pulse-width", InputCoding::pulse_width}}});
    drive.accumulation = pick<Accumulation, 2>(
        settings, "drive.accumulate",
        {{{"analog", Accumulation::analog}, {"digital", Accumulation::digital}}});
    drive.repeats = static_cast<int>(settings.integer("drive.repeats", {1, 4096}));
    drive.v_read = Volt::from_value(settings.real("drive.v_read_V", {1e-12, 100.0}));
    drive.v_supply = Volt::from_value(settings.real("drive.v_supply_V", kVoltage));
    drive.step_time = Second::from_value(settings.real("drive.read_time_ns", {1e-3, 1e9}) * kNano);
    return drive;
}

WordLineDacErrors load_dac_errors(const Settings& settings) {
    const Range lsb{0.0, 1e3};
    WordLineDacErrors dac;
    dac.inl_sigma_lsb = settings.real("dac.inl_sigma_lsb", lsb);
    dac.gain_sigma = settings.real("dac.gain_sigma", {0.0, 1.0});
    dac.offset_sigma_lsb = settings.real("dac.offset_sigma_lsb", lsb);
    dac.noise_sigma_lsb = settings.real("dac.noise_sigma_lsb", lsb);
    return dac;
}

LineCapacitances load_capacitances(const Settings& settings) {
    const auto farad = [&](std::string_view key) {
        return Farad::from_value(settings.real(key, {0.0, 1e9}) * kFemto);
    };
    LineCapacitances lines;
    lines.row = farad("wires.row_fF");
    lines.column = farad("wires.column_fF");
    return lines;
}

/// A key's cells are written row by row at once, so a key takes its pulses one after the other.
TimingSettings load_timing(const Settings& settings, const Device& device) {
    TimingSettings timing;
    const Range interval{0.0, 1e18};
    const auto write = settings.real_or("timing.write_interval_ns", "card", interval);
    timing.write_interval =
        write ? Second::from_value(*write * kNano)
              : device.write.pulse_and_verify_time() * device.write.mlc_pulses_mean;
    timing.delay = Second::from_value(settings.real("timing.delay_s", {0.0, 1e12}));
    if (const auto read = settings.real_or("timing.read_interval_ns", "back-to-back", interval)) {
        timing.read_interval = Second::from_value(*read * kNano);
    }
    return timing;
}

std::optional<DecisionTiming> load_decision_timing(const Settings& settings) {
    const auto available = settings.real_or("comparator.time_available_ns", "ideal", {0.0, 1e9});
    if (!available) return std::nullopt;
    DecisionTiming timing;
    timing.available = Second::from_value(*available * kNano);
    timing.fixed =
        Second::from_value(settings.real("comparator.time_fixed_ps", {0.0, 1e9}) * kPico);
    timing.regeneration =
        Second::from_value(settings.real("comparator.regeneration_ps", {1e-6, 1e9}) * kPico);
    timing.swing = Volt::from_value(settings.real("comparator.swing_V", {1e-6, 100.0}));
    timing.check("comparator.time_available_ns");
    return timing;
}

Comparator load_comparator(const Settings& settings) {
    Comparator comparator;
    comparator.offset_sigma =
        Volt::from_value(settings.real("comparator.offset_sigma_V", kVoltage));
    comparator.noise_sigma = Volt::from_value(settings.real("comparator.noise_sigma_V", kVoltage));
    comparator.hysteresis = Volt::from_value(settings.real("comparator.hysteresis_V", kVoltage));
    if (comparator.hysteresis.value() > 0.0) {
        comparator.reset = pick<HysteresisReset, 3>(settings, "comparator.hysteresis_reset",
                                                    {{{"head", HysteresisReset::head},
                                                      {"never", HysteresisReset::never},
                                                      {"every", HysteresisReset::every}}});
    }
    comparator.timing = load_decision_timing(settings);
    if (comparator.timing) {
        comparator.undecided = pick<Undecided, 3>(
            settings, "comparator.undecided",
            {{{"keep", Undecided::keep}, {"prune", Undecided::prune}, {"coin", Undecided::coin}}});
    }
    return comparator;
}

std::optional<OffsetTrim> load_trim(const Settings& settings) {
    const auto call = settings.call("comparator.calibration", {"none", "trim(x)"});
    if (call.name == "none") return std::nullopt;
    const double bits = *call.argument;
    if (bits != static_cast<int>(bits)) {
        throw UserError("a trim DAC has whole bits", settings.entry("comparator.calibration").where,
                        fmt::format("trim({})", bits), "trim(1) .. trim(16)");
    }
    const double range = settings.real("comparator.trim_range_V", {1e-9, 100.0});
    return OffsetTrim(static_cast<int>(bits), Volt::from_value(range));
}

/// Reads the errors that the architecture has: a key of another one is not read, and so an error.
void load_adc_architecture(const Settings& settings, AdcSettings& adc) {
    const Range fraction{0.0, 1.0};
    adc.architecture = pick<AdcArchitecture, 4>(settings, "adc.architecture",
                                                {{{"ideal-uniform", AdcArchitecture::ideal_uniform},
                                                  {"sar", AdcArchitecture::sar},
                                                  {"flash", AdcArchitecture::flash},
                                                  {"ramp", AdcArchitecture::ramp}}});
    const bool even = adc.architecture == AdcArchitecture::ideal_uniform;
    const bool flash = adc.architecture == AdcArchitecture::flash;
    if (!even && (!adc.bits || (flash && *adc.bits > FlashLadder::kMaxBits)))
        throw UserError("an ADC of this architecture cannot have these bits",
                        settings.entry("adc.bits").where, settings.text("adc.bits"),
                        flash ? fmt::format("2 to {}", FlashLadder::kMaxBits) : "2 to 16");
    if (adc.architecture == AdcArchitecture::ramp) {
        adc.slope_sigma = settings.real("adc.slope_sigma", {0.0, 0.15});
        return;
    }
    adc.gain_sigma = settings.real("adc.gain_sigma", fraction);
    if (even) adc.inl_sigma_lsb = settings.real("adc.inl_sigma_lsb", {0.0, 1e3});
    if (flash) adc.threshold_sigma = settings.real("adc.threshold_sigma", fraction);
    if (adc.architecture == AdcArchitecture::sar)
        adc.capacitor_sigma =
            settings.real("adc.capacitor_sigma", {0.0, CapacitorArray::kMaxSigma});
}

AdcSettings load_adc(const Settings& settings) {
    AdcSettings adc;
    if (const auto bits = settings.integer_or("adc.bits", "ideal", {2.0, 16.0})) {
        adc.bits = static_cast<int>(*bits);
    }
    const auto range = settings.call("adc.range", {"full-scale", "steps(x)"});
    if (range.argument) {
        if (*range.argument <= 0.0) {
            throw UserError("an ADC needs a range", settings.entry("adc.range").where,
                            fmt::format("steps({})", *range.argument), "steps(x) with x > 0");
        }
        adc.range_steps = range.argument;
    }
    adc.offset_sigma = settings.real("adc.offset_sigma", {0.0, 1.0});
    adc.noise_sigma = settings.real("adc.noise_sigma", {0.0, 1.0});
    load_adc_architecture(settings, adc);
    adc.columns = static_cast<std::size_t>(settings.integer("adc.columns", {1, 65536}));
    adc.timing = adc_timing(settings);
    return adc;
}

}  // namespace

Second AnalogSettings::conversion_time(std::size_t steps) const {
    if (!adc.timing) return {};
    const bool digital = drive.accumulation == Accumulation::digital;
    return adc.timing->round() * static_cast<double>(digital ? steps : 1);
}

Ampere AnalogSettings::i_lsb(const Mapping& map, double q_levels) const {
    const double codes = drive.coding == InputCoding::amplitude ? q_levels : 1.0;
    return drive.v_read * map.dG() / codes;
}

AdcSpec adc_spec(const AnalogSettings& analog, const CodeSettings& codes, const Mapping& mapping,
                 double n_fs, std::size_t d) {
    AdcSpec spec;
    if (analog.readout != Readout::adc) return spec;
    const std::size_t parts = analog.arrays.shape.parts(d);
    const bool bits = analog.drive.coding == InputCoding::bit_serial &&
                      analog.drive.accumulation == Accumulation::digital;
    const bool cut = parts > 1 && analog.summation == Summation::adc;
    double full_scale = n_fs;
    if (bits || cut || mapping.signs() == Signs::unit) {
        const double lines =
            static_cast<double>(cut ? std::min(d, analog.arrays.shape.word_lines()) : d);
        const double code = bits ? 1.0 : codes.q_levels();
        const double level = mapping.signs() == Signs::unit
                                 ? mapping.base_level() + 2.0 * mapping.n_max()
                                 : mapping.n_max();
        full_scale = lines * code * level;
    }
    spec.bits = analog.adc.bits;
    spec.range = {analog.adc.range_steps.value_or(full_scale), true};
    spec.errors.offset_sigma = analog.adc.offset_sigma * spec.range.full_scale;
    spec.errors.gain_sigma = analog.adc.gain_sigma;
    spec.errors.inl_sigma_lsb = analog.adc.inl_sigma_lsb;
    spec.errors.noise_sigma = analog.adc.noise_sigma * spec.range.full_scale;
    spec.architecture = analog.adc.architecture;
    spec.errors.capacitor_sigma = analog.adc.capacitor_sigma;
    spec.errors.threshold_sigma = analog.adc.threshold_sigma * spec.range.full_scale;
    spec.errors.slope_sigma = analog.adc.slope_sigma;
    spec.check("adc");
    return spec;
}

TileCircuits tile_circuits(const AnalogSettings& analog, const CodeSettings& codes,
                           const Mapping& mapping, double n_fs, std::size_t d) {
    TileCircuits circuits;
    circuits.arrays = analog.arrays;
    circuits.summation = analog.summation;
    circuits.readout = analog.readout;
    circuits.drive = analog.drive;
    circuits.drive.q_bits = codes.q_bits;
    circuits.drive.q_levels = codes.q_levels();
    circuits.sense.v_fs = analog.v_fs;
    circuits.sense.i_lsb = analog.i_lsb(mapping, codes.q_levels());
    circuits.sense.n_fs = n_fs;
    if (analog.i_max) {
        circuits.sense.n_column_max = (*analog.i_max / circuits.sense.i_lsb).value();
    }
    circuits.comparator = analog.comparator;
    circuits.trim = analog.trim;
    circuits.calibration = analog.calibration;
    circuits.dac = analog.dac;
    circuits.threshold_noise = analog.threshold_noise;
    circuits.threshold_inl_lsb = analog.threshold_inl_lsb;
    circuits.columns_per_adc = analog.adc.columns;
    circuits.adc = adc_spec(analog, codes, mapping, n_fs, d);
    return circuits;
}

std::optional<Second> settle_time(const AnalogSettings& analog, const Mapping& mapping, int bits) {
    const LineCapacitances& lines = analog.capacitances;
    const bool charged = lines.row.value() > 0.0 || lines.column.value() > 0.0;
    if (analog.arrays.wires.none() || !charged) return std::nullopt;
    const ArrayShape& shape = analog.arrays.shape;
    const std::size_t references = mapping.signs() == Signs::differential ? 0 : 1;
    const std::size_t columns = (shape.slots() + references) * mapping.columns_per_key();
    const double middle = 0.5 * (analog.device.g_min.value() + analog.device.g_max.value());
    const Matrix<double> conductance(shape.word_lines(), columns, middle);
    return settling(conductance.view(), analog.arrays.wires, lines).settle_time(bits);
}

AnalogSettings load_analog_settings(const Settings& settings) {
    AnalogSettings analog;
    analog.device = load_device(settings);
    analog.placement = pick<Placement, 2>(
        settings, "placement", {{{"own", Placement::own}, {"shared", Placement::shared}}});
    analog.mapping = load_mapping(settings);
    analog.arrays = load_arrays(settings, analog.device.temperature);
    analog.summation = pick<Summation, 3>(settings, "array.long_keys",
                                          {{{"current", Summation::current},
                                            {"charge", Summation::charge},
                                            {"adc", Summation::adc}}});
    analog.capacitances = load_capacitances(settings);
    analog.drive = load_drive(settings);
    analog.dac = load_dac_errors(settings);
    analog.device.validity.require_read(analog.drive.v_read,
                                        settings.entry("drive.v_read_V").where);
    analog.timing = load_timing(settings, analog.device);
    analog.readout = pick<Readout, 2>(
        settings, "sense.readout", {{{"comparator", Readout::comparator}, {"adc", Readout::adc}}});
    analog.v_fs = Volt::from_value(settings.real("sense.v_fs_V", {1e-12, 100.0}));
    if (const auto i_max = settings.real_or("sense.i_max_A", "ideal", {1e-12, 1e3})) {
        analog.i_max = Ampere::from_value(*i_max);
    }
    analog.calibration =
        pick<ThresholdCalibration, 3>(settings, "threshold.calibration",
                                      {{{"none", ThresholdCalibration::none},
                                        {"array", ThresholdCalibration::array},
                                        {"column", ThresholdCalibration::column}}});
    if (analog.readout == Readout::adc) {
        analog.adc = load_adc(settings);
    } else {
        // A threshold behind an ADC is a number.
        analog.threshold_noise =
            Volt::from_value(settings.real("threshold.noise_sigma_V", {0.0, 100.0}));
        analog.threshold_inl_lsb = settings.real("threshold.inl_sigma_lsb", {0.0, 1e3});
        if (analog.threshold_inl_lsb > 0.0 && settings.text("threshold.dac_bits") == "ideal") {
            throw UserError(
                "an ideal threshold DAC has no codes that could be off",
                settings.entry("threshold.inl_sigma_lsb").where,
                fmt::format("{} with threshold.dac_bits: ideal", analog.threshold_inl_lsb),
                "0, or a number of threshold.dac_bits");
        }
        analog.comparator = load_comparator(settings);
        analog.trim = load_trim(settings);
    }
    return analog;
}

}  // namespace attohm
