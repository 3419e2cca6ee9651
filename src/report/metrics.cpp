#include "src/report/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/base/error.hpp"
#include "src/base/text.hpp"
#include "src/machine/plans/planner.hpp"
#include "src/replay/statistics.hpp"
#include "src/report/knees.hpp"

namespace attohm {

namespace {

/// Mean over chips of one interval of what a result may hold.
template <class Part>
std::optional<Interval> mean_interval(const Point& point, std::optional<Part> Result::*part,
                                      Interval Part::*member) {
    Interval mean;
    for (const Result* r : point.chips) {
        if (!(r->*part)) return std::nullopt;
        const Interval& one = *(r->*part).*member;
        mean.value += one.value;
        mean.low += one.low;
        mean.high += one.high;
    }
    if (std::isnan(mean.value)) return std::nullopt;
    const auto n = static_cast<double>(point.chips.size());
    return Interval{mean.value / n, mean.low / n, mean.high / n};
}

class SpreadOver {
  public:
    void add(double value) {
        sum_ += value;
        spread_.least = std::min(spread_.least, value);
        spread_.most = std::max(spread_.most, value);
        ++count_;
    }
    Spread take() {
        spread_.mean = sum_ / static_cast<double>(count_);
        return spread_;
    }

  private:
    Spread spread_{0.0, std::numeric_limits<double>::infinity(),
                   -std::numeric_limits<double>::infinity()};
    double sum_ = 0.0;
    int count_ = 0;
};

/// Fraction of chips that are right, by sample. Empty where some sample has no label.
std::vector<double> right_by_sample(const Point& point) {
    std::vector<double> right(point.first().samples.size(), 0.0);
    for (const Result* r : point.chips) {
        if (r->samples.size() != right.size()) return {};
        for (std::size_t i = 0; i < right.size(); ++i) {
            if (r->samples[i].label < 0 || r->samples[i].sample != point.first().samples[i].sample)
                return {};
            right[i] += r->samples[i].label == r->samples[i].predicted ? 1.0 : 0.0;
        }
    }
    for (double& value : right) value /= static_cast<double>(point.chips.size());
    return right;
}

/// Mean loss over chips, summed over the tokens of a sample. Empty where some sample has none.
std::vector<double> loss_by_sample(const Point& point) {
    std::vector<double> loss(point.first().samples.size(), 0.0);
    for (const Result* r : point.chips) {
        if (r->samples.size() != loss.size()) return {};
        for (std::size_t i = 0; i < loss.size(); ++i) {
            const SampleOutcome& sample = r->samples[i];
            if (!sample.tokens || sample.tokens->scored == 0 ||
                sample.sample != point.first().samples[i].sample)
                return {};
            loss[i] += sample.tokens->loss / static_cast<double>(point.chips.size());
        }
    }
    return loss;
}

/// Distance of a point from the middle of every axis, in values.
double off_middle(const Group& group, const Point& point) {
    double sum = 0.0;
    for (std::size_t a = 0; a < group.axes.size(); ++a) {
        const auto& values = group.axes[a].values;
        const auto at = std::find(values.begin(), values.end(), point.values[a]) - values.begin();
        sum += std::abs(static_cast<double>(at) - 0.5 * static_cast<double>(values.size() - 1));
    }
    return sum;
}

}  // namespace

std::optional<Interval> top1(const Point& point) {
    return mean_interval(point, &Result::accuracy, &Accuracy::top1);
}

std::optional<Interval> top1_exact(const Point& point) {
    return mean_interval(point, &Result::accuracy, &Accuracy::top1_exact);
}

std::optional<Interval> top1_difference(const Point& point) {
    return mean_interval(point, &Result::accuracy, &Accuracy::top1_difference);
}

std::optional<Interval> perplexity(const Point& point) {
    return mean_interval(point, &Result::language, &LanguageScore::perplexity);
}

std::optional<Interval> perplexity_exact(const Point& point) {
    return mean_interval(point, &Result::language, &LanguageScore::perplexity_exact);
}

std::optional<Interval> perplexity_ratio(const Point& point) {
    return mean_interval(point, &Result::language, &LanguageScore::perplexity_ratio);
}

std::optional<Interval> merit(const Point& point) {
    if (const auto accuracy = top1(point)) return accuracy;
    const auto p = perplexity(point);
    if (!p) return std::nullopt;
    return Interval{-p->value, -p->high, -p->low};
}

std::optional<Spread> top1_spread(const Point& point) {
    SpreadOver over;
    for (const Result* r : point.chips) {
        if (!r->accuracy || std::isnan(r->accuracy->top1.value)) return std::nullopt;
        over.add(r->accuracy->top1.value);
    }
    return over.take();
}

std::optional<Interval> paired_change(const Point& base, const Point& point) {
    const std::uint64_t seed = base.first().seed;
    if (base.chips.size() == 1 && point.chips.size() == 1) {
        const Interval change =
            paired_top1_difference(point.first().samples, base.first().samples, seed);
        return std::isnan(change.value) ? std::nullopt : std::optional(change);
    }
    const std::vector<double> before = right_by_sample(base);
    const std::vector<double> after = right_by_sample(point);
    if (before.empty() || before.size() != after.size()) return std::nullopt;
    std::vector<double> change(after.size());
    for (std::size_t i = 0; i < change.size(); ++i) {
        if (base.first().samples[i].sample != point.first().samples[i].sample) return std::nullopt;
        change[i] = after[i] - before[i];
    }
    return bootstrap_mean(change, seed);
}

std::optional<Interval> paired_merit(const Point& base, const Point& point) {
    if (top1(base) && top1(point)) return paired_change(base, point);
    const std::vector<double> before = loss_by_sample(base);
    std::vector<double> gain = loss_by_sample(point);
    if (before.empty() || before.size() != gain.size()) return std::nullopt;
    std::vector<double> tokens(gain.size());
    for (std::size_t i = 0; i < gain.size(); ++i) {
        const SampleOutcome &one = base.first().samples[i], &other = point.first().samples[i];
        if (one.sample != other.sample || one.tokens->scored != other.tokens->scored)
            return std::nullopt;
        gain[i] = before[i] - gain[i];
        tokens[i] = static_cast<double>(one.tokens->scored);
    }
    return bootstrap_ratio(gain, tokens, base.first().seed);
}

std::optional<double> output_error(const Point& point) {
    Fidelity sum;
    for (const Result* r : point.chips)
        for (const HeadSummary& head : r->heads)
            if (head.to_exact) sum.add(*head.to_exact);
    if (sum.rows == 0) return std::nullopt;
    return sum.relative_rms();
}

DecisionTotals decisions(const Point& point) {
    DecisionTotals totals;
    for (const Result* r : point.chips)
        for (const HeadSummary& head : r->heads) totals.add(head.report);
    return totals;
}

double rate(double part, double whole) {
    return whole > 0.0 ? part / whole : 0.0;
}

const MachineOutcome* find_machine(const Result& result, std::string_view machine) {
    for (const MachineOutcome& m : result.machines)
        if (m.machine == machine) return &m;
    return nullptr;
}

const Pricing* find_pricing(const MachineOutcome& machine, std::string_view pricing) {
    for (const Pricing& p : machine.pricings)
        if (p.name == pricing) return &p;
    return nullptr;
}

bool has_operand_writes(const MachineOutcome& machine) {
    for (const Pricing& pricing : machine.pricings)
        for (const PricedPlan& plan : pricing.plans)
            for (const LedgerLine& line : plan.lines)
                if (line.operand_write) return true;
    return false;
}

bool is_engine(const MachineOutcome& machine) {
    return machine.resolved_yaml.find("machine.kind: engine") != std::string::npos;
}

std::string plan_help(const MachineOutcome& machine, const std::string& plan) {
    const PlanEntry* entry =
        find_plan(plan, is_engine(machine) ? MachineKind::engine : MachineKind::sprint);
    return entry ? std::string(entry->help) : "";
}

const PricedPlan* find_plan(const Pricing& pricing, std::string_view title) {
    if (title.empty()) return pricing.plans.empty() ? nullptr : &pricing.plans.front();
    for (const PricedPlan& p : pricing.plans)
        if (p.title() == title) return &p;
    return nullptr;
}

std::optional<Spread> energy_J(const Point& point, std::string_view machine,
                               std::string_view plan_title, bool with_writes) {
    SpreadOver over;
    for (const Result* r : point.chips) {
        const MachineOutcome* outcome = find_machine(*r, machine);
        const Pricing* pricing = outcome ? find_pricing(*outcome, outcome->headline) : nullptr;
        const PricedPlan* priced = pricing ? find_plan(*pricing, plan_title) : nullptr;
        if (!priced) return std::nullopt;
        over.add((with_writes ? priced->energy : priced->energy_without_writes).value());
    }
    return over.take();
}

bool detailed(const Result& result) {
    return !result.heads.empty() && result.heads.front().to_exact.has_value();
}

std::size_t choose_headline(const Group& group) {
    // Details are shown of a point that has them.
    std::vector<std::size_t> with_detail;
    for (std::size_t i = 0; i < group.points.size(); ++i)
        if (detailed(group.points[i].first())) with_detail.push_back(i);
    if (with_detail.size() == 1) return with_detail.front();
    if (const auto knee = energy_knee(group)) return knee->cheapest;
    std::size_t best = 0;
    for (std::size_t i = 1; i < group.points.size(); ++i)
        if (off_middle(group, group.points[i]) < off_middle(group, group.points[best])) best = i;
    return best;
}

}  // namespace attohm
