#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "src/tile/slow_reads.hpp"
#include "tests/reference/decision_statistics.hpp"
#include "tests/reference/slow_noise_reference.hpp"
#include "tests/tile/tile_pair.hpp"

/// Noise with memory: what it adds to outputs in the tile, against the twin's outputs with every
/// cell's noise from a simulation on a fine grid of time of its own.
using namespace attohm;
using namespace attohm::literals;

namespace {

constexpr std::size_t kReads = 4;
const Stream kOwn(77, Purpose::sampling, {5});

/// Four reads of one query, a millisecond apart; every key in an array of its own, so that no
/// reference is shared.
TilePairDesign memory_design(Signs signs, Second step_time, Second delay) {
    TilePairDesign design = silent_design("memory");
    design.mapping.signs = signs;
    design.d = 2;
    design.n_k = 6000;
    design.n_q = kReads;
    design.same_query = true;
    design.circuits.arrays.shape = {4, 1};
    design.circuits.drive.step_time = step_time;
    design.circuits.schedule.read_interval = 1e-3_s;
    design.circuits.schedule.delay = delay;
    design.device.programming.measured_at = {};
    return design;
}

/// Deviations of the cells of one plane, or of the references: [cell, read].
using CellPaths = std::vector<Matrix<double>>;

Matrix<double> slow_paths(const TilePairDesign& design, const NoiseReference& reference,
                          std::uint64_t which, std::size_t cells) {
    const SlowReferencePass pass{design.circuits.drive.step_time.value(), 1e-3, kReads, 4,
                                 design.circuits.schedule.delay.value()};
    Matrix<double> sum(cells, kReads, 0.0);
    for (const SlowComponent& component : design.device.slow_noise.components()) {
        const auto number = static_cast<std::uint64_t>(component.number);
        const Matrix<double> one =
            slow_noise_reference({component}, reference.age_for(component.rate), pass,
                                 kOwn.with({which, number}), cells);
        for (std::size_t i = 0; i < sum.size(); ++i) sum.data()[i] += one.data()[i];
    }
    return sum;
}

Matrix<double> trap_paths(const TilePairDesign& design, std::uint64_t which, std::size_t cells) {
    const TelegraphNoise& noise = design.device.telegraph;
    const SlowReferencePass pass{design.circuits.drive.step_time.value(), 1e-3, kReads, 50, 0.0};
    const Stream counts = kOwn.with({which, std::uint64_t{99}});
    Matrix<double> sum(cells, kReads, 0.0);
    std::vector<std::size_t> cell_of;
    for (std::size_t c = 0; c < cells; ++c) {
        const int traps = noise.traps(counts.uniform32(c));
        for (int k = 0; k < traps; ++k) cell_of.push_back(c);
    }
    const Matrix<double> share = telegraph_reference(noise.rate_low, noise.occupancy, pass,
                                                     kOwn.with({which}), cell_of.size());
    for (std::size_t k = 0; k < cell_of.size(); ++k) {
        for (std::size_t s = 0; s < kReads; ++s) {
            sum(cell_of[k], s) += noise.step(0.0) * (noise.occupancy - share(k, s));
        }
    }
    return sum;
}

/// What noise adds to the twin's outputs: [n_q, n_k].
template <class Paths>
Matrix<double> twin_noise(const TilePair& pair, const Paths& paths) {
    const std::size_t d = pair.design.d, n = pair.keys();
    CellPaths keys, references;
    for (const SprintReferencePlane& plane : pair.cells.planes) {
        keys.push_back(paths(2 * plane.id, n * d));
        references.push_back(paths(2 * plane.id + 1, n * d));
    }
    SprintReferenceSettings settings = pair.settings;
    settings.slow_deviation = [&](std::uint64_t plane, std::size_t j, std::size_t i,
                                  std::size_t t) {
        return keys[std::min<std::size_t>(plane, keys.size() - 1)](j * d + i, t);
    };
    settings.reference_deviation = [&](std::uint64_t plane, std::size_t a, std::size_t i,
                                       std::size_t t) {
        return references[std::min<std::size_t>(plane, keys.size() - 1)](a * d + i, t);
    };
    Matrix<double> noise =
        sprint_reference_columns(pair.head, pair.codes, pair.cells, settings, pair.design.site)
            .mean;
    for (std::size_t i = 0; i < noise.size(); ++i) noise.data()[i] -= pair.columns.mean.data()[i];
    return noise;
}

/// The same of the tile, without what it draws as white noise.
Matrix<double> tile_noise(const TilePair& pair, const Device& device) {
    // Cells of the same tile without memory.
    const SprintTile quiet = pair.make_tile();
    const WordLineDrive drive(pair.circuits.drive);
    SlowReads reads(device, drive, pair.circuits.schedule, pair.design.site,
                    pair.circuits.arrays.shape, quiet.keys(), false);
    ProgrammedKeys keys = quiet.keys();
    reads.look(keys);
    Matrix<float> added(pair.rows(), pair.keys(), 0.0F);
    if (reads.tracks()) reads.add_to(0, pair.nq.view(), added.view());
    Matrix<double> noise(added.rows(), added.cols());
    for (std::size_t t = 0; t < noise.rows(); ++t) {
        for (std::size_t j = 0; j < noise.cols(); ++j) {
            noise(t, j) = static_cast<double>(added(t, j));
            for (std::size_t i = 0; i < pair.design.d; ++i) {
                noise(t, j) += static_cast<double>(pair.nq(t, i)) *
                               (static_cast<double>(keys.mean(j, i)) -
                                static_cast<double>(quiet.keys().mean(j, i)));
            }
        }
    }
    return noise;
}

/// Variance of each key's output for a relative variance of one.
std::vector<double> amplitudes(const TilePair& pair) {
    std::vector<double> square(pair.keys(), 0.0);
    for (std::size_t j = 0; j < pair.keys(); ++j) {
        for (std::size_t i = 0; i < pair.design.d; ++i) {
            const double n = static_cast<double>(pair.nq(0, i)) / pair.cells.dG_S;
            for (const SprintReferencePlane& plane : pair.cells.planes) {
                square[j] += std::pow(n * plane.written_S(j, i), 2);
                if (!plane.reference_S.empty())
                    square[j] += std::pow(n * plane.reference_S(j, i), 2);
            }
        }
    }
    return square;
}

struct Estimate {
    double value = 0.0, error = 0.0;
};

/// Covariance of reads t and u in units of the amplitude, and how well it is known.
Estimate covariance(const Matrix<double>& noise, const std::vector<double>& square, std::size_t t,
                    std::size_t u) {
    double sum = 0.0, squares = 0.0;
    const auto n = static_cast<double>(square.size());
    for (std::size_t j = 0; j < square.size(); ++j) {
        const double x = noise(t, j) * noise(u, j) / square[j];
        sum += x / n;
        squares += x * x / n;
    }
    return {sum, std::sqrt((squares - sum * sum) / n)};
}

/// Args: white: relative variance that the tile draws anew in every read.
void compare_memory(const char* name, const TilePair& pair, const Matrix<double>& fast,
                    const Matrix<double>& twin, double white) {
    const std::vector<double> square = amplitudes(pair);
    const double bound = sidak_sigmas(5.0, kReads * (kReads + 1) / 2);
    double worst = 0.0, level = 0.0;
    for (std::size_t t = 0; t < kReads; ++t) {
        for (std::size_t u = t; u < kReads; ++u) {
            Estimate a = covariance(fast, square, t, u);
            const Estimate b = covariance(twin, square, t, u);
            if (t == u) a.value += white;
            const double error = std::hypot(a.error, b.error);
            CAPTURE(name, t, u, a.value, b.value, error);
            // What physics.md allows the split: e^-3 of a white component between two reads.
            const double allowed = t == u ? 0.0 : std::exp(-3.0) * white;
            CHECK(std::abs(a.value - b.value) < bound * error + allowed);
            worst = std::max(worst, std::abs(a.value - b.value) / error);
            if (t == u) level = b.value;
            CHECK(error < 0.05 * level + (t == u ? 0.0 : 0.05 * b.value + 1e-3 * level) + 1e-12);
        }
    }
    std::printf("%s: relative variance %.3g, of it drawn as white %.3g, worst %.1f sigma\n", name,
                level, white, worst);
}

}  // namespace

