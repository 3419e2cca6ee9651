#include "circuits/circuit_models.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "circuits/analog_models.hpp"
#include "circuits/digital_models.hpp"
#include "circuits/memory/memory_models.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr std::string_view kPhysics = "physics.md section 2";

CircuitModel comparator() {
    return {
        "comparator",
        "one bit at the foot of a column: offset, noise, hysteresis, decision time",
        {"keep iff v + o + w >= v_th + shift; o once per comparator and chip, w per decision",
         "shift = -h/2 if the same comparator kept last time, +h/2 if it pruned, 0 after a reset",
         "t_d = t_0 + tau ln(v_swing / |x|), x the overdrive; t_0 from v_swing on",
         "undecided where |x| < v_swing exp(-(t_available - t_0) / tau)",
         "P(keep), x ~ N(m, s^2): Phi((m + w)/s) for keep, Phi((m - w)/s) for prune, their mean "
         "for coin; w the window of |x|"},
        {{"comparator.offset_sigma_V", "V", "0 to 100", "static offset"},
         {"comparator.noise_sigma_V", "V", "0 to 100", "white noise of a decision"},
         {"comparator.hysteresis_V", "V", "0 to 100", "h"},
         {"comparator.hysteresis_reset", "-", "head, never, every",
          "when the last decision is forgotten"},
         {"comparator.time_fixed_ps", "ps", "0 to 1e9", "t_0, fixed part of a decision"},
         {"comparator.regeneration_ps", "ps", "1e-6 to 1e9", "tau"},
         {"comparator.swing_V", "V", "1e-6 to 100", "v_swing, where the output counts as decided"},
         {"comparator.time_available_ns", "ns", "t_0 to 1e9, or ideal", "until the latch is read"},
         {"comparator.undecided", "-", "keep, prune, coin", "what an undecided one is taken for"}},
        kPhysics,
        {"kick-back", "offset that drifts", "dependence on the common mode"}};
}

CircuitModel offset_trim() {
    return {
        "comparator-trim",
        "calibration of comparator offsets by a trim DAC of few bits, once per chip",
        {"step = 2 range / (2^bits - 1)", "code = clamp(round((o + range) / step), 0, 2^bits - 1)",
         "residual = o - (code step - range): at most step / 2 inside the range",
         "measurements = bits per comparator (binary search); |o| > range is counted"},
        {{"comparator.calibration", "-", "none, trim(1) to trim(16)", "bits of the trim DAC"},
         {"comparator.trim_range_V", "V", "1e-9 to 100", "the DAC covers +-range"}},
        kPhysics,
        {"noise of the comparisons of the search", "INL of the trim DAC",
         "offset that drifts after the calibration"}};
}

CircuitModel adc_uniform() {
    return {
        "adc-uniform",
        "B-bit ADC with a chosen range and static errors of every instance's own",
        {"x' = (x + noise z) (1 + gain) + offset",
         "code = clamp(round(x' / step + INL(c))), c = clamp(round(x' / step)), halves to even",
         "one-sided: codes 0..2^B - 1, step = full_scale / (2^B - 1)",
         "bipolar: codes +-(2^(B-1) - 1), step = full_scale / (2^(B-1) - 1)",
         "offset, gain and INL by code once per instance and chip, z per conversion; x' outside "
         "the range clips and is counted"},
        {{"adc.bits", "1", "2 to 16, or ideal", "B; ideal: the value passes"},
         {"adc.range", "steps", "full-scale, or steps(above 0)",
          "full_scale of one conversion; never taken from the data converted"},
         {"adc.offset_sigma", "1", "0 to 1", "of the full scale"},
         {"adc.gain_sigma", "1", "0 to 1", "of the input"},
         {"adc.inl_sigma_lsb", "1", "0 to 1e3", "by code, independent"},
         {"adc.noise_sigma", "1", "0 to 1", "white, at the input, of the full scale"},
         {"adc.columns", "1", "1 to 65536", "key columns that share one ADC and its errors"},
         {"adc.architecture", "-", "ideal-uniform, sar, flash, ramp",
          "this one, or adc-sar, adc-flash, adc-ramp"}},
        "physics.md section 2; IEEE Std 1241 for the words",
        {"settling, aperture, missing decisions", "INL that follows from the weights of an array",
         "noise that grows with the signal"}};
}

