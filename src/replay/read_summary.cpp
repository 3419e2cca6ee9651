#include "src/replay/read_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "src/replay/result_summary.hpp"
#include "src/replay/text_table.hpp"

namespace attohm {

namespace {

/// Everything that the facts are made of.
struct ReadTotals {
    DecisionTotals decisions;
    double residual = 0.0, coupling = 0.0, settle_s = 0.0, step_s = 0.0;
    std::int64_t calibration = 0;
};

ReadTotals read_totals(const std::vector<const Result*>& results) {
    ReadTotals totals;
    for (const Result* result : results) {
        for (const HeadSummary& head : result->heads) {
            const HeadReport& report = head.report;
            totals.decisions.add(report);
            totals.residual = std::max(totals.residual, report.wire_residual);
            totals.coupling = std::max(totals.coupling, report.wire_coupling);
            totals.settle_s = std::max(totals.settle_s, report.settle_time_s);
            totals.step_s = std::max(totals.step_s, report.step_time_s);
            totals.calibration += report.calibration_measurements;
        }
    }
    return totals;
}

std::string share(std::int64_t count, std::int64_t of) {
    return of == 0 ? fmt::format("{}", count)
                   : fmt::format("{} of {} ({})", count, of,
                                 number_text(static_cast<double>(count) / static_cast<double>(of)));
}

class Facts {
  public:
    void add(std::string name, std::string value, std::string note = "", bool warning = false) {
        facts_.push_back({std::move(name), std::move(value), std::move(note), warning});
    }
    /// Only where there are some.
    void count(const char* name, std::int64_t count, std::int64_t of, const char* note,
               bool warning = false) {
        if (count > 0) add(name, share(count, of), note, warning);
    }
    std::vector<ReadFact> take() { return std::move(facts_); }

  private:
    std::vector<ReadFact> facts_;
};

void add_paths(const ReadTotals& totals, Facts& facts) {
    const HeadEvents& e = totals.decisions.events;
    const std::int64_t rows = totals.decisions.rows;
    facts.count("queries drawn at the outputs", e.rows_output, rows,
                "white noise of a column as one draw with the coding's own variance: exact");
    facts.count("queries drawn cell by cell", e.rows_cells, rows,
                "noise with memory followed in every cell, white noise at the outputs");
    facts.count("queries drawn column by column", e.rows_column, rows,
                "every physical column and step drawn, clipped or converted on its own");
}

void add_wires(const ReadTotals& totals, Facts& facts) {
    if (totals.residual == 0.0 && totals.coupling == 0.0) return;
    facts.add("wires, residual of the solved arrays", number_text(totals.residual),
              "max|Yu - b| / max|b|, largest of all arrays");
    constexpr double kExample = 0.01;
    const double k = totals.coupling;
    facts.add("wires, coupling k", number_text(k),
              fmt::format("noise through wires is of first order: relative error at most "
                          "k e / (1 - k e), {} where cells move by e = {}",
                          number_text(k * kExample / (1.0 - k * kExample)), kExample));
}

void add_cells(const ReadTotals& totals, Facts& facts) {
    const HeadEvents& e = totals.decisions.events;
    const auto clipped = [&](const char* name, std::int64_t count) {
        if (static_cast<double>(count) <= kClippedCard * static_cast<double>(e.cells)) return;
        facts.count(name, count, e.cells,
                    "the card clips: its conductances are no longer the law it states", true);
    };
    clipped("conductances floored", e.conductance_floored);
    clipped("conductances ceiled", e.conductance_ceiled);
    facts.count("keys read at the age of the card", e.age_clamped, e.keys,
                "they were younger than the age at which the card's programming error was "
                "measured; nothing is known of younger cells");
}

void add_decisions(const ReadTotals& totals, Facts& facts) {
    const DecisionCounts& d = totals.decisions.counts;
    if (d.keys_lost > 0) {
        facts.count("keys lost", d.keys_lost, d.keys_kept,
                    "of the keys that a query keeps, falsely pruned for more than half of theirs");
    }
    if (d.key_variance > 0.0) {
        facts.add("over-dispersion of false prunes on keys",
                  number_text(d.key_excess / d.key_variance),
                  "sum of (false prunes - expected)^2 over sum p(1 - p); 1 where reads are "
                  "independent");
    }
}

void add_times(const ReadTotals& totals, const std::optional<DecisionTimes>& times, Facts& facts) {
    if (times) {
        facts.add(
            "decision time of half / 0.999 / all",
            fmt::format("{} / {} / {}", engineering_text(times->quantile_bound(0.5).value(), "s"),
                        engineering_text(times->quantile_bound(0.999).value(), "s"),
                        engineering_text(times->quantile_bound(1.0).value(), "s")),
            "upper edge of the bin that holds it, of valid pairs");
    }
    if (totals.settle_s > 0.0) {
        const bool early = totals.step_s < totals.settle_s;
        facts.add("settling of an array", engineering_text(totals.settle_s, "s"),
                  fmt::format("to half a step of its converter; drive.read_time_ns gives {}{}",
                              engineering_text(totals.step_s, "s"),
                              early ? ": too short, and what is missing is not simulated" : ""),
                  early);
    }
    if (totals.calibration > 0) {
        facts.add("calibration", fmt::format("{} measurements", totals.calibration),
                  "of trims and threshold gains, once per chip, in no energy or time below");
    }
}

}  // namespace

std::vector<ReadFact> read_facts(const std::vector<const Result*>& results) {
    const ReadTotals totals = read_totals(results);
    const HeadEvents& e = totals.decisions.events;
    if (e.rows_output + e.rows_cells + e.rows_column == 0) return {};
    Facts facts;
    add_paths(totals, facts);
    add_wires(totals, facts);
    add_cells(totals, facts);
    add_decisions(totals, facts);
    add_times(totals, decision_times(results), facts);
    return facts.take();
}

std::vector<ReadFact> read_facts(const Result& result) {
    return read_facts(std::vector<const Result*>{&result});
}

std::optional<DecisionTimes> decision_times(const std::vector<const Result*>& results) {
    DecisionTimes times;
    for (const Result* result : results) {
        for (const HeadSummary& head : result->heads)
            times += DecisionTimes::from_bins(head.report.decision_times);
    }
    if (times.total() == 0) return std::nullopt;
    return times;
}

std::vector<TimeBin> time_bins(const DecisionTimes& times) {
    std::vector<TimeBin> bins;
    const auto add = [&](double from, double to, std::int64_t count) {
        if (count > 0) bins.push_back({from, to, count});
    };
    add(0.0, DecisionTimes::edge(0).value(), times.below());
    for (std::size_t bin = 0; bin < DecisionTimes::kBins; ++bin)
        add(DecisionTimes::edge(bin).value(), DecisionTimes::edge(bin + 1).value(),
            times.count(bin));
    add(DecisionTimes::edge(DecisionTimes::kBins).value(), std::numeric_limits<double>::infinity(),
        times.above());
    return bins;
}

}  // namespace attohm
