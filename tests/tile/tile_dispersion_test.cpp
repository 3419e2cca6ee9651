#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "tests/tile/tile_pair.hpp"

/// Decisions against the probabilities that the tile itself gives: sum over keys of (false prunes -
/// sum of 1 - p)^2 over sum p (1 - p) is 1 where reads are independent given what their keys share.
using namespace attohm;
using namespace attohm::literals;

namespace {

constexpr int kSeeds = 24;
constexpr float kThreshold = 40.0F;

/// White noise of cells and comparators, drawn anew with every read.
TilePairDesign white_design(Signs signs, bool wires, bool dac) {
    TilePairDesign design = silent_design("dispersion");
    design.mapping.signs = signs;
    design.n_q = 30;
    design.n_k = 256;
    design.d = 16;
    design.circuits.arrays.shape = {16, 32};
    design.device.read_noise = {0.1, {}, 10.0_ns, 1.0};
    design.circuits.comparator.noise_sigma = 2.0_mV;
    if (dac) design.circuits.dac = {0.0, 0.0, 0.0, 0.5};
    if (!wires) return design;
    design.circuits.arrays.wires.row = design.circuits.arrays.wires.column = Ohm::from_value(4.0);
    design.circuits.arrays.wires.driver = design.circuits.arrays.wires.sense =
        Ohm::from_value(150.0);
    return design;
}

struct Decisions {
    Matrix<float> levels, nq, p_keep, p_marginal;
    Matrix<std::uint8_t> keep;
};

Decisions decide(const TilePairDesign& design) {
    const OwnedHead data = coded_head(design);
    const SprintReferenceCodes codes =
        sprint_reference_codes(data.view(), twin_settings(design), coded_scales(design));
    Decisions d{Matrix<float>(design.n_k, design.d), Matrix<float>(design.n_q, design.d),
                Matrix<float>(design.n_q, design.n_k), Matrix<float>(design.n_q, design.n_k),
                Matrix<std::uint8_t>(design.n_q, design.n_k)};
    for (std::size_t i = 0; i < d.levels.size(); ++i)
        d.levels.data()[i] = static_cast<float>(codes.k_level.data()[i]);
    for (std::size_t i = 0; i < d.nq.size(); ++i)
        d.nq.data()[i] = static_cast<float>(codes.q_line.data()[i]);
    SprintTile tile(design.finished(), design.map(), design.device, design.site, d.levels.view(),
                    design.n_k);
    const std::vector<float> thresholds(design.n_q, kThreshold);
    const std::vector<std::uint32_t> ends(design.n_q, static_cast<std::uint32_t>(design.n_k));
    tile.decide(0, d.nq.view(), thresholds, {ends, {}}, d.keep.view(), d.p_keep.view(),
                d.p_marginal.view());
    return d;
}

/// Excess over variance, and the standard deviation that it has by the probabilities: a sum X of
/// decisions with variance v = sum pq has Var(X^2) = 2 v^2 + sum pq (1 - 6 pq).
struct Dispersion {
    double excess = 0.0, variance = 0.0, spread = 0.0, balance = 0.0;

