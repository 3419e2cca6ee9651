#include "circuits/analog_library.hpp"

#include <algorithm>
#include <cmath>

#include "circuits/circuit_tables.hpp"
#include "circuits/rc_settling.hpp"
#include "circuits/sample_hold.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr double kNano = 1e-9;
constexpr double kGiga = 1e9;

}  // namespace

Settings analog_library_settings() {
    Settings settings = Settings::from_text(*circuit_table("analog-blocks"), "analog-blocks.yaml");
    for (const char* table : {"analog-65nm", "adc", "horowitz-45nm"})
        settings.extend(Settings::from_text(*circuit_table(table), std::string(table) + ".yaml"));
    return settings;
}

void require_dac_power(const std::string& where, double power_W, const Settings& blocks) {
    const std::vector<double> points_uW = blocks.reals("blocks.dac_points_uW_per_bit1", kPositive);
    const double ratio = blocks.real("blocks.dac_points_ratio", {1.0, 100.0});
    const double power_uW = power_W / kMicro;
    ATTOHM_CHECK(!points_uW.empty());
    const bool near = std::any_of(points_uW.begin(), points_uW.end(), [&](double point) {
        return power_uW <= point * ratio && power_uW >= point / ratio;
    });
    if (near) return;
    const auto [low, high] = std::minmax_element(points_uW.begin(), points_uW.end());
    throw UserError("power of a 1-bit DAC is far from every published one (uW)", where,
                    fmt::format("{:.4g}", power_uW),
                    fmt::format("{:.4g} to {:.4g}", *low / ratio, *high * ratio));
}

AnalogLibrary::AnalogLibrary(const Settings& settings, double node_nm, Volt vdd)
    : settings_(settings),
      scaling_(settings, {node_nm, vdd}),
      survey_(settings),
      node_nm_(node_nm),
      vdd_(vdd) {
    require_dac_power(settings_.entry("analog.dac_uW_per_bit1").where,
                      settings_.real("analog.dac_uW_per_bit1", kPositive) * kMicro, settings_);
}

Cited AnalogLibrary::block(const char* key, double si_factor) const {
    return cited(settings_, std::string("blocks.") + key, si_factor, kPositive);
}

Cited AnalogLibrary::assumed(double value, std::string source) const {
    return {value, std::move(source), Mark::assumed};
}

UnitCost AnalogLibrary::comparator() const {
    const ProcessPoint from{settings_.real("blocks.comparator_node_nm", kPositive),
                            Volt::from_value(settings_.real("blocks.comparator_vdd_V", kPositive))};
    UnitCost cost{"comparator", "decision", {}, {}, {}, {}, {}};
    cost.energy = carried(cited(settings_, "analog.comparator_fJ", kFemto, kPositive),
                          scaling_.energy(from).value, scaling_.energy(from));
    cost.latency = carried(block("comparator_delay_ps", kPico), scaling_.delay(from).value,
                           scaling_.delay(from));
    return cost;
}

Cited AnalogLibrary::line_capacitance(const char* key, std::size_t cells) const {
    Cited line = block(key, kFemto);
    line.value *= static_cast<double>(cells);
    const double from = settings_.real("blocks.line_node_nm", kPositive);
    return carried(line, node_nm_ / from, {1.0, "capacitance per cell ~ node", Mark::assumed});
}

UnitCost AnalogLibrary::line(const char* circuit, const char* key, std::size_t cells,
                             Volt swing) const {
    UnitCost cost{circuit, "charge", {}, {}, {}, {}, {}};
    Cited energy = line_capacitance(key, cells);
    energy.value *= swing.value() * swing.value();
    energy.source += "; C V^2 from the supply";
    cost.energy = energy;
    return cost;
}

UnitCost AnalogLibrary::word_line(std::size_t cells, Volt swing) const {
    return line("word_line", "word_line_fF_per_cell", cells, swing);
}

UnitCost AnalogLibrary::column_line(std::size_t cells, Volt swing) const {
    return line("column_line", "column_line_fF_per_cell", cells, swing);
}

UnitCost AnalogLibrary::select_line(std::size_t cells, Volt swing) const {
    return line("select_line", "select_line_fF_per_cell", cells, swing);
}

