#include <algorithm>
#include <cmath>
#include <utility>

#include "src/base/error.hpp"
#include "tests/reference/sprint_reference_parts.hpp"

/// Sense, conversion and comparators of the twin.
namespace attohm::reference {

namespace {

/// Parts whose sense outputs are averaged by charge: a volt is a P-th as much of each.
double averaged(const SprintReferenceSettings& settings, const ReferencePlaces& places) {
    return settings.summation == ReferenceSummation::charge ? static_cast<double>(places.parts)
                                                            : 1.0;
}

}  // namespace

double volts_per_unit(const SprintReferenceSettings& settings, const ReferencePlaces& places) {
    return settings.v_fs_V / settings.n_fs / averaged(settings, places);
}

double adc_levels(const SprintReferenceSettings& settings) {
    ATTOHM_CHECK(settings.adc_bits.has_value());
    ATTOHM_CHECK_LE(2, *settings.adc_bits);
    return static_cast<double>((1 << (*settings.adc_bits - 1)) - 1);
}

double adc_value(double codes, const SprintReferenceSettings& settings) {
    return static_cast<double>(static_cast<float>(codes * settings.n_fs / adc_levels(settings)));
}

double sense_parts(const std::vector<double>& parts, const SprintReferenceSettings& settings,
                   std::int64_t& clipped) {
    const double n_fs = settings.n_fs;
    if (settings.summation == ReferenceSummation::current) {
        double sum = 0.0;
        for (const double part : parts) sum += part;
        clipped += std::abs(sum) > n_fs;
        return std::clamp(sum, -n_fs, n_fs);
    }
    double sum = 0.0;
    for (const double part : parts) {
        clipped += std::abs(part) > n_fs;
        double sensed = std::clamp(part, -n_fs, n_fs);
        // Codes while they are added: a sum of codes is exact.
        if (settings.summation == ReferenceSummation::adc)
            sensed = std::nearbyint(sensed / n_fs * adc_levels(settings));
        sum += sensed;
    }
    return settings.summation == ReferenceSummation::adc ? adc_value(sum, settings) : sum;
}

double decision_level(std::size_t t, std::size_t j, double threshold,
                      const SprintReferenceSettings& settings, const ReferencePlaces& places,
                      const DrawSite& site) {
    double level = threshold;
    if (!settings.threshold_gain.empty()) {
        ATTOHM_CHECK_LT(j, settings.threshold_gain.size());
        level *= settings.threshold_gain[j];
    }
    if (settings.summation == ReferenceSummation::adc) return level;

    const std::size_t array = places.array(j);
    const double noise_V =
        settings.threshold_noise_V * threshold_noise_stream(site, array).normal(t);
    double offset_V =
        settings.comparator_offset_V *
        comparator_offset_stream(site, places.physical(array, 0)).normal(places.slot(j));
    if (settings.offset_residual_V) offset_V = settings.offset_residual_V(offset_V);
    return level + (noise_V - offset_V) / volts_per_unit(settings, places);
}

double hysteresis_shift(ReferenceLatch latch, const SprintReferenceSettings& settings,
                        const ReferencePlaces& places) {
    if (settings.hysteresis_reset == ReferenceReset::every || latch == ReferenceLatch::none)
        return 0.0;
    const double half = 0.5 * settings.hysteresis_V / volts_per_unit(settings, places);
    return latch == ReferenceLatch::kept ? -half : half;
}

double metastable_width(const SprintReferenceSettings& settings, const ReferencePlaces& places) {
    return settings.metastable_V / volts_per_unit(settings, places);
}

bool resolved_kept(std::size_t t, std::size_t j, std::size_t n_k,
                   const SprintReferenceSettings& settings, const DrawSite& site) {
    if (settings.metastable == ReferenceMetastable::coin)
        return metastability_stream(site).below(t * n_k + j, 0.5);
    return settings.metastable == ReferenceMetastable::keep;
}

std::vector<ReferenceLatch> starting_latches(std::size_t n_k,
                                             const SprintReferenceSettings& settings,
                                             std::vector<ReferenceLatch> given) {
    if (given.empty()) given.assign(n_k, ReferenceLatch::none);
    ATTOHM_CHECK_EQ(given.size(), n_k);
    if (settings.hysteresis_reset != ReferenceReset::never)
        std::fill(given.begin(), given.end(), ReferenceLatch::none);
    return given;
}

}  // namespace attohm::reference
