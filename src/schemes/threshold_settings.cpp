#include "src/schemes/threshold_settings.hpp"

#include <cmath>

#include "src/base/error.hpp"
#include "src/base/resources.hpp"

namespace attohm {

const Resources& scheme_resources();

namespace {

std::optional<int> bit_count(const Settings& settings, std::string_view key, int low, int high) {
    const auto bits =
        settings.integer_or(key, "ideal", {static_cast<double>(low), static_cast<double>(high)});
    if (!bits) return std::nullopt;
    return static_cast<int>(*bits);
}

}  // namespace

Settings threshold_family_preset() {
    constexpr std::string_view kName = "presets/sprint.yaml";
    return Settings::from_text(*scheme_resources().find(kName), std::string(kName));
}

CodeSettings load_code_settings(const Settings& settings) {
    CodeSettings codes;
    codes.scale = pick<ScaleMethod, 4>(settings, "quant.scale",
                                       {{{"percentile", ScaleMethod::percentile},
                                         {"absmax", ScaleMethod::absmax},
                                         {"dynamic-per-head", ScaleMethod::dynamic_per_head},
                                         {"dynamic-per-query", ScaleMethod::dynamic_per_query}}});
    codes.percentile = settings.real("quant.percentile", {0.5, 1.0});
    codes.k_bits = bit_count(settings, "bits.k", 1, 8);
    codes.q_bits = bit_count(settings, "bits.q", 2, 8);
    codes.split = pick<SplitMode, 3>(settings, "split.mode",
                                     {{{"msb", SplitMode::msb},
                                       {"sign-magnitude", SplitMode::sign_magnitude},
                                       {"round", SplitMode::round}}});
    codes.midpoint = settings.boolean("split.midpoint");
    if (codes.split != SplitMode::msb && codes.k_bits == 1) {
        throw UserError("a sign needs a magnitude beside it", settings.entry("bits.k").where,
                        "bits.k: 1 with split.mode: " + settings.text("split.mode"),
                        "bits.k >= 2, or split.mode: msb");
    }
    return codes;
}

ThresholdSettings load_threshold_settings(const Settings& settings) {
    ThresholdSettings threshold;
    const auto call =
        settings.call("threshold.source", {"trace", "quantile(x)", "mass(x)", "value(x)"});
    threshold.margin = settings.real("threshold.margin");
    if (call.name == "trace") return threshold;
    threshold.argument = *call.argument;
    if (call.name == "value") {
        threshold.source = ThresholdSource::value;
        return threshold;
    }
    threshold.source = call.name == "quantile" ? ThresholdSource::quantile : ThresholdSource::mass;
    if (threshold.argument < 0.0 || threshold.argument > 1.0) {
        throw UserError(fmt::format("{} takes a fraction", call.name),
                        settings.entry("threshold.source").where,
                        fmt::format("{}", threshold.argument), "0..1");
    }
    return threshold;
}

DacSettings load_dac_settings(const Settings& settings) {
    DacSettings dac;
    dac.bits = bit_count(settings, "threshold.dac_bits", 2, 16);
    const auto range = settings.call("threshold.range", {"full-scale", "steps(x)"});
    if (range.argument) {
        if (*range.argument <= 0.0) {
            throw UserError("the threshold DAC needs a range",
                            settings.entry("threshold.range").where,
                            fmt::format("steps({})", *range.argument), "steps(x) with x > 0");
        }
        dac.range_steps = range.argument;
    }
    return dac;
}

FullScaleSettings load_full_scale_settings(const Settings& settings) {
    FullScaleSettings full;
    const auto call =
        settings.call("sense.full_scale", {"percentile", "worst-case", "current_A(x)"});
    if (call.name == "percentile") {
        full.percentile = settings.real("sense.percentile", {0.5, 1.0});
    } else if (call.name == "worst-case") {
        full.mode = FullScale::worst_case;
    } else {
        full.mode = FullScale::current;
        full.current = Ampere::from_value(*call.argument);
        if (*call.argument <= 0.0) {
            throw UserError("the sense full scale is a current",
                            settings.entry("sense.full_scale").where,
                            fmt::format("current_A({})", *call.argument), "x > 0 A");
        }
    }
    return full;
}

KeepSettings load_keep_settings(const Settings& settings, bool with_k_msb) {
    KeepSettings keep;
    keep.empty_row = pick<EmptyRow, 4>(settings, "empty_row",
                                       {{{"dense", EmptyRow::dense},
                                         {"top1-digital", EmptyRow::top1_digital},
                                         {"self", EmptyRow::self},
                                         {"zero", EmptyRow::zero}}});
    for (const double key : settings.reals("always_keep", {0.0, 1e9})) {
        if (key != std::floor(key)) {
            throw UserError("a key is not a whole number", settings.entry("always_keep").where,
                            fmt::format("{}", key), "whole numbers, e.g. always_keep: [0]");
        }
        keep.always_keep.push_back(static_cast<int>(key));
    }
    if (with_k_msb) {
        keep.k_msb = pick<KMsb, 3>(
            settings, "recompute.k_msb",
            {{{"stored", KMsb::stored}, {"slc-copy", KMsb::slc_copy}, {"ideal", KMsb::ideal}}});
    }
    return keep;
}

}  // namespace attohm