TEST_CASE("1/f noise hangs together over reads as simulated cells do", "[stat]") {
    for (const Signs signs : {Signs::differential, Signs::offset}) {
        for (const double measured_at : {0.0, 4e-4}) {
            TilePairDesign design = memory_design(signs, 1e-8_s, 5e-4_s);
            const TilePair pair(design);
            design.device.programming.measured_at = Second::from_value(measured_at);
            design.device.slow_noise = {1e-3, 1.0, Hertz::from_value(1.0), Hertz::from_value(1e4),
                                        1.0};
            const NoiseReference reference{design.device.programming.measured_at, std::nullopt};
            const Matrix<double> twin =
                twin_noise(pair, [&](std::uint64_t which, std::size_t cells) {
                    return slow_paths(design, reference, which, cells);
                });
            const double white =
                SlowReads::white_variance(design.device, WordLineDrive(pair.circuits.drive),
                                          pair.circuits.schedule, pair.keys());
            CHECK(white > 0.0);
            compare_memory(measured_at > 0.0 ? "1/f, in part in the write" : "1/f", pair,
                           tile_noise(pair, design.device), twin, white);
        }
    }
}

TEST_CASE("telegraph noise hangs together over reads as simulated traps do", "[stat]") {
    for (const Signs signs : {Signs::differential, Signs::offset}) {
        TilePairDesign design = memory_design(signs, 5e-4_s, 0.0_s);
        const TilePair pair(design);
        TelegraphNoise noise;
        noise.traps_mean = 0.8;
        noise.step_median_rel = 0.1;
        noise.rate_low = noise.rate_high = 800.0;
        noise.occupancy = 0.3;
        design.device.telegraph = noise;
        const Matrix<double> twin = twin_noise(pair, [&](std::uint64_t which, std::size_t cells) {
            return trap_paths(design, which, cells);
        });
        compare_memory("telegraph", pair, tile_noise(pair, design.device), twin, 0.0);
    }
}