UnitCost AnalogLibrary::word_line_dac(int bits, std::size_t cells, Second on) const {
    UnitCost cost{"word_line_dac", "conversion", {}, {}, {}, {}, {}};
    const ProcessPoint from{settings_.real("blocks.dac_node_nm", kPositive),
                            Volt::from_value(settings_.real("blocks.dac_vdd_V", kPositive))};
    ATTOHM_CHECK_LE(1, bits);
    if (bits <= settings_.integer("analog.dac_bits_max", {1, 16})) {
        Cited power = cited(settings_, "analog.dac_uW_per_bit1", kMicro, kPositive);
        power.value *= std::ldexp(1.0, bits - 1) * on.value();
        power.source += fmt::format("; {} bits, on for {:.4g} ns", bits, on.value() / kNano);
        cost.energy = carried(power, scaling_.energy(from).value, scaling_.energy(from));
    }
    if (bits == 1)
        cost.area = carried(block("dac_bit1_area_um2", kPico), scaling_.area(from).value,
                            scaling_.area(from));
    const Ohm output = Ohm::from_value(block("dac_output_ohm", 1.0).value);
    const Cited line_C = line_capacitance("word_line_fF_per_cell", cells);
    const auto rc = RcSettling::of(output, Farad::from_value(line_C.value));
    cost.latency = assumed(rc.settle_time(bits).value(), "tau (B + 1) ln 2 of the word line");
    return cost;
}

Cited AnalogLibrary::capacitor_area(double farad) const {
    const Cited density = block("capacitor_fF_per_um2", kFemto / kPico);
    return assumed(farad / density.value, "capacitor alone; " + density.source);
}

Cited AnalogLibrary::sampling_capacitor(int bits, Volt full_scale, Kelvin temperature) const {
    const double noise_bound = SampleHold::least(bits, full_scale, temperature).value();
    const Cited unit = block("unit_capacitor_fF", kFemto);
    return assumed(std::max(noise_bound, unit.value),
                   "C V_fs V_dd, C the larger of the unit and of k T / C = step^2 / 12");
}

UnitCost AnalogLibrary::sample_hold(int bits, Volt full_scale, Kelvin temperature) const {
    UnitCost cost{"sample_hold", "sample", {}, {}, {}, {}, {}};
    Cited c = sampling_capacitor(bits, full_scale, temperature);
    cost.area = capacitor_area(c.value);
    const auto rc =
        RcSettling::of(Ohm::from_value(block("switch_ohm", 1.0).value), Farad::from_value(c.value));
    cost.latency =
        assumed(rc.settle_time(bits).value(), "tau (B + 1) ln 2 of switch and capacitor");
    const SampleHold hold{Farad::from_value(c.value), {}, temperature};
    c.value = hold.energy(full_scale, vdd_).value();
    cost.energy = c;
    const double from = settings_.real("blocks.sample_hold_node_nm", kPositive);
    cost.bias_power = carried(block("sample_hold_nW", kNano), node_nm_ / from,
                              {1.0, "power ~ node", Mark::assumed});
    return cost;
}

UnitCost AnalogLibrary::virtual_ground(int bits, std::size_t cells, Second settle,
                                       Second on) const {
    UnitCost cost{"virtual_ground", "read", {}, {}, {}, {}, {}};
    const double c = line_capacitance("column_line_fF_per_cell", cells).value;
    const double tau = settle.value() / ((bits + 1) * std::log(2.0));
    const double gm = c / (block("amplifier_feedback_ratio", 1.0).value * tau);
    const double current = gm / block("amplifier_gm_over_id_per_V", 1.0).value;
    const double power = vdd_.value() * current * block("amplifier_current_ratio", 1.0).value;
    const std::string how = fmt::format(
        "amplifier that settles {} cells to {} bits in {:.4g} ns: gm = C / (beta tau), assumed "
        "gm / I_d; floor without bias network",
        cells, bits, settle.value() / kNano);
    cost.bias_power = assumed(power, how);
    cost.energy =
        assumed(power * on.value(), fmt::format("{}; times {:.4g} ns", how, on.value() / kNano));
    cost.latency = assumed(settle.value(), "asked");
    return cost;
}

UnitCost AnalogLibrary::level_sense(const LevelSense& sense) const {
    sense.check("level sense");
    UnitCost one = comparator();
    UnitCost cost{"level_sense", "read", one.energy, one.latency, {}, {}, {}};
    cost.energy->value *= static_cast<double>(sense.decisions());
    cost.energy->source += fmt::format("; {} decisions, references not in it", sense.decisions());
    cost.latency->value *= static_cast<double>(sense.steps());
    cost.latency->source += fmt::format("; {} steps, settling not in it", sense.steps());
    return cost;
}