    /// Decisions with the probabilities of the same pairs, key by key.
    void add(const Matrix<std::uint8_t>& keep, const Matrix<float>& p) {
        for (std::size_t j = 0; j < keep.cols(); ++j) {
            double sum = 0.0, v = 0.0, fourth = 0.0;
            for (std::size_t t = 0; t < keep.rows(); ++t) {
                const auto one = static_cast<double>(p(t, j));
                const double pq = one * (1.0 - one);
                sum += (keep(t, j) != 0 ? 1.0 : 0.0) - one;
                v += pq;
                fourth += pq * (1.0 - 6.0 * pq);
            }
            excess += sum * sum;
            variance += v;
            spread += 2.0 * v * v + fourth;
            balance += sum;
        }
    }
    double ratio() const { return excess / variance; }
    double band() const { return 5.0 * std::sqrt(spread) / variance; }
};

template <class Change>
void check_independent(const char* name, Change change) {
    for (const Signs signs : {Signs::differential, Signs::offset}) {
        for (const bool wires : {false, true}) {
            for (const bool dac : {false, true}) {
                TilePairDesign design = white_design(signs, wires, dac);
                change(design);
                TilePairDesign blind = design;
                blind.circuits.dac = {};
                Dispersion given, marginal, ignored;
                for (int seed = 0; seed < kSeeds; ++seed) {
                    design.site.seed = blind.site.seed = 500 + static_cast<std::uint64_t>(seed);
                    design.content = blind.content = 1 + static_cast<std::uint64_t>(seed);
                    const Decisions d = decide(design);
                    given.add(d.keep, d.p_keep);
                    marginal.add(d.keep, d.p_marginal);
                    if (dac) ignored.add(d.keep, decide(blind).p_keep);
                }
                CAPTURE(name, static_cast<int>(signs), wires, dac, given.ratio(), given.band());
                CHECK(std::abs(given.ratio() - 1.0) < given.band());
                CHECK(std::abs(marginal.ratio() - 1.0) < marginal.band());
                CHECK(given.band() < 0.12);
                CHECK(std::abs(given.balance) < 5.0 * std::sqrt(given.variance));
                // What the DACs drew is no small thing: taken as not given, it would show.
                if (dac) CHECK(ignored.ratio() - 1.0 > ignored.band());
                std::printf("%s, %s, wires %d, DAC noise %d: %.4f of 1 +- %.4f (5 sigma)\n", name,
                            signs == Signs::differential ? "pair" : "offset", wires, dac,
                            given.ratio(), given.band());
            }
        }
    }
}

/// Largest |p_marginal - p_keep| of a head.
double marginal_difference(const Decisions& d) {
    double worst = 0.0;
    for (std::size_t i = 0; i < d.p_keep.size(); ++i) {
        worst = std::max(
            worst, std::abs(static_cast<double>(d.p_keep.data()[i] - d.p_marginal.data()[i])));
    }
    return worst;
}

/// 1/f noise that stands still while keys are read, long settled when their programming error was
/// measured.
void freeze(Device& device, double amplitude) {
    device.slow_noise = {amplitude, 1.0, Hertz::from_value(1.0), Hertz::from_value(2.0), 1.0};
    device.programming.measured_at = 100.0_s;
}

}  // namespace

TEST_CASE("independent reads scatter by sum p (1 - p), DAC noise given, wires or none", "[stat]") {
    check_independent("white", [](TilePairDesign&) {});
    check_independent("threshold noise and memory", [](TilePairDesign& d) {
        d.circuits.threshold_noise = 4.0_mV;
        d.circuits.comparator.hysteresis = 10.0_mV;
        d.circuits.comparator.offset_sigma = 8.0_mV;
    });
}

TEST_CASE("without noise that has memory the marginal law is that of the read", "[property]") {
    for (const Signs signs : {Signs::differential, Signs::offset}) {
        for (const bool wires : {false, true}) {
            for (const bool dac : {false, true}) {
                for (const double hysteresis_mV : {0.0, 40.0}) {
                    TilePairDesign design = white_design(signs, wires, dac);
                    design.circuits.comparator.hysteresis = Volt::from_value(1e-3 * hysteresis_mV);
                    CAPTURE(static_cast<int>(signs), wires, dac, hysteresis_mV);
                    CHECK(marginal_difference(decide(design)) == 0.0);
                    // A trace of it leads through the other law.
                    freeze(design.device, 1e-12);
                    CHECK(marginal_difference(decide(design)) < 1e-3);
                    freeze(design.device, 1e-3);
                    CHECK(marginal_difference(decide(design)) > 0.05);
                }
            }
        }
    }
}

TEST_CASE("the marginal law holds the memory of reference columns", "[stat]") {
    // Few keys share a reference, one query: a write event is one draw of each output.
    double kept = 0.0, expected = 0.0, squares = 0.0;
    constexpr int kWrites = 200;
    for (int write = 0; write < kWrites; ++write) {
        TilePairDesign design = white_design(Signs::offset, false, false);
        design.site.seed = 3000 + static_cast<std::uint64_t>(write);
        design.n_q = 1;
        design.circuits.arrays.shape.columns = 4;
        design.device.read_noise = {};
        freeze(design.device, 2e-3);
        const Decisions d = decide(design);
        double difference = 0.0;
        for (std::size_t j = 0; j < design.n_k; ++j) {
            // Tails alone: there the variance decides.
            const auto p = static_cast<double>(d.p_marginal(0, j));
            if (p > 0.2) continue;
            kept += d.keep(0, j);
            expected += p;
            difference += static_cast<double>(d.keep(0, j)) - p;
        }
        squares += difference * difference;
    }
    const double error = std::sqrt(squares);
    CAPTURE(kept, expected, error);
    CHECK(std::abs(kept - expected) < 5.0 * error);
    CHECK(5.0 * error < 0.2 * expected);
    std::printf("reference memory: kept %.0f, expected %.1f +- %.1f\n", kept, expected, error);
}
