#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "tests/reference/decision_statistics.hpp"
#include "tests/tile/tile_pair.hpp"

/// Draws of the tile against the twin's single cells: how often a key is kept over chips, and how
/// outputs scatter and hang together over reads.
using namespace attohm;
using namespace attohm::literals;

namespace {

constexpr int kChips = 16;
constexpr std::size_t kReads = 2000;

TilePairDesign noisy_design(const char* name, Signs signs, InputCoding coding, int rows) {
    TilePairDesign design = silent_design(name);
    make_noisy(design);
    design.device.read_noise.sigma_rel = 0.06;
    design.circuits.comparator.noise_sigma = 12.0_mV;
    design.n_q = design.n_k = 40;
    design.mapping.signs = signs;
    design.circuits.drive.coding = coding;
    design.circuits.arrays.shape.rows = rows;
    return design;
}

double sum_of(const Matrix<std::uint8_t>& kept) {
    double sum = 0.0;
    for (std::size_t i = 0; i < kept.size(); ++i) sum += kept.data()[i];
    return sum;
}

/// Kept keys of both on the same chips. `law`: the twin knows every probability.
void compare_frequencies(TilePairDesign design, bool law) {
    double sum = 0.0, squares = 0.0, level = 0.0, worst = 0.0;
    int n = 0;
    for (int chip = 0; chip < kChips; ++chip) {
        design.site.chip = static_cast<std::uint64_t>(chip);
        const TilePair pair(design);
        for (const float share : {0.02F, 0.2F}) {
            const float threshold = share * static_cast<float>(pair.circuits.sense.n_fs);
            const double fast = sum_of(pair.keep(threshold));
            const double twin = sum_of(pair.twin_read(threshold).kept);
            sum += fast - twin;
            squares += (fast - twin) * (fast - twin);
            level += twin;
            ++n;
            if (!law) continue;
            const Matrix<double> p = pair.twin_probabilities(threshold);
            const BinomialBand band = binomial_band({p.data(), p.size()});
            REQUIRE(judgeable(band));
            for (const double count : {fast, twin}) {
                CHECK(std::abs(deviation(band, count)) < sidak_sigmas(5.0, 2));
                worst = std::max(worst, std::abs(deviation(band, count)));
            }
        }
    }
    const double mean = sum / n;
    const double error = std::sqrt(squares / n - mean * mean) / std::sqrt(n - 1.0);
    CAPTURE(design.name, mean, error, level / n);
    CHECK(std::abs(mean) < 5.0 * error);
    CHECK(5.0 * error < 0.05 * level / n);
    std::printf("%s: kept %.1f a head, paired difference %.2f +- %.2f, worst chip %.1f sigma\n",
                design.name.c_str(), level / n, mean, error, worst);
}

/// What the comparators compared in many reads of query 0, by bisection of the threshold.
Matrix<double> drawn_outputs(const TilePair& pair, std::size_t reads) {
    TileCircuits circuits = pair.circuits;
    circuits.schedule.reads_in_all = reads;
    SprintTile tile(circuits, pair.map, pair.design.device, pair.design.site, pair.levels.view(),
                    pair.keys());
    const std::size_t n = pair.keys();
    Matrix<float> nq(reads, pair.design.d);
    for (std::size_t t = 0; t < reads; ++t) std::copy_n(pair.nq.row(0), nq.cols(), nq.row(t));
    Matrix<double> outputs(reads, n);
    Matrix<std::uint8_t> keep(reads, n);
    const std::vector<std::uint32_t> ends(reads, static_cast<std::uint32_t>(n));
    for (std::size_t j = 0; j < n; ++j) {
        std::vector<double> low(reads, -1024.0), high(reads, 1024.0);
        std::vector<float> middle(reads);
        for (int step = 0; step < 18; ++step) {
            for (std::size_t t = 0; t < reads; ++t) {
                middle[t] = static_cast<float>(0.5 * (low[t] + high[t]));
            }
            tile.decide(0, nq.view(), middle, {ends, {}}, keep.view(), {});
            for (std::size_t t = 0; t < reads; ++t) {
                (keep(t, j) != 0 ? low : high)[t] = static_cast<double>(middle[t]);
            }
        }
        for (std::size_t t = 0; t < reads; ++t) outputs(t, j) = 0.5 * (low[t] + high[t]);
    }
    return outputs;
}

/// Means, variances and correlations of two columns over the rows.
struct Pair {
    double mean_a = 0.0, mean_b = 0.0, var_a = 0.0, var_b = 0.0, correlation = 0.0;
};
Pair moments(const Matrix<double>& x, std::size_t a, std::size_t b) {
    Pair m;
    const auto n = static_cast<double>(x.rows());
    for (std::size_t t = 0; t < x.rows(); ++t) {
        m.mean_a += x(t, a) / n;
        m.mean_b += x(t, b) / n;
    }
    double covariance = 0.0;
    for (std::size_t t = 0; t < x.rows(); ++t) {
        m.var_a += std::pow(x(t, a) - m.mean_a, 2) / n;
        m.var_b += std::pow(x(t, b) - m.mean_b, 2) / n;
        covariance += (x(t, a) - m.mean_a) * (x(t, b) - m.mean_b) / n;
    }
    m.correlation = covariance / std::sqrt(m.var_a * m.var_b);
    return m;
}

/// White noise alone, one query.
TilePairDesign repeated_design(Signs signs, InputCoding coding, DriveSigns drive, int rows) {
    TilePairDesign design = silent_design("repeated");
    design.device.read_noise = {0.05, 0.5_uS, 10.0_ns, 1.0};
    design.mapping.signs = signs;
    design.circuits.drive.coding = coding;
    design.circuits.drive.signs = drive;
    design.circuits.arrays.shape.rows = rows;
    design.circuits.sense.n_fs = 3000.0;
    design.n_q = 1;
    design.n_k = 3;
    design.same_query = true;
    return design;
}

}  // namespace

