#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "crossbar/fit/card_parts.hpp"

namespace attohm::fit {

namespace {

/// Records that do not span what the card writes.
void warn_of_reads(const ReadsFit& reads, const Bounds& range, std::vector<std::string>& out) {
    constexpr double kMargin = 1.1;
    const Bounds& own = reads.conductance_uS;
    if (own.low <= kMargin * range.low && own.high >= range.high / kMargin) return;
    out.push_back(fmt::format(
        "Read noise was measured from {:.3g} to {:.3g} uS and is used from {:.3g} to {:.3g} uS: "
        "outside the records its law is assumed, not measured.",
        own.low, own.high, range.low, range.high));
}

/// The readings behind sigma_p carry read noise of their own.
void warn_of_reading(const ProgrammingFit& programming, const ReadsFit& reads,
                     std::vector<std::string>& out) {
    constexpr double kWorthSaying = 0.1;
    double worst = 0.0, at = 0.0;
    for (const Level& level : programming.levels) {
        const double noise =
            std::hypot(reads.sigma_rel.value * level.target_uS, reads.sigma_abs_uS.value);
        const double share = std::pow(noise / level.sigma_uS.value, 2);
        if (share > worst) at = level.target_uS;
        worst = std::max(worst, share);
    }
    if (worst > kWorthSaying)
        out.push_back(fmt::format(
            "Up to {:.2g} of the variance of the programming readings (at {:g} uS) is white read "
            "noise, if they were read like {}: sigma_p holds it as well.",
            worst, at, reads.source));
}

}  // namespace

std::vector<std::string> fit_warnings(const DeviceFit& fit, const Bounds& range_uS) {
    std::vector<std::string> out;
    const auto take = [&](const auto& part, const char* name) {
        if (!part) return;
        for (const std::string& note : part->notes)
            out.push_back(fmt::format("{}: {}", name, note));
    };
    take(fit.programming, "Programming");
    take(fit.reads, "Read noise");
    take(fit.retention, "Retention");
    take(fit.iv, "I-V");
    take(fit.pulses, "Pulses");
    if (fit.reads) warn_of_reads(*fit.reads, range_uS, out);
    if (fit.reads && fit.programming) warn_of_reading(*fit.programming, *fit.reads, out);
    return out;
}

}  // namespace attohm::fit
