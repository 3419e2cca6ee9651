#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <span>
#include <vector>

#include "src/base/error.hpp"
#include "workloads/synth_head.hpp"
#include "workloads/synth_kernels.hpp"
#include "workloads/synth_scores.hpp"
#include "workloads/synth_softmax.hpp"

namespace attohm {

namespace {

constexpr double kGoodEnough = 2e-3;  ///< relative error at which the search of one setting stops
constexpr double kAllGood = 6e-3;     ///< the same for all statistics together
constexpr int kEvaluations = 24;
constexpr int kRounds = 5;           ///< of the settings in turn, where several act on each other
constexpr double kHighestBump = 40;  ///< over the score spread: more changes no order

/// Correlation of neighbouring scores cos(angle) = share + (1 - share) correlation.
QueryProcess process_at(double angle, double share) {
    const double correlation = (std::cos(angle) - share) / (1.0 - share);
    return {share, std::clamp(correlation, -1.0, 1.0)};
}

/// Bracketed search for the angle at which new keys are as asked. They grow with the angle, nearly
/// in proportion while it is small.
class AngleSearch {
  public:
    explicit AngleSearch(double asked) : asked_(asked), low_error_(-asked) {}

    /// The angle to try after `angle` gave `realised`.
    double next(double angle, double realised) {
        const double error = realised - asked_;
        (error < 0.0 ? low_ : high_) = angle;
        (error < 0.0 ? low_error_ : high_error_) = error;
        high_known_ = high_known_ || error >= 0.0;
        ++steps_;
        if (!high_known_) return std::min(2.0 * angle, 0.5 * (angle + high_));
        // Every third step halves the bracket, so that a crooked curve cannot stall the secant.
        if (steps_ % 3 == 0) return 0.5 * (low_ + high_);
        return low_ + (high_ - low_) * low_error_ / (low_error_ - high_error_);
    }

  private:
    double asked_;
    double low_ = 0.0, high_ = std::numbers::pi;
    double low_error_, high_error_ = 0.0;
    bool high_known_ = false;
    int steps_ = 0;
};

/// The root of a function that grows from a negative to a positive value between two places, by
/// false position with halving of a value that stays (Illinois).
/// Returns: the place of the smallest |value| seen.
double find_root(const std::function<double(double)>& f, double low, double f_low, double high,
                 double f_high, double good) {
    double best = std::abs(f_low) < std::abs(f_high) ? low : high;
    double f_best = std::min(std::abs(f_low), std::abs(f_high));
    int stays = 0;
    for (int i = 0; i < kEvaluations && f_best > good; ++i) {
        const double x = low + (high - low) * f_low / (f_low - f_high);
        const double value = f(x);
        if (std::abs(value) < f_best) {
            f_best = std::abs(value);
            best = x;
        }
        (value < 0.0 ? low : high) = x;
        (value < 0.0 ? f_low : f_high) = value;
        const int side = value < 0.0 ? -1 : 1;
        if (stays == side) (value < 0.0 ? f_high : f_low) *= 0.5;
        stays = side;
    }
    return best;
}

std::int64_t count_near(const ScoreRow& row, double reach, float threshold) {
    const auto end = static_cast<double>(row.scores.size());
    const double first = std::clamp(std::ceil(row.position - reach), 0.0, end);
    const double last = std::clamp(std::floor(row.position + reach) + 1.0, first, end);
    return count_kept(
        row.scores.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first)),
        threshold);
}

/// The search for the settings of one head.
class HeadSearch {
  public:
    HeadSearch(const SynthSpec& spec, const AttentionSize& size, const SynthPlace& place,
               const SynthTarget& target)
        : spec_(spec), target_(target), scores_(spec, size, place, target.valid) {
        ATTOHM_CHECK(target.kept > 0 && target.kept < scores_.pairs());
        // A fixed direction bounds how fast scores can change: less of it where much change is
        // asked.
        const double reach = 0.4 * (1.0 + std::cos(target.first_angle));
        share_ = std::min(SynthContent(spec, size).fixed_share(place), reach);
        angle_ = target.first_angle;
        process_ = process_at(angle_, share_);
    }

    SynthHead run() {
        SynthHead best;
        double best_error = std::numeric_limits<double>::infinity();
        for (int round = 0; round < kRounds && best_error > kAllGood; ++round) {
            if (spec_.local_share) solve_bump();
            if (target_.new_keys) solve_angle();
            if (spec_.effective_keys || spec_.sink_mass) solve_softmax();
            const SynthHead now = measured();
            const double error = worst_error(now);
            if (error < best_error) {
                best = now;
                best_error = error;
            }
            if (!acts_on_order()) break;
        }
        return best;
    }

  private:
    /// Whether one round may spoil what it settled before.
    bool acts_on_order() const { return spec_.local_share || spec_.sink_mass; }

