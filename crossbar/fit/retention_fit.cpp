#include "crossbar/fit/retention_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "src/base/error.hpp"

namespace attohm::fit {

namespace {

constexpr std::size_t kLeastWrites = 8;
constexpr double kSameAge = 1.1;  ///< ages closer than this factor are one age
constexpr int kMostDegree = 3;

std::vector<WriteEvent> read_events(const MeasuredTable& table) {
    std::map<std::pair<CellId, double>, WriteEvent> events;
    for (std::size_t i = 0; i < table.rows(); ++i) {
        const CellId cell = cell_of(table, i);
        const double target = table.column("target")[i];
        WriteEvent& event = events[{cell, target}];
        event.cell = cell;
        event.target_uS = target;
        event.reads.push_back({table.column("temperature")[i], table.column("age")[i],
                               table.column("conductance")[i], i});
    }
    std::vector<WriteEvent> out;
    for (auto& [key, event] : events) {
        std::stable_sort(event.reads.begin(), event.reads.end(), [](const auto& a, const auto& b) {
            return std::pair(a.temperature_K, a.age_s) < std::pair(b.temperature_K, b.age_s);
        });
        for (std::size_t i = 1; i < event.reads.size(); ++i) {
            const auto& a = event.reads[i - 1];
            const auto& b = event.reads[i];
            if (a.temperature_K == b.temperature_K && a.age_s == b.age_s)
                throw UserError("a cell was read twice at one age", table.place(b.row, "age"),
                                fmt::format("{:g} s again, of {}", b.age_s, cell_text(event.cell)),
                                "one row per cell, target, temperature and age");
        }
        out.push_back(std::move(event));
    }
    return out;
}

/// The temperature with most readings; of several the lowest.
double reference_of(const MeasuredTable& table) {
    std::map<double, std::size_t> counts;
    for (const double t : table.column("temperature")) ++counts[t];
    double best = counts.begin()->first;
    for (const auto& [t, n] : counts)
        if (n > counts[best]) best = t;
    return best;
}

std::size_t drop_stuck(std::vector<WriteEvent>& events, double reference,
                       const std::set<CellId>& known) {
    std::vector<Reading> youngest;
    for (const WriteEvent& e : events)
        for (const auto& read : e.reads)
            if (read.temperature_K == reference) {
                youngest.push_back({e.cell, e.target_uS, read.conductance_uS});
                break;
            }
    std::set<CellId> stuck = known;
    if (!youngest.empty()) {
        const StuckFit own = find_stuck(youngest);
        stuck.insert(own.low.begin(), own.low.end());
        stuck.insert(own.high.begin(), own.high.end());
    }
    std::set<CellId> gone;
    for (const WriteEvent& e : events)
        if (stuck.count(e.cell) > 0) gone.insert(e.cell);
    events.erase(std::remove_if(events.begin(), events.end(),
                                [&](const WriteEvent& e) { return gone.count(e.cell) > 0; }),
                 events.end());
    return gone.size();
}

/// Conductances of a level, [write][age], every write read at every age.
struct LevelData {
    std::vector<double> ages;
    std::vector<std::vector<double>> conductance;
};

LevelData level_data(const MeasuredTable& table, const std::vector<const WriteEvent*>& events,
                     double reference, double t0) {
    std::map<double, int> ages;
    for (const WriteEvent* e : events)
        for (const auto& r : e->reads)
            if (r.temperature_K == reference && r.age_s >= t0 * (1.0 - 1e-9)) ages[r.age_s] = 1;
    LevelData data;
    std::vector<double> lows;
    for (const auto& [age, unused] : ages) {
        if (!lows.empty() && age < kSameAge * lows.back()) continue;
        lows.push_back(age);
    }
    const std::size_t count = lows.size();
    std::vector<double> sums(count, 0.0), reads(count, 0.0);
    for (const WriteEvent* e : events) {
        std::vector<double> row(count, -1.0);
        for (const auto& r : e->reads) {
            if (r.temperature_K != reference || r.age_s < t0 * (1.0 - 1e-9)) continue;
            const auto group = static_cast<std::size_t>(
                std::upper_bound(lows.begin(), lows.end(), r.age_s) - lows.begin() - 1);
            row[group] = r.conductance_uS;
            sums[group] += std::log(r.age_s);
            reads[group] += 1.0;
        }
        for (std::size_t k = 0; k < count; ++k)
            if (row[k] < 0.0)
                throw UserError(
                    "a cell was not read at an age of its level",
                    table.place(e->reads.front().row, "age"),
                    fmt::format("no reading near {:g} s of {}", lows[k], cell_text(e->cell)),
                    "every cell of a target read at every age of it, at one temperature");
        data.conductance.push_back(std::move(row));
    }
    for (std::size_t k = 0; k < count; ++k) data.ages.push_back(std::exp(sums[k] / reads[k]));
    return data;
}

struct Line {
    double constant = 0.0, slope = 0.0;
};

/// s0 + s1 x through the deviations at each age.
class SpreadLine {
  public:
    SpreadLine(const LevelData& data, double t0) : data_(data) {
        for (std::size_t k = 0; k < data.ages.size(); ++k) {
            std::vector<double> values;
            for (const auto& row : data.conductance) values.push_back(row[k]);
            const double s = deviation_of(values);
            means_.push_back(mean_of(values));
            squares_.push_back(s * s * static_cast<double>(values.size() - 1));
            x_.push_back(std::log(data.ages[k] / t0));
        }
    }