TEST_CASE("columns that clip with slow noise keep as often as simulated cells do", "[stat]") {
    constexpr int kChips = 24;
    for (const Signs signs : {Signs::differential, Signs::offset}) {
        double sum = 0.0, squares = 0.0, level = 0.0;
        std::int64_t clipped = 0;
        for (int chip = 0; chip < kChips; ++chip) {
            TilePairDesign design = silent_design("limited");
            make_noisy(design);
            design.site.chip = static_cast<std::uint64_t>(chip);
            design.mapping.signs = signs;
            design.n_q = 8;
            design.n_k = 60;
            design.d = 12;
            design.circuits.arrays.shape = {12, 1};
            design.circuits.schedule.read_interval = 1e-3_s;
            design.circuits.schedule.delay = 5e-4_s;
            design.i_max_A = 1.5e-5;
            TilePair pair(design);
            pair.design.device.programming.measured_at = {};
            pair.design.device.slow_noise = {4e-3, 1.0, Hertz::from_value(1.0),
                                             Hertz::from_value(1e4), 1.0};
            const SlowReferencePass pass{1e-8, 1e-3, design.n_q, 4, 5e-4};
            const auto path = [&](std::uint64_t which) {
                return slow_noise_reference(pair.design.device.slow_noise.components(),
                                            std::nullopt, pass,
                                            kOwn.with({std::uint64_t(chip), which, 3}), 60 * 12);
            };
            const CellPaths paths = {path(0), path(1), path(2)};
            pair.settings.slow_deviation = [&](std::uint64_t plane, std::size_t j, std::size_t i,
                                               std::size_t t) {
                return paths[plane](j * 12 + i, t);
            };
            pair.settings.reference_deviation = [&](std::uint64_t, std::size_t a, std::size_t i,
                                                    std::size_t t) {
                return paths[2](a * 12 + i, t);
            };
            TileTotals totals;
            const Matrix<std::uint8_t> fast = pair.keep(20.0F, nullptr, &totals);
            const SprintReferenceRead twin = pair.twin_read(20.0F);
            double difference = 0.0;
            for (std::size_t i = 0; i < fast.size(); ++i) {
                difference +=
                    static_cast<double>(fast.data()[i]) - static_cast<double>(twin.kept.data()[i]);
                level += static_cast<double>(twin.kept.data()[i]) / kChips;
            }
            clipped += totals.column_clipped;
            sum += difference;
            squares += difference * difference;
        }
        const double mean = sum / kChips;
        const double error = std::sqrt(squares / kChips - mean * mean) / std::sqrt(kChips - 1.0);
        CAPTURE(static_cast<int>(signs), mean, error, level, clipped);
        CHECK(std::abs(mean) < 5.0 * error);
        CHECK(5.0 * error < 0.1 * level);
        CHECK(clipped > 500);
        std::printf("limited columns with 1/f: kept %.1f a head, paired difference %.2f +- %.2f\n",
                    level, mean, error);
    }
}

TEST_CASE("what is white over a read of many pulses adds up over its pulses", "[unit]") {
    // A component faster than reads but slower than pulses: the largest code holds its line for the
    // whole read, so its output has L^2 V(T) of it, L pulses with L V(T) each.
    TilePairDesign design = memory_design(Signs::differential, 1e-5_s, 0.0_s);
    design.n_k = 4;
    design.circuits.drive.coding = InputCoding::pulse_width;
    design.device.slow_noise = {1e-3, 1.0, Hertz::from_value(1e3), Hertz::from_value(1e4), 1.0};
    const TileCircuits circuits = design.finished();
    double expected = 0.0;
    for (const SlowComponent& one : design.device.slow_noise.components()) {
        if (one.rate * 1e-3 > 3.0) {
            expected += one.sigma * one.sigma * averaged_variance(one.rate * 7.0 * 1e-5);
        }
    }
    CHECK(SlowReads::white_variance(design.device, WordLineDrive(circuits.drive), circuits.schedule,
                                    4) == Approx(7.0 * expected).epsilon(1e-6));
}
