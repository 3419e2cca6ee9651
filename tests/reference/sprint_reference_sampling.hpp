#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>

#include "tests/reference/decision_statistics.hpp"
#include "tests/reference/sprint_reference_fixture.hpp"

/// Many reads of the same cells, against the laws of one.
namespace attohm {

/// Counts how often each allowed pair is kept in `reads` reads and how the outputs scatter.
struct Sampled {
    Matrix<double> kept, sum, sum_squares;
};
inline Sampled sample_reads(const AttentionHead& head, const SprintReferenceResult& result,
                            const SprintReferenceSettings& settings, int reads) {
    Sampled sampled;
    sampled.kept = sampled.sum = sampled.sum_squares = Matrix<double>(head.n_q(), head.n_k());
    for (int repeat = 0; repeat < reads; ++repeat) {
        const auto read = sprint_reference_read(head, result.codes, result.cells, result.threshold,
                                                settings, kSite, std::uint64_t(repeat));
        for (std::size_t n = 0; n < sampled.kept.size(); ++n) {
            const double error = read.output.data()[n] - result.columns.mean.data()[n];
            sampled.kept.data()[n] += read.kept.data()[n];
            sampled.sum.data()[n] += error;
            sampled.sum_squares.data()[n] += error * error;
        }
    }
    return sampled;
}

/// Every pair's count of keeps must lie in the band of its probability.
inline void check_frequencies(const OwnedHead& data, const SprintReferenceSettings& settings,
                              double threshold, const SprintReferenceScales& scales,
                              int reads = 20000) {
    const AttentionHead head = data.view();
    const auto result = sprint_reference(head, threshold, settings, scales, kSite);
    const auto sampled = sample_reads(head, result, settings, reads);
    const double bound = sidak_sigmas(5.0, sampled.kept.size());
    int judged = 0;
    for (std::size_t n = 0; n < sampled.kept.size(); ++n) {
        const double p = result.p_keep.data()[n];
        REQUIRE(!std::isnan(p));
        const BinomialBand band = binomial_band(reads, p);
        CAPTURE(n, p, sampled.kept.data()[n]);
        if (judgeable(band)) {
            ++judged;
            CHECK(std::abs(deviation(band, sampled.kept.data()[n])) < bound);
        } else {
            // Rare events: five counts beyond what the bound allows of a Poisson law.
            CHECK(std::abs(sampled.kept.data()[n] - band.expected) < bound * band.sigma + 5.0);
        }
    }
    CHECK(judged >= 5);
}

}  // namespace attohm