TEST_CASE("keys are kept as often as single cells say, over chips", "[stat]") {
    {
        TilePairDesign d = noisy_design("sliced pair, pulses in two phases, parts",
                                        Signs::differential, InputCoding::pulse_width, 7);
        d.mapping.cell_bits = 2;
        d.circuits.drive.signs = DriveSigns::two_phase;
        compare_frequencies(d, true);
    }
    {
        TilePairDesign d = noisy_design("sliced offset, two's complement, parts", Signs::offset,
                                        InputCoding::bit_serial, 7);
        d.mapping.cell_bits = 2;
        d.circuits.drive.signs = DriveSigns::twos_complement;
        compare_frequencies(d, true);
    }
    {
        TilePairDesign d =
            noisy_design("offset, clipped sense", Signs::offset, InputCoding::amplitude, 64);
        d.circuits.sense.n_fs = 60.0;
        d.circuits.sense.v_fs = 100.0_mV;
        compare_frequencies(d, true);
    }
    {
        TilePairDesign d =
            noisy_design("bent cells, offset, pulses", Signs::offset, InputCoding::pulse_width, 64);
        d.device.cell.iv.law = IvLaw::sinh;
        d.device.cell.iv.v_ref = 0.1_V;
        d.device.cell.iv.v0 = 0.15_V;
        compare_frequencies(d, true);
    }
}

TEST_CASE("parts and conversions keep as often as single cells say, over chips", "[stat]") {
    {
        TilePairDesign d =
            noisy_design("charge of parts", Signs::differential, InputCoding::amplitude, 7);
        d.circuits.summation = Summation::charge;
        d.circuits.sense.v_fs = 0.9_V;
        compare_frequencies(d, true);
        d.name = "charge of parts that clip";
        d.mapping.signs = Signs::offset;
        d.circuits.drive.coding = InputCoding::bit_serial;
        d.circuits.sense.n_fs = 50.0;
        d.circuits.sense.v_fs = 0.15_V;
        compare_frequencies(d, false);
    }
    {
        TilePairDesign d =
            noisy_design("converted parts", Signs::differential, InputCoding::amplitude, 7);
        d.device.read_noise.sigma_rel = 0.3;
        d.circuits.readout = Readout::adc;
        d.circuits.summation = Summation::adc;
        d.adc_bits = 6;
        compare_frequencies(d, true);
        d.name = "converted offset, bit by bit";
        d.mapping.signs = Signs::offset;
        d.circuits.drive.coding = InputCoding::bit_serial;
        d.circuits.sense.n_fs = 80.0;  // conversions clip
        compare_frequencies(d, true);
    }
}

TEST_CASE("columns that clip keep as often as single cells say, over chips", "[stat]") {
    {
        TilePairDesign d =
            noisy_design("limited pair", Signs::differential, InputCoding::amplitude, 64);
        d.i_max_A = 2e-5;
        compare_frequencies(d, false);
    }
    {
        TilePairDesign d = noisy_design("limited offset, pulses, parts", Signs::offset,
                                        InputCoding::pulse_width, 7);
        d.i_max_A = 1.2e-5;
        compare_frequencies(d, false);
    }
    {
        TilePairDesign d = noisy_design("limited pair, two's complement, parts",
                                        Signs::differential, InputCoding::bit_serial, 7);
        d.circuits.drive.signs = DriveSigns::twos_complement;
        d.i_max_A = 1.2e-5;
        compare_frequencies(d, false);
    }
}

