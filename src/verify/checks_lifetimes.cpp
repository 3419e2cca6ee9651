#include <algorithm>
#include <cmath>

#include "src/verify/checks.hpp"
#include "src/verify/moments.hpp"

/// Chip, write event, read: whose draw is it? (physics.md section 5)
namespace attohm {

namespace {

constexpr std::size_t kSide = 128;

/// A device with enough faults to tell two maps apart: the card's laws, 0.05 of each kind.
Device faulty(const Device& device) {
    Device part = quiet(device);
    part.stuck.low_rate = part.stuck.high_rate = 0.05;
    part.stuck.low_resistance = 1.0 / device.g_max;
    part.stuck.high_resistance = 1.0 / (device.g_max * 1e-3);
    part.stuck.spatial = StuckSpatial::independent;
    return part;
}

/// Which cells show something else than was written.
std::vector<bool> broken(const Bench& bench, const DrawSite& site) {
    const double written = bench.middle_S();
    const Matrix<double> target = filled(kSide, kSide, written);
    const Matrix<double> g =
        bench.model.program(faulty(bench.model.device), target.view(), site, {}).conductance_S;
    std::vector<bool> cells;
    for (std::size_t i = 0; i < g.size(); ++i)
        cells.push_back(std::abs(g.data()[i] / written - 1.0) > 1e-9);
    return cells;
}

double both(const std::vector<bool>& a, const std::vector<bool>& b) {
    double count = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a[i] && b[i] ? 1.0 : 0.0;
    return count;
}

double differing(const std::vector<bool>& a, const std::vector<bool>& b) {
    double count = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i] ? 1.0 : 0.0;
    return count;
}

/// Cells of a reference column that are not the same in two write events.
double moved_references(const Bench& bench, const DrawSite& first, const DrawSite& second) {
    const Matrix<float> levels(16, 64, 0.0F);
    const Device device = varied(bench.model.device);
    const auto reference = [&](const DrawSite& site) {
        const KeyColumns keys = bench.model.keys(device, {levels.view(), Signs::offset, site});
        const Matrix<float>& g = keys.columns.front().conductance;
        return std::vector<float>(g.row(g.rows() - 1), g.row(g.rows() - 1) + g.cols());
    };
    const std::vector<float> a = reference(first), b = reference(second);
    double count = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i] ? 1.0 : 0.0;
    return count;
}

/// Errors of one write event in units of their spread.
std::vector<double> write_errors(const Bench& bench, const DrawSite& site) {
    const Matrix<double> target = filled(kSide, kSide, bench.middle_S());
    const Matrix<double> g =
        bench.model.program(varied(bench.model.device), target.view(), site, {}).conductance_S;
    std::vector<double> errors(g.data(), g.data() + g.size());
    const Moments moments = sample_moments(errors);
    // Equal cells have no errors to correlate, only rounding (`programming` sees that).
    const double sigma = std::sqrt(moments.variance);
    const double spread = sigma > 1e-9 * std::abs(moments.mean) ? sigma : std::abs(moments.mean);
    for (double& x : errors) x = (x - moments.mean) / spread;
    return errors;
}

/// Noise of every kind that the card has, of cells that certainly vary.
Device noisy(const Device& device) {
    Device part = varied(device);
    part.read_noise = device.read_noise;
    part.slow_noise = device.slow_noise;
    part.telegraph = device.telegraph;
    return part;
}

}  // namespace

Outcome check_chip_lifetime(const Bench& bench) {
    const std::vector<bool> first = broken(bench, bench.site(0, 0));
    const std::vector<bool> again = broken(bench, bench.site(1, 0));
    const std::vector<bool> other = broken(bench, bench.site(0, 1));
    Judge judge;
    judge.within("stuck cells that another write event moved", differing(first, again), 0.0, 0.0);
    // Two chips share a faulty cell by chance only: n p p' of them, with the rates as they are.
    const double n = kSide * kSide, p = both(first, first) / n, q = both(other, other) / n;
    judge.statistic("cells stuck in both of two chips", both(first, other), n * p * q,
                    std::sqrt(n * p * q * (1.0 - p * q)), n * p * 0.5);
    judge.within("cells of a reference column that another write event moved",
                 moved_references(bench, bench.site(0, 0), bench.site(1, 0)), 0.0, 0.0);
    judge.holds("another chip has another reference column",
                moved_references(bench, bench.site(0, 0), bench.site(0, 1)) > 0.0);
    return judge.outcome();
}

