#include <algorithm>
#include <cmath>
#include <random>

#include "src/verify/checks.hpp"

/// Laws without a draw: levels, products, the reference column, the energy of a write.
namespace attohm {

namespace {

constexpr int kBits = CrossbarModel::kKeyBits;
constexpr int kHalf = 1 << (kBits - 1);  ///< n_max

Matrix<float> random_levels(std::uint64_t seed, std::size_t n, std::size_t d) {
    std::mt19937_64 engine(seed);
    Matrix<float> levels(n, d);
    for (std::size_t i = 0; i < levels.size(); ++i)
        levels.data()[i] = static_cast<float>(static_cast<int>(engine() >> 60) - kHalf);
    return levels;
}

/// One step of a level in siemens: the range over the levels of a cell.
double step_S(const CardNumbers& card, Signs signs) {
    const int steps = signs == Signs::differential ? kHalf : 2 * kHalf - 1;
    return (card.g_max_S - card.g_min_S) / steps;
}

/// Conductances of one row of cells that hold levels -n_max .. n_max - 1.
void judge_ladder(const Bench& bench, Signs signs, Judge& judge) {
    Matrix<float> levels(1, 2 * kHalf);
    for (int k = 0; k < 2 * kHalf; ++k) levels(0, std::size_t(k)) = static_cast<float>(k - kHalf);
    const KeyColumns keys =
        bench.model.keys(quiet(bench.model.device), {levels.view(), signs, bench.site()});
    const double dG = step_S(bench.card, signs), g_max = bench.card.g_max_S;
    const char* name = signs == Signs::differential ? "pair" : "offset column";
    for (const KeyColumns::Column& column : keys.columns) {
        const double sign = column.polarity == Polarity::plus ? 1.0 : -1.0;
        for (int k = 0; k < 2 * kHalf; ++k) {
            const double m = k - kHalf;
            const double digit = signs == Signs::differential ? std::max(sign * m, 0.0) : m + kHalf;
            const double got = static_cast<double>(column.conductance(0, std::size_t(k))) * dG;
            judge.within(fmt::format("G of level {} ({}{}), S", m, name,
                                     signs != Signs::differential ? ""
                                     : sign > 0                   ? " +"
                                                                  : " -"),
                         got, bench.card.g_min_S + dG * digit, 1e-6 * g_max);
        }
    }
}

/// Scores of keys written without error against the integer product.
void judge_scores(const Bench& bench, Signs signs, Judge& judge) {
    const Matrix<float> levels = random_levels(bench.seed + 1, 48, 64);
    const Matrix<float> q = random_levels(bench.seed + 2, 16, 64);
    const KeyColumns keys =
        bench.model.keys(quiet(bench.model.device), {levels.view(), signs, bench.site()});
    double largest = 0.0;
    for (std::size_t t = 0; t < q.rows(); ++t) {
        for (std::size_t j = 0; j < levels.rows(); ++j) {
            double got = 0.0, right = 0.0;
            for (std::size_t i = 0; i < levels.cols(); ++i) {
                got += static_cast<double>(q(t, i)) * static_cast<double>(keys.mean(j, i));
                right += static_cast<double>(q(t, i)) * static_cast<double>(levels(j, i));
            }
            largest = std::max(largest, std::abs(got - right));
        }
    }
    judge.within(fmt::format("largest |score - integer product| ({})",
                             signs == Signs::differential ? "pair" : "offset column"),
                 largest, 0.0, 1e-3);
}

}  // namespace

Outcome check_levels(const Bench& bench) {
    Judge judge;
    judge_ladder(bench, Signs::differential, judge);
    judge_ladder(bench, Signs::offset, judge);
    return judge.outcome();
}

Outcome check_write_then_read(const Bench& bench) {
    Judge judge;
    judge_scores(bench, Signs::differential, judge);
    judge_scores(bench, Signs::offset, judge);
    return judge.outcome();
}

Outcome check_reference(const Bench& bench) {
    const Matrix<float> levels = random_levels(bench.seed + 3, 32, 64);
    const KeyColumns keys =
        bench.model.keys(varied(bench.model.device), {levels.view(), Signs::offset, bench.site(3)});
    const KeyColumns::Column& column = keys.columns.front();
    const double nominal = bench.card.g_min_S / step_S(bench.card, Signs::offset) + kHalf;
    if (column.conductance.rows() != levels.rows() + 1) {
        Judge judge;
        judge.refuse("reference column", "there is none");
        return judge.outcome();
    }
    // The mean of a key is its cells less the reference's, as they were drawn.
    double wrong = 0.0, moved = 0.0;
    for (std::size_t j = 0; j < levels.rows(); ++j) {
        for (std::size_t i = 0; i < levels.cols(); ++i) {
            const double cell = static_cast<double>(column.conductance(j, i));
            const double reference = static_cast<double>(column.conductance(levels.rows(), i));
            wrong = std::max(wrong,
                             std::abs(static_cast<double>(keys.mean(j, i)) - (cell - reference)));
            moved = std::max(moved, std::abs(reference - nominal));
        }
    }
    Judge judge;
    judge.within("largest |mean - (G - G_ref) / dG|", wrong, 0.0, 1e-4);
    // Else a reference that nothing reads would look the same.
    if (moved < 1e-2) judge.refuse("reference column", "its cells hold no error to be read");
    return judge.outcome();
}

Outcome check_product(const Bench& bench) {
    constexpr std::size_t kRows = 64, kColumns = 48, kBatch = 8;
    std::mt19937_64 engine(bench.seed + 4);
    const auto uniform = [&] { return static_cast<double>(engine() >> 11) * 0x1p-53; };
    Matrix<double> g(kRows, kColumns), v(kBatch, kRows);
    for (std::size_t k = 0; k < g.size(); ++k)
        g.data()[k] = bench.card.g_min_S + (bench.card.g_max_S - bench.card.g_min_S) * uniform();
    for (std::size_t k = 0; k < v.size(); ++k) v.data()[k] = bench.volt() * (2.0 * uniform() - 1.0);
    const Device device = quiet(bench.model.device);
    const Matrix<double> written =
        bench.model.program(device, g.view(), bench.site(4), {}).conductance_S;
    const Matrix<float> current =
        bench.model.read(device, written.view(), v.view(), read_settings(bench, 1e-8, kBatch));
    double wrong = 0.0, largest = 0.0;
    for (std::size_t b = 0; b < kBatch; ++b) {
        for (std::size_t c = 0; c < kColumns; ++c) {
            double right = 0.0, scale = 0.0;
            for (std::size_t r = 0; r < kRows; ++r) {
                right += v(b, r) * g(r, c);
                scale += std::abs(v(b, r)) * g(r, c);
            }
            wrong = std::max(wrong, std::abs(static_cast<double>(current(b, c)) - right));
            largest = std::max(largest, scale);
        }
    }
    Judge judge;
    judge.within("largest |I_j - sum V_i G_ij| / max sum |V| G", wrong / largest, 0.0, 1e-5);
    return judge.outcome();
}

Outcome check_write_energy(const Bench& bench) {
    const CardNumbers::Write& write = bench.card.write;
    const Matrix<double> target = filled(16, 16, bench.middle_S());
    const PlainArray array =
        bench.model.program(quiet(bench.model.device), target.view(), bench.site(), {});
    const double per_pulse = write.pulse_V * write.pulse_V * write.pulse_s +
                             write.verify_V * write.verify_V * write.verify_s;
    const double right = 256.0 * write.pulses * per_pulse * bench.middle_S();
    Judge judge;
    judge.within("energy of writing 256 cells, J", array.write_energy.value(), right, 1e-9 * right);
    const double time = 256.0 * write.pulses * (write.pulse_s + write.verify_s);
    judge.within("time of writing 256 cells, s", array.write_time.value(), time, 1e-9 * time);
    return judge.outcome();
}

}  // namespace attohm