    Line whole() const {
        const std::size_t n = data_.conductance.size();
        return through(n, [&](std::size_t k) { return squares_[k]; });
    }
    /// Of all writes but one: from the sums.
    Line without(std::size_t write) const {
        const double n = static_cast<double>(data_.conductance.size());
        return through(data_.conductance.size() - 1, [&](std::size_t k) {
            const double off = data_.conductance[write][k] - means_[k];
            return std::max(squares_[k] - off * off * n / (n - 1.0), 0.0);
        });
    }

  private:
    template <class Squares>
    Line through(std::size_t n, const Squares& squares) const {
        std::vector<WeightedPoint> points;
        for (std::size_t k = 0; k < x_.size(); ++k) {
            const double s = std::sqrt(squares(k) / static_cast<double>(n - 1)) / sigma_expected(n);
            points.push_back({x_[k], s, std::max(s, 1e-12) * sigma_error(n)});
        }
        const Polynomial line = fit_polynomial(points, 1);
        return {line.coefficients[0], line.coefficients[1]};
    }

    const LevelData& data_;
    std::vector<double> means_, squares_, x_;
};

Estimate jackknifed(double value, const std::vector<double>& left) {
    const double n = static_cast<double>(left.size());
    const double error = deviation_of(left) * (n - 1.0) / std::sqrt(n);
    const double half = student_quantile(0.5 + 0.5 * kConfidence, n - 1.0) * error;
    return {value, {value - half, value + half}};
}

double error_of(const Estimate& e, std::size_t n) {
    const double half = student_quantile(0.5 + 0.5 * kConfidence, static_cast<double>(n) - 1.0);
    return 0.5 * (e.bounds.high - e.bounds.low) / half;
}

RetentionLevel fit_level(const MeasuredTable& table, const std::vector<const WriteEvent*>& events,
                         double reference, double t0) {
    RetentionLevel level;
    level.target_uS = events.front()->target_uS;
    level.writes = events.size();
    if (events.size() < kLeastWrites)
        throw UserError(
            "a level is empty or nearly so",
            table.place(events.front()->reads.front().row, "target"),
            fmt::format("{} usable cells at target {:g} uS", events.size(), level.target_uS),
            fmt::format("at least {} per target", kLeastWrites));
    const LevelData data = level_data(table, events, reference, t0);
    if (data.ages.size() < 2) return level;
    std::vector<double> slopes, constants, spreads;
    for (const WriteEvent* e : events) slopes.push_back(slope_per_ln(*e, reference, t0).value());
    level.mean_per_ln_uS = mean_estimate(slopes);
    const SpreadLine spread(data, t0);
    const Line line = spread.whole();
    for (std::size_t i = 0; i < events.size(); ++i) {
        const Line left = spread.without(i);
        constants.push_back(left.constant);
        spreads.push_back(left.slope);
    }
    level.sigma_uS = jackknifed(line.constant, constants);
    level.sigma_per_ln_uS = jackknifed(line.slope, spreads);
    for (std::size_t k = 0; k < data.ages.size(); ++k) {
        std::vector<double> values;
        for (const auto& row : data.conductance) values.push_back(row[k]);
        level.ages.push_back(
            {data.ages[k], values.size(), mean_estimate(values), sigma_estimate(values)});
    }
    return level;
}

/// Errors that hardly differ are taken as one: a level that happened to come out narrow has a small
/// error as well, and would pull the law down by its weight.
void share_errors(std::vector<WeightedPoint>& points) {
    constexpr double kAlike = 2.0;
    double least = points.front().sigma, most = least, sum = 0.0;
    for (const WeightedPoint& p : points) {
        least = std::min(least, p.sigma);
        most = std::max(most, p.sigma);
        sum += p.sigma * p.sigma;
    }
    if (most >= kAlike * least) return;
    for (WeightedPoint& p : points) p.sigma = std::sqrt(sum / static_cast<double>(points.size()));
}

/// A polynomial over the levels that is not negative inside their range.
PolynomialChoice over_levels(const RetentionFit& fit, Estimate RetentionLevel::*part,
                             bool may_be_negative, const char* name,
                             std::vector<std::string>& notes) {
    std::vector<WeightedPoint> points;
    for (const RetentionLevel& level : fit.levels) {
        const Estimate& e = level.*part;
        points.push_back({level.target_uS, e.value, std::max(error_of(e, level.writes), 1e-12)});
    }
    share_errors(points);
    PolynomialChoice choice = choose_polynomial(points, kMostDegree);
    const auto low = fit.targets_uS.low, high = fit.targets_uS.high;
    while (!may_be_negative && choice.law.least_over(low, high) < 0.0) {
        const int degree = static_cast<int>(choice.law.coefficients.size()) - 1;
        if (degree == 0) {
            choice.law.coefficients = {0.0};
            notes.push_back(
                fmt::format("{} came out negative, which no card can hold: written as "
                            "0.",
                            name));
            return choice;
        }
        choice.law = fit_polynomial(points, degree - 1);
    }
    if (!choice.fits)
        notes.push_back(
            fmt::format("{} over the targets does not fit its points (chi-square {:.1f} "
                        "of {} degrees of freedom).",
                        name, choice.law.chi2, choice.law.dof));
    return choice;
}

void fit_relaxation(const MeasuredTable& table, const std::vector<WriteEvent>& events,
                    RetentionFit& fit) {
    std::map<double, std::vector<const WriteEvent*>> levels;
    for (const WriteEvent& e : events)
        if (std::any_of(e.reads.begin(), e.reads.end(),
                        [&](const auto& r) { return r.temperature_K == fit.reference_K; }))
            levels[e.target_uS].push_back(&e);
    for (const auto& [target, own] : levels) {
        RetentionLevel level = fit_level(table, own, fit.reference_K, fit.t0_s);
        if (!level.ages.empty()) fit.levels.push_back(std::move(level));
    }
    if (fit.levels.empty()) return;
    fit.targets_uS = {fit.levels.front().target_uS, fit.levels.back().target_uS};
    fit.mean = over_levels(fit, &RetentionLevel::mean_per_ln_uS, true, "The mean slope", fit.notes);
    fit.sigma = over_levels(fit, &RetentionLevel::sigma_uS, false, "The spread at t0", fit.notes);
    fit.sigma_per_ln = over_levels(fit, &RetentionLevel::sigma_per_ln_uS, false,
                                   "The growth of the spread", fit.notes);
    const auto kelvin = table.column("temperature");
    for (const double t : std::set<double>(kelvin.begin(), kelvin.end())) {
        if (t == fit.reference_K) continue;
        for (const auto& [target, own] : levels) {
            std::vector<double> slopes;
            for (const WriteEvent* e : own)
                if (const auto slope = slope_per_ln(*e, t, 0.0)) slopes.push_back(*slope);
            if (slopes.size() >= kLeastWrites)
                fit.hot.push_back({t, target, mean_estimate(slopes)});
        }
    }
}

void add_notes(const MeasuredTable& table, const std::vector<WriteEvent>& events,
               RetentionFit& fit) {
    const auto alone = std::count_if(events.begin(), events.end(), [&](const WriteEvent& e) {
        return std::none_of(e.reads.begin(), e.reads.end(),
                            [&](const auto& r) { return r.temperature_K == fit.reference_K; });
    });
    if (alone > 0)
        fit.notes.push_back(
            fmt::format("{} writes were never read at {:g} K: they say nothing "
                        "here and are left out.",
                        alone, fit.reference_K));
    const auto ages = table.column("age");
    const auto younger = std::count_if(ages.begin(), ages.end(),
                                       [&](double a) { return a < fit.t0_s * (1.0 - 1e-9); });
    if (younger > 0)
        fit.notes.push_back(
            fmt::format("{} readings younger than t0 = {:g} s say nothing about "
                        "relaxation from t0 on: left out.",
                        younger, fit.t0_s));
    if (!fit.levels.empty() && fit.ages_s.low > 3.0 * fit.t0_s)
        fit.notes.push_back(
            fmt::format("The youngest reading ({:g} s) is older than t0 = {:g} s: "
                        "in between, the law is its own continuation.",
                        fit.ages_s.low, fit.t0_s));
    if (!fit.hot.empty())
        fit.notes.push_back(
            fmt::format("The card relaxes as measured at {:g} K; at other "
                        "temperatures the slopes are told, not used.",
                        fit.reference_K));
}

}  // namespace

std::optional<double> slope_per_ln(const WriteEvent& event, double temperature_K, double least_s) {
    double n = 0.0, x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
    for (const auto& r : event.reads) {
        if (r.temperature_K != temperature_K || r.age_s < least_s * (1.0 - 1e-9)) continue;
        const double l = std::log(r.age_s);
        n += 1.0;
        x += l;
        y += r.conductance_uS;
        xx += l * l;
        xy += l * r.conductance_uS;
    }
    const double spread = n * xx - x * x;
    if (n < 2.0 || spread <= 0.0) return std::nullopt;
    return (n * xy - x * y) / spread;
}

RetentionFit fit_retention(const MeasuredTable& table, double t0_s, const std::set<CellId>& stuck) {
    RetentionFit fit;
    fit.source = table.source();
    fit.points = table.rows();
    fit.t0_s = t0_s;
    fit.reference_K = reference_of(table);
    const auto bounds = [&](const char* stem) {
        const auto values = table.column(stem);
        const auto [least, most] = std::minmax_element(values.begin(), values.end());
        return Bounds{*least, *most};
    };
    const auto ages = table.column("age"), kelvin = table.column("temperature");
    std::vector<double> at_reference;
    for (std::size_t i = 0; i < table.rows(); ++i)
        if (kelvin[i] == fit.reference_K) at_reference.push_back(ages[i]);
    const auto [least, most] = std::minmax_element(at_reference.begin(), at_reference.end());
    fit.ages_s = {*least, *most};
    fit.targets_uS = bounds("target");
    fit.temperatures_K = bounds("temperature");
    std::vector<WriteEvent> events = read_events(table);
    fit.stuck = drop_stuck(events, fit.reference_K, stuck);
    fit_relaxation(table, events, fit);
    if (fit.temperatures_K.low < fit.temperatures_K.high)
        fit.temperature = fit_temperature(events, fit);
    if (fit.levels.empty() && !fit.temperature)
        throw UserError("neither relaxation nor temperature can be told", table.place(0, "age"),
                        "no cell was read at two ages from t0 on, nor at two temperatures",
                        "readings of the same cells at several ages or temperatures");
    add_notes(table, events, fit);
    return fit;
}

}  // namespace attohm::fit