constexpr std::string_view kBesideUniform =
    "offset, noise, range and clips as adc-uniform; bits a whole number";

CircuitModel adc_sar() {
    return {"adc-sar",
            "successive approximation on a binary capacitor array of every instance's own",
            {"C_b = 2^b + sqrt(2^b) sigma z_b, C_dummy = 1 + sigma z",
             "level(u) = 2^B (sum of C_b over the ones of u) / (sum of all), in steps",
             "bit by bit from the largest: kept where x' / step >= level(tried) - 1/2",
             "sd INL = sigma sqrt(2^B p (1 - p)), p = u / 2^B; sd DNL at the middle = sigma "
             "sqrt(2^B - 1)",
             "B comparisons, B + 1 clocks; energy of the array (2^(B-2i) (2^i - 1) summed over i) "
             "C V_ref^2",
             kBesideUniform},
            {{"adc.capacitor_sigma", "1", "0 to 0.15", "mismatch of a unit capacitor"}},
            "R. van de Plassche, CMOS Integrated ADCs and DACs, 2003",
            {"parasitics, split arrays, redundancy", "settling of a bit, ripple of the reference",
             "energy of the logic"}};
}

CircuitModel adc_flash() {
    return {"adc-flash",
            "one comparator an edge, the offset of each its own",
            {"edge below code c: c - 1/2 + sigma z_c; code = lowest + comparators that fire",
             "sd INL = sigma, sd DNL = sqrt(2) sigma; the characteristic never falls",
             "2^B - 1 comparisons, 1 clock", kBesideUniform},
            {{"adc.threshold_sigma", "1", "0 to 1", "offset of a comparator, of the full scale"}},
            "R. van de Plassche, CMOS Integrated ADCs and DACs, 2003",
            {"error of the resistor ladder", "kick-back", "an encoder that does not count ones"}};
}

CircuitModel adc_ramp() {
    return {"adc-ramp",
            "one comparator against a ramp that a counter times",
            {"x' = (x + noise z) / (1 + slope) + offset; code = floor(x' / step + 1/2)",
             "DNL = slope, INL a straight line", "2^B clocks and, unstopped, 2^B comparisons",
             kBesideUniform},
            {{"adc.slope_sigma", "1", "0 to 0.15", "relative error of the slope, per instance"}},
            "R. van de Plassche, CMOS Integrated ADCs and DACs, 2003",
            {"curvature of the ramp", "delay of the comparator", "ramps shared by columns"}};
}

CircuitModel adc_survey_fit() {
    return {
        "adc-survey-fit",
        "energy and area of a good published ADC of that resolution, rate and node",
        {"SNDR = s0 ENOB + s1 dB", "FOMS = min(f0 - f1 ln f, f2 + f3 ceil(ENOB)) dB",
         "E = exp(e0 + e1 ln(node) - e2 ln(ENOB) - e3) / (2 10^((FOMS - SNDR) / 10)) pJ",
         "area = exp(a0 + a1 ln(node) + a2 ln f + a3 ln(E / pJ)) um2",
         "coefficients and limits: circuit table adc"},
        {{"enob", "1", "4 to 14", "effective bits"},
         {"node_nm", "nm", "16 to 180", "refused outside, like the others"},
         {"rate_Hz", "Hz", "1e3 to 1e10", "conversions per second"}},
        "Accelergy-Project/accelergy-adc-plug-in adc_data/model.yaml, fitted to Murmann's survey",
        {"supply and range", "references and drivers outside the ADC", "leakage"}};
}

