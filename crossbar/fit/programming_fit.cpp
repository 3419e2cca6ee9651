#include "crossbar/fit/programming_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "src/base/error.hpp"

namespace attohm::fit {

namespace {

constexpr std::size_t kLeastReadings = 8;
constexpr int kMostDegree = 3;       ///< a card holds four coefficients
constexpr double kAgeFactor = 2.0;   ///< youngest to oldest of one file
constexpr double kEvidence = 4.605;  ///< log-likelihood: a hundred times as likely

/// The age that the file was read at: the median; refuses ages that are not one age.
void read_age(const MeasuredTable& table, ProgrammingFit& fit) {
    const auto ages = table.column("age");
    const auto [least, most] = std::minmax_element(ages.begin(), ages.end());
    fit.ages_s = {*least, *most};
    if (*most > kAgeFactor * *least)
        throw UserError("the readings are not of one age",
                        table.place(static_cast<std::size_t>(most - ages.begin()), "age"),
                        fmt::format("{:g} s, the youngest {:g} s", *most, *least),
                        "ages within a factor of two; later readings belong into retention.csv");
    fit.measured_at_s = median_of({ages.begin(), ages.end()});
}

Level make_level(double target, std::vector<double> values, const std::string& where) {
    Level level;
    level.target_uS = target;
    std::sort(values.begin(), values.end());
    if (values.size() < kLeastReadings)
        throw UserError("a level is empty or nearly so", where,
                        fmt::format("{} usable readings at target {:g} uS", values.size(), target),
                        fmt::format("at least {} per target", kLeastReadings));
    if (values.front() == values.back())
        throw UserError("all readings of a level are equal", where,
                        fmt::format("{} times {:g} uS", values.size(), values.front()),
                        "readings with their spread, as measured");
    level.normality = check_normality(values);
    level.normal = level.normality.p >= kSignificance;
    level.mean_uS = mean_estimate(values);
    level.sigma_uS = level.normal ? sigma_estimate(values) : sigma_estimate_any_law(values);
    if (values.front() > 0.0) {
        std::vector<double> logs;
        for (const double v : values) logs.push_back(std::log(v));
        level.sigma_ln = sigma_estimate(logs);
    }
    level.values_uS = std::move(values);
    return level;
}

/// ln L(log-normal) - ln L(normal), each with its own mean and deviation per level.
double log_normal_gain(const std::vector<Level>& levels) {
    double gain = 0.0;
    for (const Level& level : levels) {
        if (level.values_uS.front() <= 0.0) return -std::numeric_limits<double>::infinity();
        const double n = static_cast<double>(level.values_uS.size());
        double logs = 0.0;
        for (const double v : level.values_uS) logs += std::log(v);
        gain += n * std::log(level.sigma_uS.value) - n * std::log(level.sigma_ln.value) - logs;
    }
    return gain;
}

/// sigma(G) by least squares with the weights of the law itself, so that a level that happened to
/// come out narrow does not count for more.
PolynomialChoice fit_sigma(const std::vector<Level>& levels, bool logarithmic) {
    constexpr int kRounds = 12;
    std::vector<WeightedPoint> points;
    std::vector<double> relative;
    for (const Level& level : levels) {
        const std::size_t n = level.values_uS.size();
        const Estimate& s = logarithmic ? level.sigma_ln : level.sigma_uS;
        // Spread of s over sigma: the normal law's, or half the jackknife's interval.
        const bool normal = logarithmic || level.normal;
        relative.push_back(normal ? sigma_error(n) / sigma_expected(n)
                                  : std::log(s.bounds.high / s.bounds.low) / 3.92);
        const double y = s.value / (normal ? sigma_expected(n) : 1.0);
        points.push_back({level.target_uS, y, relative.back() * y});
    }
    PolynomialChoice choice;
    for (int round = 0; round < kRounds; ++round) {
        choice = choose_polynomial(points, kMostDegree);
        for (std::size_t i = 0; i < points.size(); ++i)
            points[i].sigma =
                relative[i] * std::max(choice.law.at(points[i].x), 0.25 * points[i].y);
    }
    return choice;
}

/// Bias by level; nothing where none of it is resolved from zero.
void fit_bias(ProgrammingFit& fit) {
    std::vector<WeightedPoint> points;
    for (const Level& level : fit.levels) {
        const double n = static_cast<double>(level.values_uS.size());
        points.push_back({level.target_uS, level.bias_uS(), level.sigma_uS.value / std::sqrt(n)});
        fit.bias_chi2 += std::pow(points.back().y / points.back().sigma, 2);
    }
    const double dof = static_cast<double>(points.size());
    if (chi_square_tail(fit.bias_chi2, dof) >= kSignificance) return;
    const PolynomialChoice choice = choose_polynomial(points, kMostDegree);
    if (choice.fits)
        fit.bias = choice.law;
    else
        fit.table_bias = true;
}

/// The law of the card, unless the user asked for one.
void choose_law(ProgrammingFit& fit, std::optional<ProgrammingLaw> asked) {
    fit.log_normal_gain = log_normal_gain(fit.levels);
    const bool positive = std::isfinite(fit.log_normal_gain);
    const double low = fit.levels.front().target_uS, high = fit.levels.back().target_uS;
    const auto take = [&](ProgrammingLaw law, std::string why) {
        fit.law = law;
        fit.why = std::move(why);
    };
    if (asked == ProgrammingLaw::log_normal && !positive)
        throw UserError("a log-normal law has no reading at zero", "--law", "log-normal",
                        "polynomial or table: the data hold readings of 0");
    const bool by_log =
        asked ? *asked == ProgrammingLaw::log_normal : fit.log_normal_gain > kEvidence && low > 0.0;
    fit.sigma = fit_sigma(fit.levels, by_log);
    const bool usable =
        fit.sigma.fits && fit.sigma.law.least_over(low, high) >= 0.0 && !fit.table_bias;
    if (asked)
        take(*asked, "asked for");
    else if (by_log)
        take(ProgrammingLaw::log_normal,
             fmt::format("log-normal is {:.1f} more likely in ln L than normal, level by level",
                         fit.log_normal_gain));
    else if (usable)
        take(ProgrammingLaw::polynomial,
             fmt::format("degree {}: no higher term is significant at {}, chi-square {:.1f} of {} "
                         "degrees of freedom",
                         fit.sigma.law.coefficients.size() - 1, kSignificance, fit.sigma.law.chi2,
                         fit.sigma.law.dof));
    else
        take(ProgrammingLaw::table,
             fmt::format("no polynomial up to degree {} goes through the {}", kMostDegree,
                         fit.table_bias ? "mean errors" : "sigmas"));
    if (fit.law != ProgrammingLaw::table && fit.sigma.law.least_over(low, high) < 0.0)
        throw UserError("sigma turns negative inside the range of targets", "--law",
                        fit.sigma.law.text("uS"), "--law table");
}

double between(const std::vector<Level>& levels, double target, double (*value)(const Level&)) {
    if (target <= levels.front().target_uS) return value(levels.front());
    for (std::size_t i = 1; i < levels.size(); ++i) {
        if (target > levels[i].target_uS) continue;
        const double share =
            (target - levels[i - 1].target_uS) / (levels[i].target_uS - levels[i - 1].target_uS);
        return (1.0 - share) * value(levels[i - 1]) + share * value(levels[i]);
    }
    return value(levels.back());
}

void find_overlaps(ProgrammingFit& fit) {
    for (std::size_t i = 1; i < fit.levels.size(); ++i) {
        const Level& a = fit.levels[i - 1];
        const Level& b = fit.levels[i];
        const double middle = 0.5 * (a.target_uS + b.target_uS);
        const auto above = static_cast<std::size_t>(std::count_if(
            a.values_uS.begin(), a.values_uS.end(), [&](double v) { return v > middle; }));
        const auto below = static_cast<std::size_t>(std::count_if(
            b.values_uS.begin(), b.values_uS.end(), [&](double v) { return v < middle; }));
        fit.overlaps.push_back({a.target_uS, b.target_uS, share_estimate(above, a.values_uS.size()),
                                share_estimate(below, b.values_uS.size()),
                                1.0 - fit.cdf(a.target_uS, middle), fit.cdf(b.target_uS, middle)});
    }
}

void add_notes(ProgrammingFit& fit) {
    std::size_t odd = 0;
    for (const Level& level : fit.levels) odd += level.normal ? 0 : 1;
    if (odd > 0)
        fit.notes.push_back(fmt::format(
            "{} of {} levels are not normal (Anderson-Darling, p < {}): their sigma intervals are "
            "by the jackknife, which assumes no law, and the card's law has the wrong tails there.",
            odd, fit.levels.size(), kSignificance));
    if (fit.law != ProgrammingLaw::log_normal && fit.log_normal_gain > kEvidence)
        fit.notes.push_back("A log-normal law would be more likely than the one written.");
    if (fit.law != ProgrammingLaw::table && !fit.sigma.fits)
        fit.notes.push_back(
            fmt::format("sigma(G) does not fit its points (chi-square {:.1f} of {} "
                        "degrees of freedom).",
                        fit.sigma.law.chi2, fit.sigma.law.dof));
    if (fit.stuck.outliers > 0)
        fit.notes.push_back(fmt::format(
            "{} readings lie more than {} robust sigmas from their level without being of a stuck "
            "cell; they are kept in the fit.",
            fit.stuck.outliers, StuckFit::kFarSigmas));
    double floored = 0.0;
    for (const Level& level : fit.levels)
        floored = std::max(floored, fit.cdf(level.target_uS, 0.0));
    if (floored > 0.01)
        fit.notes.push_back(fmt::format(
            "The law puts {:.3f} of the draws of its worst level below zero, where they are "
            "clipped.",
            floored));
}

}  // namespace

std::string_view programming_law_name(ProgrammingLaw law) {
    switch (law) {
        case ProgrammingLaw::polynomial:
            return "polynomial";
        case ProgrammingLaw::table:
            return "table";
        case ProgrammingLaw::log_normal:
            return "log-normal";
    }
    return "";
}

double ProgrammingFit::sigma_at(double target_uS) const {
    if (law == ProgrammingLaw::table)
        return between(levels, target_uS, [](const Level& l) { return l.sigma_uS.value; });
    const double s = sigma.law.at(target_uS);
    if (law == ProgrammingLaw::polynomial) return s;
    return target_uS * std::sqrt(std::expm1(s * s));
}

double ProgrammingFit::mean_at(double target_uS) const {
    if (law == ProgrammingLaw::table && table_bias)
        return target_uS + between(levels, target_uS, [](const Level& l) { return l.bias_uS(); });
    return target_uS + (bias ? bias->at(target_uS) : 0.0);
}

double ProgrammingFit::cdf(double target_uS, double conductance_uS) const {
    const double mean = mean_at(target_uS);
    if (law != ProgrammingLaw::log_normal)
        return normal_cdf((conductance_uS - mean) / sigma_at(target_uS));
    if (conductance_uS <= 0.0) return 0.0;
    const double s = sigma.law.at(target_uS);
    return normal_cdf((std::log(conductance_uS / mean) + 0.5 * s * s) / s);
}

ProgrammingFit fit_programming(const MeasuredTable& table, std::optional<ProgrammingLaw> law) {
    ProgrammingFit fit;
    fit.source = table.source();
    read_age(table, fit);
    std::vector<Reading> readings;
    std::map<double, std::size_t> first_row;
    for (std::size_t i = 0; i < table.rows(); ++i) {
        readings.push_back(
            {cell_of(table, i), table.column("target")[i], table.column("conductance")[i]});
        first_row.emplace(readings.back().target_uS, i);
    }
    fit.stuck = find_stuck(readings);
    std::map<double, std::vector<double>> levels;
    for (const Reading& r : readings) {
        std::vector<double>& values = levels[r.target_uS];
        if (!fit.stuck.holds(r.cell)) values.push_back(r.conductance_uS);
    }
    for (auto& [target, values] : levels) {
        fit.points += values.size();
        fit.levels.push_back(
            make_level(target, std::move(values), table.place(first_row[target], "target")));
    }
    if (fit.levels.size() < 2)
        throw UserError("one level is no range of conductances", table.place(0, "target"),
                        fmt::format("{:g} uS only", fit.levels.front().target_uS),
                        "at least two targets");
    fit_bias(fit);
    choose_law(fit, law);
    find_overlaps(fit);
    add_notes(fit);
    return fit;
}

}  // namespace attohm::fit