Outcome check_write_lifetime(const Bench& bench) {
    const std::vector<double> first = write_errors(bench, bench.site(20));
    const std::vector<double> same = write_errors(bench, bench.site(20));
    Judge judge;
    judge.holds("the same write event has the same bits", first == same);
    DrawSite seeded = bench.site(20);
    seeded.seed += 1;
    const double error = 1.0 / std::sqrt(static_cast<double>(first.size()));
    for (const auto& [name, site] :
         {std::pair("two write events", bench.site(21)), std::pair("two chips", bench.site(20, 1)),
          std::pair("two seeds", seeded)}) {
        judge.statistic(fmt::format("correlation of the errors of {}", name),
                        mean_product(first, write_errors(bench, site)), 0.0, error, 0.2);
    }
    return judge.outcome();
}

Outcome check_read_lifetime(const Bench& bench) {
    constexpr std::size_t kReads = 32;
    const Device device = varied(bench.model.device);
    const Matrix<double> target = filled(32, 16, bench.middle_S());
    const Matrix<double> g =
        bench.model.program(device, target.view(), bench.site(22), {}).conductance_S;
    const Matrix<double> v = filled(kReads, 32, bench.volt());
    const Matrix<float> current =
        bench.model.read(device, g.view(), v.view(), read_settings(bench, 1e-8, kReads));
    // Without read noise nothing may change from read to read: the cells are what they are.
    double changed = 0.0, wrong = 0.0;
    for (std::size_t b = 0; b < kReads; ++b) {
        for (std::size_t c = 0; c < g.cols(); ++c) {
            changed += current(b, c) != current(0, c) ? 1.0 : 0.0;
            double right = 0.0;
            for (std::size_t r = 0; r < g.rows(); ++r) right += v(b, r) * g(r, c);
            wrong = std::max(wrong, std::abs(static_cast<double>(current(b, c)) / right - 1.0));
        }
    }
    Judge judge;
    judge.within("currents that changed from one silent read to another", changed, 0.0, 0.0);
    judge.within("largest relative error of a silent read of cells that vary", wrong, 0.0, 1e-5);
    return judge.outcome();
}

Outcome check_batch(const Bench& bench) {
    const Device device = noisy(bench.model.device);
    if (device.read_noise.none() && device.slow_noise.none() && device.telegraph.none())
        return Judge::absent("reads are silent");
    constexpr std::size_t kReads = 64, kRows = 16, kColumns = 24;
    const Matrix<double> g = filled(kRows, kColumns, bench.middle_S());
    const Matrix<double> v = filled(kReads, kRows, bench.volt());
    PlainReadSettings settings = read_settings(bench, 1e-8, kReads);
    const Matrix<float> whole = bench.model.read(device, g.view(), v.view(), settings);
    double apart = 0.0;
    for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{32}}) {
        for (std::size_t first = 0; first < kReads; first += size) {
            settings.first = first;
            const std::size_t count = std::min(size, kReads - first);
            const Matrix<float> part =
                bench.model.read(device, g.view(), v.view().rows_from(first, count), settings);
            for (std::size_t b = 0; b < count; ++b) {
                for (std::size_t c = 0; c < kColumns; ++c)
                    apart = std::max(apart, std::abs(static_cast<double>(part(b, c)) -
                                                     static_cast<double>(whole(first + b, c))));
            }
        }
    }
    // White noise: the same bits. Noise that is tracked: the same numbers, summed in another order.
    const bool memory = !device.slow_noise.none() || !device.telegraph.none();
    const double current = bench.volt() * bench.middle_S() * kRows;
    Judge judge;
    judge.within("largest change of a current with the size of its batch, relative",
                 apart / current, 0.0, memory ? 2e-6 : 0.0);
    return judge.outcome();
}

}  // namespace attohm
