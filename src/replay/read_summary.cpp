#include "src/replay/read_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "circuits/adc_histogram.hpp"
#include "src/replay/result_summary.hpp"
#include "src/replay/text_table.hpp"

namespace attohm {

namespace {

/// Everything that the facts are made of.
struct ReadTotals {
    DecisionTotals decisions;
    double residual = 0.0, coupling = 0.0, settle_s = 0.0, step_s = 0.0, convert_s = 0.0;
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
            totals.convert_s = std::max(totals.convert_s, report.conversion_time_s);
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
                  fmt::format("sum of (false prunes - expected)^2 over sum p(1 - p); where reads "
                              "are independent 1 +- {} (standard deviation of one run)",
                              number_text(std::sqrt(d.key_excess_variance) / d.key_variance)));
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
    if (totals.convert_s > 0.0) {
        facts.add("conversions of a query", engineering_text(totals.convert_s, "s"),
                  fmt::format("adc.columns of an array share a converter, which serves them one "
                              "after another behind a read of {}; in the latency below",
                              engineering_text(totals.step_s, "s")));
    }
    if (totals.calibration > 0) {
        facts.add("calibration", fmt::format("{} measurements", totals.calibration),
                  "of trims and threshold gains, once per chip, in no energy or time below");
    }
}

void add_codes(const std::optional<AdcCodeUse>& use, Facts& facts) {
    if (!use) return;
    const bool flagged = use->rate_low() + use->rate_high() > kFlaggedRate;
    facts.add(
        "ADC codes used",
        fmt::format("{} to {} of {} to {}", use->used_first, use->used_last, use->first, use->last),
        fmt::format("{} of the range; clipped below it {}, above it {} of {} conversions",
                    number_text(use->range_used()), number_text(use->rate_low()),
                    number_text(use->rate_high()), use->conversions),
        flagged);
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
    add_codes(adc_code_use(results), facts);
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

double AdcCodeUse::range_used() const {
    return static_cast<double>(used_last - used_first + 1) / static_cast<double>(last - first + 1);
}
double AdcCodeUse::rate_low() const {
    return static_cast<double>(clipped_low) / static_cast<double>(conversions);
}
double AdcCodeUse::rate_high() const {
    return static_cast<double>(clipped_high) / static_cast<double>(conversions);
}

std::optional<AdcCodeUse> adc_code_use(const std::vector<const Result*>& results) {
    HeadReport sum;
    for (const Result* result : results)
        for (const HeadSummary& head : result->heads) add_report(head.report, sum);
    AdcCodeUse use{sum.adc_code_first,
                   sum.adc_code_last,
                   sum.adc_code_used_first,
                   sum.adc_code_used_last,
                   std::accumulate(sum.adc_codes.begin(), sum.adc_codes.end(), std::int64_t{0}),
                   sum.events.adc_clipped_low,
                   sum.events.adc_clipped - sum.events.adc_clipped_low,
                   {}};
    if (use.conversions == 0) return std::nullopt;
    const std::int64_t codes = use.last - use.first + 1;
    const auto first_of = [&](int bin) {
        return AdcHistogram::first_code(use.first, codes, HeadReport::kAdcBins, bin);
    };
    for (int bin = 0; first_of(bin) <= use.last; ++bin)
        use.bins.push_back({first_of(bin), first_of(bin + 1) - 1,
                            sum.adc_codes.at(static_cast<std::size_t>(bin))});
    return use;
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
