#include "crossbar/fit/pulses_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "src/base/error.hpp"

namespace attohm::fit {

namespace {

constexpr std::size_t kLeastPulses = 8;

struct Write {
    std::vector<std::size_t> rows;
    bool accepted = false;
};

/// Writes of every cell, in the order of the file.
std::vector<Write> read_writes(const MeasuredTable& table) {
    std::map<CellId, std::vector<Write>> cells;
    const auto pulse = table.column("pulse");
    const bool loop = table.has("accepted");
    for (std::size_t i = 0; i < table.rows(); ++i) {
        std::vector<Write>& own = cells[cell_of(table, i)];
        const std::size_t number = own.empty() ? 0 : own.back().rows.size();
        const bool starts = pulse[i] == 1.0;
        const bool follows =
            !own.empty() && pulse[i] == static_cast<double>(number + 1) && !own.back().accepted;
        if (!starts && !follows)
            throw UserError("pulse numbers do not count up", table.place(i, "pulse"),
                            fmt::format("{:g} of {}", pulse[i], cell_text(cell_of(table, i))),
                            own.empty() || own.back().accepted
                                ? "1: a new write begins here"
                                : fmt::format("{}, or 1 for a new write", number + 1));
        if (starts) own.emplace_back();
        own.back().rows.push_back(i);
        own.back().accepted = loop && table.column("accepted")[i] == 1.0;
    }
    std::vector<Write> writes;
    for (auto& [cell, own] : cells)
        for (Write& w : own) writes.push_back(std::move(w));
    return writes;
}

void fit_steps(const MeasuredTable& table, PulsesFit& fit) {
    const auto before = table.column("conductance_before");
    const auto after = table.column("conductance_after");
    const auto volt = table.column("voltage");
    double up = 0.0, down = 0.0;
    for (std::size_t i = 0; i < table.rows(); ++i)
        (volt[i] >= 0.0 ? up : down) += after[i] - before[i];
    for (std::size_t i = 0; i < table.rows(); ++i) {
        const double change = after[i] - before[i];
        const double way = table.has("target") ? table.column("target")[i] - before[i]
                           : volt[i] >= 0.0    ? up
                                               : down;
        fit.steps_uS.push_back(way >= 0.0 ? change : -change);
    }
    std::sort(fit.steps_uS.begin(), fit.steps_uS.end());
    fit.pulses = fit.steps_uS.size();
    if (fit.pulses < kLeastPulses || fit.steps_uS.front() == fit.steps_uS.back())
        throw UserError("the pulses tell no step", table.place(0, "conductance_after"),
                        fmt::format("{} pulses, changes from {:g} to {:g} uS", fit.pulses,
                                    fit.steps_uS.front(), fit.steps_uS.back()),
                        fmt::format("at least {} pulses whose changes differ", kLeastPulses));
    fit.step_uS = mean_estimate(fit.steps_uS);
    fit.normality = check_normality(fit.steps_uS);
    fit.sigma_uS = fit.normality.p >= kSignificance ? sigma_estimate(fit.steps_uS)
                                                    : sigma_estimate_any_law(fit.steps_uS);
}

void fit_window(const MeasuredTable& table, const std::vector<Write>& writes, PulsesFit& fit) {
    double absolute = 0.0, relative = 0.0, log_targets = 0.0, n = 0.0;
    for (const Write& w : writes) {
        if (!w.accepted) continue;
        const std::size_t i = w.rows.back();
        const double target = table.column("target")[i];
        const double distance = std::abs(table.column("conductance_after")[i] - target);
        absolute = std::max(absolute, distance);
        relative = target > 0.0 ? std::max(relative, distance / target)
                                : std::numeric_limits<double>::infinity();
        log_targets += std::log(std::max(target, 1e-300));
        n += 1.0;
    }
    if (n == 0.0) return;
    // Even in the window: ln L = -n ln(absolute), or -sum ln(relative target).
    fit.relative_window = n * std::log(relative) + log_targets < n * std::log(absolute) - 1.0;
    const double most = fit.relative_window ? relative : absolute;
    fit.window = {most * (n + 1.0) / n, {most, most * std::pow(1.0 - kConfidence, -1.0 / n)}};
}

void fit_loop(const MeasuredTable& table, const std::vector<Write>& writes, PulsesFit& fit) {
    std::vector<double> counts;
    std::size_t accepted = 0, failed_at = 0;
    for (const Write& w : writes) {
        const std::size_t count = w.rows.size();
        counts.push_back(static_cast<double>(count));
        accepted += w.accepted ? 1 : 0;
        if (!w.accepted) failed_at = std::max(failed_at, count);
        fit.pulses_max = std::max(fit.pulses_max, count);
        if (fit.count_by_pulses.size() <= count) fit.count_by_pulses.resize(count + 1, 0);
        ++fit.count_by_pulses[count];
    }
    fit.loop = true;
    fit.writes = writes.size();
    fit.accepted = share_estimate(accepted, writes.size());
    fit.pulses_mean = writes.size() > 1
                          ? mean_estimate(counts)
                          : Estimate{counts.front(), {counts.front(), counts.front()}};
    fit_window(table, writes, fit);
    if (accepted == 0) fit.notes.push_back("No write was accepted: there is no window to fit.");
    if (accepted == writes.size())
        fit.notes.push_back(
            "Every write was accepted: the largest number of pulses is only the "
            "largest that was needed.");
}

}  // namespace

PulsesFit fit_pulses(const MeasuredTable& table) {
    PulsesFit fit;
    fit.source = table.source();
    if (table.has("target") != table.has("accepted")) {
        const char* there = table.has("target") ? "target" : "accepted";
        throw UserError("half of the write-verify columns", table.place(0, there),
                        fmt::format("`{}` alone", there), "`target` and `accepted`, or neither");
    }
    const std::vector<Write> writes = read_writes(table);
    fit_steps(table, fit);
    std::vector<double> volts;
    for (const double v : table.column("voltage")) volts.push_back(std::abs(v));
    const auto widths = table.column("width");
    fit.voltage_V = median_of(volts);
    fit.width_s = median_of({widths.begin(), widths.end()});
    fit.voltages_V = {*std::min_element(volts.begin(), volts.end()),
                      *std::max_element(volts.begin(), volts.end())};
    fit.widths_s = {*std::min_element(widths.begin(), widths.end()),
                    *std::max_element(widths.begin(), widths.end())};
    if (table.has("accepted")) fit_loop(table, writes, fit);
    const bool one_pulse = fit.voltages_V.high <= 1.02 * fit.voltages_V.low &&
                           fit.widths_s.high <= 1.02 * fit.widths_s.low;
    if (!one_pulse)
        fit.notes.push_back(fmt::format(
            "The pulses differ ({:g} to {:g} V, {:g} to {:g} s): one step stands for all of them.",
            fit.voltages_V.low, fit.voltages_V.high, fit.widths_s.low, fit.widths_s.high));
    if (fit.normality.p < kSignificance)
        fit.notes.push_back(
            "The steps are not normal (Anderson-Darling, p < 0.01): the interval "
            "of their deviation is by the jackknife.");
    return fit;
}

}  // namespace attohm::fit