UnitCost AnalogLibrary::column_mux(int bits, std::size_t cells) const {
    UnitCost cost{"column_mux", "switch", {}, {}, {}, {}, {}};
    const Cited gate = block("switch_gate_fF", kFemto);
    cost.energy = assumed(2.0 * gate.value * vdd_.value() * vdd_.value(),
                          "two gates at the supply, C V^2; " + gate.source);
    const auto rc =
        RcSettling::of(Ohm::from_value(block("switch_ohm", 1.0).value),
                       Farad::from_value(line_capacitance("column_line_fF_per_cell", cells).value));
    cost.latency = assumed(rc.settle_time(bits).value(), "tau (B + 1) ln 2 of switch and column");
    return cost;
}

UnitCost AnalogLibrary::analog_shift_add(int bits, Volt full_scale, Kelvin temperature) const {
    UnitCost cost{"analog_shift_add", "bit", {}, {}, {}, {}, {}};
    Cited c = sampling_capacitor(bits, full_scale, temperature);
    cost.area = capacitor_area(2.0 * c.value);
    const auto rc = RcSettling::of(Ohm::from_value(2.0 * block("switch_ohm", 1.0).value),
                                   Farad::from_value(0.5 * c.value));
    // Sampled, then shared: one after the other.
    cost.latency =
        assumed(2.0 * rc.settle_time(bits).value(), "sampling and sharing, tau (B + 1) ln 2 each");
    c.value *= full_scale.value() * vdd_.value();
    cost.energy = c;
    return cost;
}

UnitCost AnalogLibrary::replica_reference(Joule read_energy) const {
    UnitCost cost{"threshold_reference", "read", {}, {}, {}, {}, {}};
    cost.energy = assumed(read_energy.value(),
                          "V^2 G t of the replica column's own cells, once for an array");
    return cost;
}

UnitCost AnalogLibrary::ideal_reference() const {
    return {"threshold_reference", "read", {}, {}, {}, {}, {}};
}

double sar_switching_energy(int bits) {
    double sum = 0.0;
    for (int i = 1; i <= bits; ++i) sum += std::ldexp(std::ldexp(1.0, i) - 1.0, bits - 2 * i);
    return sum;
}

std::vector<UnitCost> AnalogLibrary::adc_parts(AdcArchitecture architecture, int bits, Hertz clock,
                                               Volt v_ref) const {
    const Cited fastest = block("comparator_rate_GHz", kGiga);
    if (!(clock.value() > 0.0 && clock.value() <= fastest.value))
        throw UserError("clock of an ADC's comparator (Hz)", "adc",
                        fmt::format("{:.4g}", clock.value()),
                        fmt::format("above 0, up to {:.4g}", fastest.value));
    const std::string event = "conversion";
    const Cited time = assumed(static_cast<double>(adc_clocks(architecture, bits)) / clock.value(),
                               "clocks of the clock");
    UnitCost decisions = comparator();
    decisions.circuit = "adc_comparators";
    decisions.event = event;
    decisions.energy->value *= static_cast<double>(adc_decisions(architecture, bits));
    decisions.latency = time;
    std::vector<UnitCost> parts = {decisions};
    const auto unknown = [&](const char* circuit) {
        parts.push_back({circuit, event, {}, {}, {}, {}, {}});
    };
    if (architecture == AdcArchitecture::sar) {
        const Cited unit = block("unit_capacitor_fF", kFemto);
        UnitCost array{"adc_capacitors", event, {}, {}, {}, {}, {}};
        array.energy =
            assumed(sar_switching_energy(bits) * unit.value * v_ref.value() * v_ref.value(),
                    "mean over codes of the array's switching; " + unit.source);
        array.area = capacitor_area(std::ldexp(unit.value, bits));
        parts.push_back(array);
        unknown("adc_logic");
    } else if (architecture == AdcArchitecture::flash) {
        unknown("adc_ladder");
        unknown("adc_encoder");
    } else {
        unknown("adc_ramp_generator");
        unknown("adc_counter");
    }
    return parts;
}

UnitCost AnalogLibrary::adc_survey(AdcArchitecture architecture, int bits, Hertz clock) const {
    UnitCost cost{"adc", "conversion", {}, {}, {}, {}, {}};
    const auto clocks = static_cast<double>(adc_clocks(architecture, bits));
    cost.latency = assumed(clocks / clock.value(), "clocks of the clock");
    try {
        const AdcCost fit = survey_.cost(bits, node_nm_, clock / clocks, "adc");
        cost.energy = fit.energy;
        cost.area = fit.area;
    } catch (const UserError&) {
        // Outside the fit nothing is published: absent, and the ledger calls it unknown.
    }
    return cost;
}

}  // namespace attohm