TEST_CASE("comparators in doubt keep as often as single cells say, over chips", "[stat]") {
    for (const Signs signs : {Signs::differential, Signs::offset}) {
        TilePairDesign d =
            noisy_design("coins, memory and trim", signs, InputCoding::amplitude, 64);
        d.circuits.comparator.timing = DecisionTiming{70e-12_s, 20e-12_s, 1.0_V, 130e-12_s};
        d.circuits.comparator.undecided = Undecided::coin;
        d.circuits.comparator.hysteresis = 30.0_mV;
        d.circuits.trim = OffsetTrim(3, 24.0_mV);
        compare_frequencies(d, false);
    }
}

TEST_CASE("outputs scatter by the law of their coding on either path", "[stat]") {
    for (const auto& [coding, drive] :
         {std::pair{InputCoding::amplitude, DriveSigns::bipolar},
          std::pair{InputCoding::amplitude, DriveSigns::two_phase},
          std::pair{InputCoding::bit_serial, DriveSigns::bipolar},
          std::pair{InputCoding::bit_serial, DriveSigns::twos_complement},
          std::pair{InputCoding::pulse_width, DriveSigns::bipolar}}) {
        for (const Signs signs : {Signs::differential, Signs::offset}) {
            for (const bool columns : {false, true}) {
                for (const int repeats : {1, 3}) {
                    TilePairDesign design = repeated_design(signs, coding, drive, columns ? 7 : 64);
                    design.circuits.drive.repeats = repeats;
                    // The twin's law of one read, the reference's part by its one draw.
                    const TilePair law(design);
                    if (columns) design.i_max_A = 1.0;
                    const TilePair pair(design);
                    const Pair m = moments(drawn_outputs(pair, kReads), 0, 2);
                    const double n = static_cast<double>(kReads);
                    CAPTURE(static_cast<int>(coding), static_cast<int>(drive),
                            static_cast<int>(signs), columns, repeats);
                    const double z = reference_noise_stream(design.site, 0).normal(0);
                    const double common = std::pow(law.columns.common(0, 0) / z, 2);
                    const double own_a = std::pow(law.columns.sigma(0, 0), 2);
                    const double own_b = std::pow(law.columns.sigma(0, 2), 2);
                    const double var_a = (own_a + common) / repeats;
                    const double var_b = (own_b + common) / repeats;
                    CHECK(std::abs(m.var_a / var_a - 1.0) < 5.0 * std::sqrt(2.0 / n));
                    CHECK(std::abs(m.var_b / var_b - 1.0) < 5.0 * std::sqrt(2.0 / n));
                    CHECK(std::abs(m.mean_a - law.columns.mean(0, 0)) <
                          5.0 * std::sqrt(var_a / n) + 1e-3);
                    const double r = common / std::sqrt((own_a + common) * (own_b + common));
                    CHECK(std::abs(m.correlation - r) < 5.0 * (1.0 - r * r) / std::sqrt(n));
                    if (signs == Signs::offset) CHECK(r > 0.25);
                }
            }
        }
    }
}

TEST_CASE("white noise through wires has the variance of single cells in the circuit", "[stat]") {
    TilePairDesign design =
        repeated_design(Signs::differential, InputCoding::amplitude, DriveSigns::bipolar, 8);
    design.d = 8;
    design.n_k = 4;
    design.n_q = kReads;
    design.device.read_noise = {0.03, {}, 10.0_ns, 1.0};
    WireResistances& wires = design.circuits.arrays.wires;
    wires.row = wires.column = Ohm::from_value(150.0);
    wires.driver = wires.sense = Ohm::from_value(300.0);
    design.circuits.arrays.shape = {8, 4};
    for (const Signs signs : {Signs::differential, Signs::offset}) {
        design.mapping.signs = signs;
        const TilePair pair(design);
        const Matrix<double> twin = pair.twin_read(0.0F).output;
        const Matrix<double> fast = drawn_outputs(pair, kReads);
        TilePairDesign without = design;
        without.circuits.arrays.wires = {};
        without.n_q = 1;
        const TilePair ideal(without);
        for (std::size_t j = 0; j < 4; ++j) {
            const Pair a = moments(fast, j, 0), b = moments(twin, j, 0);
            const double n = static_cast<double>(design.n_q);
            CAPTURE(static_cast<int>(signs), j, a.var_a, b.var_a);
            CHECK(std::abs(a.mean_a - b.mean_a) < 5.0 * std::sqrt(2.0 * b.var_a / n));
            CHECK(std::abs(a.var_a / b.var_a - 1.0) < 5.0 * std::sqrt(4.0 / n));
            // Wires of this size are felt.
            const double own = std::pow(ideal.columns.sigma(0, j), 2);
            CHECK(a.var_a < 0.8 * own + (signs == Signs::offset ? own : 0.0));
        }
    }
}