CircuitModel word_line_dac() {
    return {"dac-word-line",
            "what is on a word line when a code is asked for, common to all keys of the read",
            {"n' = n (1 + gain_i) + offset_i + INL_i(code) + noise z, in steps of V_read / L",
             "gain, offset, INL by row (and code) once per chip, z per row and read"},
            {{"dac.inl_sigma_lsb", "1", "0 to 1e3", "by row and code"},
             {"dac.gain_sigma", "1", "0 to 1", "by row"},
             {"dac.offset_sigma_lsb", "1", "0 to 1e3", "by row"},
             {"dac.noise_sigma_lsb", "1", "0 to 1e3", "by row and read"}},
            kPhysics,
            {"settling", "supply noise common to the rows",
             "output resistance (array-lines has the driver's)"}};
}

CircuitModel threshold_dac() {
    return {
        "dac-threshold",
        "sets the threshold of a query in integer score steps",
        {"code = clamp(round(n (2^(b-1) - 1) / range), +-(2^(b-1) - 1)), halves to even",
         "threshold = code range / (2^(b-1) - 1) + INL(code) + noise z",
         "INL by array and code once per chip, z per array and read; outside +-range is counted"},
        {{"threshold.dac_bits", "1", "2 to 16, or ideal", "b; ideal: the real number passes"},
         {"threshold.range", "steps", "full-scale, or steps(above 0)", "+-range"},
         {"threshold.noise_sigma_V", "V", "0 to 100", "per array and read"},
         {"threshold.inl_sigma_lsb", "1", "0 to 1e3", "by code"}},
        kPhysics,
        {"codes that share errors (segments, binary weights)", "settling"}};
}

CircuitModel sense() {
    return {"sense",
            "current to voltage at the foot of a column pair",
            {"v = R_t I, R_t = v_fs / I_fs, clipping at +-I_fs (counted)"},
            {{"sense.v_fs_V", "V", "1e-12 to 100", "voltage of the full-scale current"},
             {"sense.full_scale", "-", "percentile, worst-case, current_A(x)", "what I_fs is"},
             {"sense.percentile", "1", "0.5 to 1", "of |I| over the calibration samples"},
             {"sense.readout", "-", "comparator, adc", "what ends a column"},
             {"sense.i_max_A", "A", "1e-12 to 1e3, or ideal", "where one physical column clips"}},
            kPhysics,
            {"settling", "static power"}};
}

}  // namespace

void check_circuit_models(std::span<const CircuitModel> models) {
    std::set<std::string_view> names;
    for (const CircuitModel& model : models) {
        const auto require = [&model](bool holds, const char* what) {
            if (!holds)
                throw InvariantError(fmt::format("circuit model `{}`: {}", model.name, what));
        };
        require(!model.name.empty() && names.insert(model.name).second, "no name, or one twice");
        require(!model.help.empty() && !model.source.empty(), "no help or no source");
        require(
            !model.equations.empty() && !model.not_modelled.empty() && !model.parameters.empty(),
            "no equation, no parameter, or nothing that is not modelled");
        for (const CircuitParameter& p : model.parameters) {
            require(!p.key.empty() && !p.unit.empty() && !p.range.empty() && !p.help.empty(),
                    "an incomplete parameter");
        }
    }
}

const std::vector<CircuitModel>& circuit_model_table() {
    static const std::vector<CircuitModel> table = [] {
        std::vector<CircuitModel> models = {
            comparator(), offset_trim(),    adc_uniform(),   adc_sar(),       adc_flash(),
            adc_ramp(),   adc_survey_fit(), word_line_dac(), threshold_dac(), sense()};
        for (CircuitModel& model : analog_circuit_models()) models.push_back(std::move(model));
        for (CircuitModel& model : digital_circuit_models()) models.push_back(std::move(model));
        for (CircuitModel& model : memory_circuit_models()) models.push_back(std::move(model));
        check_circuit_models(models);
        return models;
    }();
    return table;
}

const CircuitModel* find_circuit_model(std::string_view name) {
    const auto& table = circuit_model_table();
    const auto found = std::find_if(table.begin(), table.end(),
                                    [name](const CircuitModel& m) { return m.name == name; });
    return found == table.end() ? nullptr : &*found;
}

}  // namespace attohm
