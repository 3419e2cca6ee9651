#include <algorithm>
#include <cmath>
#include <limits>

#include "src/base/error.hpp"
#include "tests/reference/sprint_reference_parts.hpp"

/// Laws of the twin's outputs, and the probabilities that follow from them.
namespace attohm {

using namespace reference;

namespace {

double normal_distribution(double x) {
    return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

double normal_density(double x) {
    return std::exp(-0.5 * x * x) / std::sqrt(2.0 * M_PI);
}

/// E f(clip(X, -limit, limit)) with X ~ N(mean, sigma^2): atoms at the limits, Simpson in between.
/// f lies within 0..1; `smallest`: the width on which it changes.
template <class Function>
double clipped_expectation(double mean, double sigma, double low, double high, double smallest,
                           Function f) {
    if (sigma == 0.0) return f(std::clamp(mean, low, high));
    double sum = 0.0;
    if (low > -HUGE_VAL) sum += normal_distribution((low - mean) / sigma) * f(low);
    if (high < HUGE_VAL) sum += normal_distribution((mean - high) / sigma) * f(high);
    const double first = std::max((low - mean) / sigma, -9.0);
    const double last = std::min((high - mean) / sigma, 9.0);
    if (first >= last) return sum;
    // Twenty steps over the smallest width on which f changes, 400 at least.
    const double wanted = (last - first) * 20.0 * sigma / std::max(smallest, 1e-4 * sigma);
    const int steps = 2 * static_cast<int>(std::clamp(wanted, 400.0, 40000.0) / 2.0);
    const double h = (last - first) / steps;
    double integral = 0.0;
    for (int n = 0; n <= steps; ++n) {
        const double weight = n == 0 || n == steps ? 1.0 : (n % 2 == 1 ? 4.0 : 2.0);
        const double x = first + n * h;
        integral += weight * normal_density(x) * f(mean + sigma * x);
    }
    // A probability stays one: the quadrature may overshoot by its own error.
    return std::clamp(sum + integral * h / 3.0, 0.0, 1.0);
}

/// Single pairs in one amplitude read: an output is the difference of two columns.
bool two_columns(const ReadFrame& frame) {
    return frame.events() == 1 && frame.planes() == 2 && frame.settings.wires.none();
}

/// Variance of one physical column in one step, in units of unit_A.
double column_variance(const ReadFrame& frame, std::size_t event, std::size_t p, std::size_t j) {
    double variance = 0.0;
    for (std::size_t r = 0; r < frame.places.depth(frame.part_of(event)); ++r) {
        const std::size_t i = frame.element(event, r);
        const double sigma_S = white_sigma_S(frame.shot.G_S[p](j, i), frame.settings);
        variance += std::pow(frame.step_of(event).bent[i] * sigma_S / frame.cells.dG_S, 2);
    }
    return variance;
}

/// The same of a reference column.
double reference_variance(const ReadFrame& frame, std::size_t event, std::size_t p,
                          std::size_t array) {
    double variance = 0.0;
    for (std::size_t r = 0; r < frame.places.depth(frame.part_of(event)); ++r) {
        const std::size_t i = frame.element(event, r);
        const double sigma_S = white_sigma_S(frame.shot.reference_G_S[p](array, i), frame.settings);
        variance += std::pow(frame.step_of(event).bent[i] * sigma_S / frame.cells.dG_S, 2);
    }
    return variance;
}

/// Whether a column comes within nine sigma of its limit.
bool near_limit(double current, double variance, double limit) {
    return std::abs(current) + 9.0 * std::sqrt(variance) > limit;
}

/// Adds one step to the law of the part that it reads.
void add_step(const ReadFrame& frame, const Currents& currents, std::size_t event,
              SprintReferencePart& part) {
    const double limit = frame.column_limit();
    for (std::size_t j = 0; j < static_cast<std::size_t>(frame.head.valid_k); ++j) {
        const std::size_t a = frame.places.array(j);
        for (std::size_t p = 0; p < frame.planes(); ++p) {
            const Current& key = currents.keys[p][j];
            const double weight = frame.weight(event, p);
            const double variance = column_variance(frame, event, p, j);
            part.mean(frame.t, j) += weight * (key.level + key.error);
            part.sigma(frame.t, j) =
                std::hypot(part.sigma(frame.t, j), weight * std::sqrt(variance));
            bool limited = near_limit(key.total(), variance, limit);
            if (frame.has_reference()) {
                const Current& reference = currents.references[p][a];
                part.mean(frame.t, j) -= weight * (reference.level + reference.error);
                limited = limited || near_limit(reference.total(),
                                                reference_variance(frame, event, p, a), limit);
            }
            if (limited) part.limited(frame.t, j) = 1;
        }
    }
}

/// The two physical columns of each key.
void add_columns(const ReadFrame& frame, const Currents& currents,
                 SprintReferenceColumns& columns) {
    for (std::size_t j = 0; j < static_cast<std::size_t>(frame.head.valid_k); ++j) {
        columns.mean_plus(frame.t, j) = currents.keys[0][j].total();
        columns.mean_minus(frame.t, j) = currents.keys[1][j].total();
        columns.sigma_plus(frame.t, j) = std::sqrt(column_variance(frame, 0, 0, j));
        columns.sigma_minus(frame.t, j) = std::sqrt(column_variance(frame, 0, 1, j));
    }
}

/// All laws of one query.
void add_query(const ReadFrame& frame, SolvedArrays& solved, SprintReferenceColumns& columns) {
    for (std::size_t event = 0; event < frame.events(); ++event) {
        const Currents currents = step_currents(frame, CellNoise(frame), event, solved);
        add_step(frame, currents, event, columns.parts[frame.part_of(event)]);
        if (two_columns(frame)) add_columns(frame, currents, columns);
    }
    const CellNoise given(frame, 0);
    for (std::size_t j = 0; j < static_cast<std::size_t>(frame.head.valid_k); ++j) {
        for (std::size_t i = 0; i < frame.head.d(); ++i)
            columns.z(frame.t, j) += frame.codes.q_line(frame.t, i) * frame.codes.k_level(j, i);
        for (std::size_t p = 0; p < frame.places.parts; ++p) {
            SprintReferencePart& part = columns.parts[p];
            if (!frame.settings.wires.none())
                part.sigma(frame.t, j) = std::numeric_limits<double>::quiet_NaN();
            part.common(frame.t, j) = given.common(frame.places.array(j), p);
            columns.mean(frame.t, j) += part.mean(frame.t, j);
            columns.common(frame.t, j) += part.common(frame.t, j);
            columns.sigma(frame.t, j) =
                std::hypot(columns.sigma(frame.t, j), part.sigma(frame.t, j));
        }
    }
}

/// P(keep) where the two columns may clip; `level`: what stands against the output.
double pair_keep_probability(const SprintReferenceColumns& columns, std::size_t t, std::size_t j,
                             double limit, double n_fs, double comparator, double level) {
    const double plus = columns.mean_plus(t, j), minus = columns.mean_minus(t, j);
    const double sigma_minus = columns.sigma_minus(t, j);
    // Given the plus column's current, only the minus column and the comparator are uncertain.
    const double smallest = std::hypot(sigma_minus, comparator);
    return clipped_expectation(plus, columns.sigma_plus(t, j), -limit, limit, smallest,
                               [&](double current) {
                                   const double low = std::clamp(current - limit, -n_fs, n_fs);
                                   const double high = std::clamp(current + limit, -n_fs, n_fs);
                                   return reference_keep_probability(current - minus, sigma_minus,
                                                                     low, high, comparator, level);
                               });
}

/// P of each code of one conversion, from the lowest.
std::vector<double> code_probabilities(double mean, double sigma,
                                       const SprintReferenceSettings& settings) {
    const double levels = adc_levels(settings), step = settings.n_fs / levels;
    std::vector<double> p(static_cast<std::size_t>(2.0 * levels) + 1, 0.0);
    if (sigma == 0.0) {
        const double code = std::nearbyint(std::clamp(mean / step, -levels, levels));
        p[static_cast<std::size_t>(code + levels)] = 1.0;
        return p;
    }
    double below = 0.0;
    for (std::size_t c = 0; c < p.size(); ++c) {
        const double edge = (static_cast<double>(c) - levels + 0.5) * step;
        const double up_to = c + 1 == p.size() ? 1.0 : normal_distribution((edge - mean) / sigma);
        p[c] = up_to - below;
        below = up_to;
    }
    return p;
}

/// P(keep) of converted parts: the codes add.
double converted_keep_probability(const SprintReferenceColumns& columns, std::size_t t,
                                  std::size_t j, const SprintReferenceSettings& settings,
                                  double level) {
    std::vector<double> sum = {1.0};
    for (const SprintReferencePart& part : columns.parts) {
        const std::vector<double> own =
            code_probabilities(part.mean(t, j) + part.common(t, j), part.sigma(t, j), settings);
        std::vector<double> next(sum.size() + own.size() - 1, 0.0);
        for (std::size_t a = 0; a < sum.size(); ++a) {
            if (sum[a] == 0.0) continue;
            for (std::size_t b = 0; b < own.size(); ++b) next[a + b] += sum[a] * own[b];
        }
        sum = std::move(next);
    }
    const double lowest = -adc_levels(settings) * static_cast<double>(columns.parts.size());
    double kept = 0.0;
    for (std::size_t c = 0; c < sum.size(); ++c)
        if (adc_value(lowest + static_cast<double>(c), settings) >= level) kept += sum[c];
    return std::min(kept, 1.0);  // the sum has an error of its own
}

/// Everything that the probability of one decision needs.
struct Judge {
    const SprintReferenceColumns& columns;
    const SprintReferenceSettings& settings;
    ReferencePlaces places;
    double limit;  ///< of two physical columns, integer units

    /// P(keep) against one level.
    double keep(std::size_t t, std::size_t j, double level) const;
};

double Judge::keep(std::size_t t, std::size_t j, double level) const {
    constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
    const double n_fs = settings.n_fs;
    const double noise = settings.comparator_noise_V / volts_per_unit(settings, places);
    bool limited = false, parts_inside = true;
    for (const SprintReferencePart& part : columns.parts) {
        const double mean = part.mean(t, j) + part.common(t, j);
        limited = limited || part.limited(t, j) != 0;
        parts_inside = parts_inside && !near_limit(mean, std::pow(part.sigma(t, j), 2), n_fs);
    }
    const double mean = columns.mean(t, j) + columns.common(t, j);
    if (std::isnan(columns.sigma(t, j))) return unknown;
    if (limited) {
        if (columns.mean_plus.empty() || settings.summation == ReferenceSummation::adc)
            return unknown;
        return pair_keep_probability(columns, t, j, limit, n_fs, noise, level);
    }
    if (settings.summation == ReferenceSummation::adc)
        return converted_keep_probability(columns, t, j, settings, level);
    const bool one_sense = settings.summation == ReferenceSummation::current || places.parts == 1;
    if (one_sense)
        return reference_keep_probability(mean, columns.sigma(t, j), -n_fs, n_fs, noise, level);
    if (!parts_inside) return unknown;
    return reference_keep_probability(mean, columns.sigma(t, j), -HUGE_VAL, HUGE_VAL, noise, level);
}

}  // namespace

SprintReferenceColumns sprint_reference_columns(const AttentionHead& head,
                                                const SprintReferenceCodes& codes,
                                                const SprintReferenceCells& cells,
                                                const SprintReferenceSettings& settings,
                                                const DrawSite& site) {
    const Matrix<double> zero(head.n_q(), head.n_k());
    SprintReferenceColumns columns;
    columns.z = columns.mean = columns.sigma = columns.common = zero;
    const Matrix<std::uint8_t> never(head.n_q(), head.n_k());
    columns.parts.assign(reference_places(head, settings).parts, {zero, zero, zero, never});
    SolvedArrays solved;
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        const ReadFrame frame(head, codes, cells, settings, site, t);
        if (t == 0 && two_columns(frame))
            columns.mean_plus = columns.mean_minus = columns.sigma_plus = columns.sigma_minus =
                zero;
        add_query(frame, solved, columns);
    }
    return columns;
}

double reference_keep_probability(double mean, double sigma_x, double low, double high,
                                  double sigma_y, double threshold) {
    // Never clipped: one normal.
    const bool inside = mean - 9.0 * sigma_x >= low && mean + 9.0 * sigma_x <= high;
    const double total = std::hypot(sigma_x, sigma_y);
    if (inside && total > 0.0) return normal_distribution((mean - threshold) / total);
    // Noise before the clipping only: a level between the limits is crossed as without them.
    if (sigma_y == 0.0 && sigma_x > 0.0) {
        if (threshold <= low) return 1.0;
        return threshold > high ? 0.0 : normal_distribution((mean - threshold) / sigma_x);
    }
    return clipped_expectation(mean, sigma_x, low, high, sigma_y, [&](double x) {
        if (sigma_y == 0.0) return x >= threshold ? 1.0 : 0.0;
        return normal_distribution((x - threshold) / sigma_y);
    });
}

Matrix<double> sprint_reference_probabilities(
    const AttentionHead& head, const SprintReferenceCodes& codes, const SprintReferenceCells& cells,
    const SprintReferenceColumns& columns, const std::vector<float>& thresholds,
    const SprintReferenceSettings& settings, const DrawSite& site,
    std::vector<ReferenceLatch> latches) {
    const ReferencePlaces places = reference_places(head, settings);
    const double unit_A = reference_unit_V(codes, settings) * cells.dG_S;
    const Judge judge{columns, settings, places, settings.i_max_A.value_or(HUGE_VAL) / unit_A};
    const bool comparators = settings.summation != ReferenceSummation::adc;
    const double width = metastable_width(settings, places);
    const auto starts = starting_latches(head.n_k(), settings, std::move(latches));
    Matrix<double> p_keep(head.n_q(), head.n_k());
    for (std::size_t j = 0; j < head.n_k(); ++j) {
        // Of the comparator: undefined where it has not decided yet.
        std::optional<double> p_last;
        if (starts[j] != ReferenceLatch::none) p_last = starts[j] == ReferenceLatch::kept;
        for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
            if (!head.allowed(t, j)) continue;
            double level =
                decision_level(t, j, static_cast<double>(thresholds[t]), settings, places, site);
            const auto after = [&](ReferenceLatch latch) {
                return judge.keep(t, j, level + hysteresis_shift(latch, settings, places));
            };
            // Undecided is as good as a threshold that lies as far off.
            if (comparators && width > 0.0)
                level += resolved_kept(t, j, head.n_k(), settings, site) ? -width : width;
            if (!comparators || !p_last || settings.hysteresis_V == 0.0)
                p_keep(t, j) = after(ReferenceLatch::none);
            else
                p_keep(t, j) = *p_last * after(ReferenceLatch::kept) +
                               (1.0 - *p_last) * after(ReferenceLatch::pruned);
            p_last = p_keep(t, j);
        }
    }
    return p_keep;
}

}  // namespace attohm