    /// Threshold and realised counts for the present process.
    SynthHead evaluate() {
        scores_.set(process_);
        SynthHead head;
        head.process = process_;
        head.threshold = scores_.threshold(target_.kept);
        double fractions = 0.0;
        std::int64_t queries = 0, near = 0;
        scores_.for_each_row([&](const ScoreRow& row) {
            head.kept += count_kept(row.scores, head.threshold);
            near += count_near(row, spec_.local_reach, head.threshold);
            if (row.before.empty()) return;
            // A key that a causal query sees for the first time was not kept before.
            const std::size_t seen = row.before.size();
            const std::int64_t fresh =
                count_new(row.scores.first(seen), row.before, head.threshold) +
                count_kept(row.scores.subspan(seen), head.threshold);
            fractions += static_cast<double>(fresh) / static_cast<double>(row.visible);
            ++queries;
        });
        head.new_keys = queries > 0 ? fractions / static_cast<double>(queries) : 0.0;
        head.local_share = static_cast<double>(near) / static_cast<double>(head.kept);
        return head;
    }

    SynthHead measured() {
        SynthHead head = evaluate();
        const SoftmaxMeans means = SoftmaxRows(scores_, spec_.sinks, 1.0).means(0.0);
        head.effective_keys = means.effective_keys;
        head.sink_mass = means.sink_mass;
        head.local_low = local_low_;
        head.local_high = local_high_;
        return head;
    }

    double worst_error(const SynthHead& head) const {
        double worst = 0.0;
        const auto note = [&](const std::optional<double>& asked, double realised) {
            if (asked)
                worst = std::max(worst, std::abs(realised - *asked) / std::max(*asked, 1e-9));
        };
        note(target_.new_keys, head.new_keys);
        note(spec_.local_share, head.local_share);
        note(spec_.effective_keys, head.effective_keys);
        note(spec_.sink_mass, head.sink_mass);
        return worst;
    }

    void solve_angle() {
        const double asked = *target_.new_keys;
        AngleSearch search(asked);
        QueryProcess best = process_;
        double angle = angle_;
        double realised = evaluate().new_keys;
        double best_error = std::abs(realised - asked);
        for (int i = 1; i < kEvaluations && best_error > kGoodEnough * asked; ++i) {
            angle = search.next(angle, realised);
            const QueryProcess next = process_at(angle, share_);
            process_.fixed_share = next.fixed_share;
            process_.correlation = next.correlation;
            realised = evaluate().new_keys;
            if (std::abs(realised - asked) >= best_error) continue;
            best_error = std::abs(realised - asked);
            best = process_;
            angle_ = angle;
        }
        process_ = best;
    }

    void solve_bump() {
        const double asked = *spec_.local_share;
        const auto error = [&](double place) {
            process_.bump = place / (1.0 - place);
            return evaluate().local_share - asked;
        };
        const double highest = kHighestBump / (1.0 + kHighestBump);
        const double at_low = error(0.0), at_high = error(highest);
        local_low_ = at_low + asked;
        local_high_ = at_high + asked;
        double place = at_low >= 0.0 ? 0.0 : highest;
        if (at_low < 0.0 && at_high > 0.0)
            place = find_root(error, 0.0, at_low, highest, at_high, kGoodEnough * asked);
        process_.bump = place / (1.0 - place);
    }

    /// Spread of the scores and height of the sinks, on scores of gain 1 without sinks, which both
    /// of them leave as they are.
    void solve_softmax() {
        QueryProcess plain = process_;
        plain.gain = 1.0;
        plain.sink = 0.0;
        scores_.set(plain);
        const auto sink_at = [&](const SoftmaxRows& rows) {
            return spec_.sink_mass ? rows.sink_height(*spec_.sink_mass) : 0.0;
        };
        if (spec_.effective_keys) {
            const double asked = *spec_.effective_keys;
            // Fewer effective keys for a larger gain: the error grows with it.
            const auto error = [&](double log_gain) {
                const SoftmaxRows rows(scores_, spec_.sinks, std::exp(log_gain));
                return std::log(asked / rows.means(sink_at(rows)).effective_keys);
            };
            constexpr double kStep = 0.7;
            double low = std::log(process_.gain), high = low;
            double f_low = error(low), f_high = f_low;
            for (int i = 0; i < 8 && f_low > 0.0; ++i) {
                high = low;
                f_high = f_low;
                f_low = error(low -= kStep);
            }
            for (int i = 0; i < 8 && f_high < 0.0; ++i) {
                low = high;
                f_low = f_high;
                f_high = error(high += kStep);
            }
            process_.gain = std::exp(find_root(error, low, f_low, high, f_high, kGoodEnough));
        }
        process_.sink = sink_at(SoftmaxRows(scores_, spec_.sinks, process_.gain));
    }

    const SynthSpec& spec_;
    const SynthTarget& target_;
    HeadScores scores_;
    double share_ = 0.0;
    double angle_ = 0.0;
    QueryProcess process_;
    double local_low_ = 0.0, local_high_ = 1.0;
};

}  // namespace

SynthHead solve_head(const SynthSpec& spec, const AttentionSize& size, const SynthPlace& place,
                     const SynthTarget& target) {
    return HeadSearch(spec, size, place, target).run();
}

}  // namespace attohm
