#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "tests/reference/sprint_reference.hpp"

namespace attohm {

namespace {

/// Marks the twin's own streams of cells and comparators.
constexpr std::uint64_t kCellTag = 0x63656c6c;

std::size_t valid_queries(const AttentionHead& head) {
    return static_cast<std::size_t>(head.valid_q);
}

std::size_t valid_keys(const AttentionHead& head) {
    return static_cast<std::size_t>(head.valid_k);
}

double normal_distribution(double x) {
    return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

double normal_density(double x) {
    return std::exp(-0.5 * x * x) / std::sqrt(2.0 * M_PI);
}

/// Standard deviation in siemens of the white noise of one cell in one read.
double cell_sigma_S(double G_S, const SprintReferenceSettings& settings) {
    return std::hypot(settings.read_sigma_rel * G_S, settings.read_sigma_S);
}

/// Largest physical column in integer units; infinite where nothing limits it.
double column_limit(const SprintReferenceCodes& codes, const SprintReferenceCells& cells,
                    const SprintReferenceSettings& settings) {
    if (!settings.i_max_A) return HUGE_VAL;
    const double I_lsb_A = settings.V_read_V * cells.dG_S / codes.line_levels;
    return *settings.i_max_A / I_lsb_A;
}

/// Volts at the comparator of one integer unit: R_t I_lsb.
double volts_per_unit(const SprintReferenceSettings& settings) {
    return settings.v_fs_V / settings.n_fs;
}

/// Settings whose effects are not worked out are refused.
void check_covered(const SprintReferenceSettings& settings) {
    ATTOHM_CHECK(settings.signs == ReferenceSigns::differential && !settings.cell_bits);
    ATTOHM_CHECK(settings.drive == ReferenceDrive::bipolar && !settings.iv_shape_V);
    ATTOHM_CHECK(settings.coding == ReferenceCoding::amplitude && settings.wires.none());
    ATTOHM_CHECK(!settings.relaxation_mean_S && !settings.relaxation_sigma_S);
    ATTOHM_CHECK(!settings.temperature_factor && !settings.G_ceiling_S);
    ATTOHM_CHECK(!settings.frozen_deviation && !settings.slow_deviation);
    ATTOHM_CHECK(!settings.reference_deviation && settings.read_sigma_time_s == 0.0);
    ATTOHM_CHECK(settings.summation == ReferenceSummation::current && !settings.adc_bits);
    ATTOHM_CHECK(!settings.offset_residual_V && settings.threshold_gain.empty());
    ATTOHM_CHECK(settings.hysteresis_V == 0.0 && settings.metastable_V == 0.0);
}

/// One cell as the write and the chip left it.
double written_cell_S(double target_S, double normal, double uniform,
                      const SprintReferenceSettings& settings, SprintReferenceCells& cells) {
    double G_S = target_S;
    if (settings.programming_bias_S) G_S += settings.programming_bias_S(target_S);
    if (settings.programming_sigma_S) G_S += settings.programming_sigma_S(target_S) * normal;
    ++cells.cells;
    if (G_S < settings.G_floor_S) {
        ++cells.floored;
        G_S = settings.G_floor_S;
    }
    if (uniform < settings.stuck_low_rate) {
        ++cells.stuck;
        G_S = 1.0 / settings.stuck_low_ohm;
    } else if (uniform < settings.stuck_low_rate + settings.stuck_high_rate) {
        ++cells.stuck;
        G_S = 1.0 / settings.stuck_high_ohm;
    }
    return G_S;
}

/// Both cells of key j, row i.
void write_pair(std::size_t j, std::size_t i, double m, const SprintReferenceSettings& settings,
                const DrawSite& site, SprintReferenceCells& cells) {
    const std::size_t array = j / settings.array_columns;
    const std::size_t place = j % settings.array_columns * settings.array_rows + i;
    const std::size_t cell = j * cells.G_plus_S.cols() + i;
    for (const Polarity polarity : {Polarity::plus, Polarity::minus}) {
        const bool plus = polarity == Polarity::plus;
        const double target_S = settings.G_min_S + cells.dG_S * std::max(plus ? m : -m, 0.0);
        const double normal = programming_stream(site, plane_id(polarity)).normal(cell);
        const double uniform = stuck_fault_stream(site, array, plane_id(polarity)).uniform32(place);
        const double G_S = written_cell_S(target_S, normal, uniform, settings, cells);
        (plus ? cells.G_plus_S : cells.G_minus_S)(j, i) = G_S;
        (plus ? cells.error_plus_S : cells.error_minus_S)(j, i) = G_S - target_S;
    }
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

/// P(keep) of one decision, given offset and threshold (`shifted`, integer units).
double pair_keep_probability(const SprintReferenceColumns& columns, std::size_t t, std::size_t j,
                             double limit, double n_fs, double comparator, double shifted) {
    const double plus = columns.mean_plus(t, j);
    const double minus = columns.mean_minus(t, j);
    const double sigma_plus = columns.sigma_plus(t, j);
    const double sigma_minus = columns.sigma_minus(t, j);
    const bool inside =
        std::abs(plus) + 9.0 * sigma_plus <= limit && std::abs(minus) + 9.0 * sigma_minus <= limit;
    if (inside)
        return reference_keep_probability(columns.mean(t, j), columns.sigma(t, j), -n_fs, n_fs,
                                          comparator, shifted);
    // Given the plus column's current, only the minus column and the comparator are uncertain.
    const double smallest = std::hypot(sigma_minus, comparator);
    return clipped_expectation(plus, sigma_plus, -limit, limit, smallest, [&](double current) {
        const double low = std::clamp(current - limit, -n_fs, n_fs);
        const double high = std::clamp(current + limit, -n_fs, n_fs);
        return reference_keep_probability(current - minus, sigma_minus, low, high, comparator,
                                          shifted);
    });
}

/// Offset of the comparator of key j, integer units.
double offset_units(std::size_t j, const SprintReferenceSettings& settings, const DrawSite& site) {
    const Stream stream = comparator_offset_stream(site, j / settings.array_columns);
    return settings.comparator_offset_V * stream.normal(j % settings.array_columns) /
           volts_per_unit(settings);
}

/// Noise of the threshold of query t at the array of key j, integer units.
double threshold_noise_units(std::size_t t, std::size_t j, const SprintReferenceSettings& settings,
                             const DrawSite& site) {
    const Stream stream = threshold_noise_stream(site, j / settings.array_columns);
    return settings.threshold_noise_V * stream.normal(t) / volts_per_unit(settings);
}

/// Noise of one physical column, every cell drawn, integer units.
double sampled_column_noise(const SprintReferenceCodes& codes, const Matrix<double>& G_S,
                            double dG_S, std::size_t t, std::size_t j, const Stream& stream,
                            const SprintReferenceSettings& settings) {
    double noise = 0.0;
    for (std::size_t i = 0; i < G_S.cols(); ++i) {
        const double sigma_S = cell_sigma_S(G_S(j, i), settings);
        noise += codes.q_line(t, i) * sigma_S * stream.normal(j * G_S.cols() + i) / dG_S;
    }
    return noise;
}

}  // namespace

SprintReferenceCells sprint_reference_cells(const AttentionHead& head,
                                            const SprintReferenceCodes& codes,
                                            const SprintReferenceSettings& settings,
                                            const DrawSite& site) {
    check_covered(settings);
    ATTOHM_CHECK_LE(head.d(), settings.array_rows);
    ATTOHM_CHECK_LT(std::size_t{0}, settings.array_columns);
    ATTOHM_CHECK_LT(settings.G_min_S, settings.G_max_S);
    SprintReferenceCells cells;
    cells.dG_S = (settings.G_max_S - settings.G_min_S) / codes.cell_levels;
    cells.G_plus_S = Matrix<double>(head.n_k(), head.d());
    cells.G_minus_S = cells.error_plus_S = cells.error_minus_S = cells.G_plus_S;
    cells.k_sensed = Matrix<int>(head.n_k(), head.d());
    const double levels = codes.cell_levels;
    for (std::size_t j = 0; j < valid_keys(head); ++j)
        for (std::size_t i = 0; i < head.d(); ++i) {
            const double m = codes.k_level(j, i);
            write_pair(j, i, m, settings, site, cells);
            if (!settings.k_bits) continue;
            const double read = (cells.G_plus_S(j, i) - cells.G_minus_S(j, i)) / cells.dG_S;
            const double sensed = std::clamp(std::nearbyint(read), -levels, levels - 1.0);
            cells.k_sensed(j, i) = static_cast<int>(sensed);
            cells.level_errors += sensed != m;
        }
    return cells;
}

SprintReferenceColumns sprint_reference_columns(const AttentionHead& head,
                                                const SprintReferenceCodes& codes,
                                                const SprintReferenceCells& cells,
                                                const SprintReferenceSettings& settings) {
    SprintReferenceColumns columns;
    columns.z = Matrix<double>(head.n_q(), head.n_k());
    columns.mean = columns.sigma = columns.mean_plus = columns.mean_minus = columns.z;
    columns.sigma_plus = columns.sigma_minus = columns.z;
    for (std::size_t t = 0; t < valid_queries(head); ++t)
        for (std::size_t j = 0; j < valid_keys(head); ++j) {
            double z = 0.0, error = 0.0, plus = 0.0, minus = 0.0, var_plus = 0.0, var_minus = 0.0;
            for (std::size_t i = 0; i < head.d(); ++i) {
                const double n = codes.q_line(t, i);
                const double G_plus = cells.G_plus_S(j, i), G_minus = cells.G_minus_S(j, i);
                z += n * codes.k_level(j, i);
                error += n * (cells.error_plus_S(j, i) - cells.error_minus_S(j, i)) / cells.dG_S;
                plus += n * G_plus / cells.dG_S;
                minus += n * G_minus / cells.dG_S;
                var_plus += std::pow(n * cell_sigma_S(G_plus, settings) / cells.dG_S, 2);
                var_minus += std::pow(n * cell_sigma_S(G_minus, settings) / cells.dG_S, 2);
            }
            // As integer plus error, so that without errors a tie is a tie.
            columns.z(t, j) = z;
            columns.mean(t, j) = z + error;
            columns.mean_plus(t, j) = plus;
            columns.mean_minus(t, j) = minus;
            columns.sigma_plus(t, j) = std::sqrt(var_plus);
            columns.sigma_minus(t, j) = std::sqrt(var_minus);
            columns.sigma(t, j) = std::sqrt(var_plus + var_minus);
        }
    return columns;
}

SprintReferenceRead sprint_reference_read(
    const AttentionHead& head, const SprintReferenceCodes& codes, const SprintReferenceCells& cells,
    const SprintReferenceColumns& columns, const std::vector<float>& thresholds,
    const SprintReferenceSettings& settings, const DrawSite& site, std::uint64_t repeat) {
    SprintReferenceRead read;
    read.output = Matrix<double>(head.n_q(), head.n_k());
    read.kept = Matrix<std::uint8_t>(head.n_q(), head.n_k());
    const double limit = column_limit(codes, cells, settings);
    const double comparator = settings.comparator_noise_V / volts_per_unit(settings);
    for (std::size_t t = 0; t < valid_queries(head); ++t) {
        const Stream plus =
            column_noise_stream(site, plane_id(Polarity::plus)).with({kCellTag, t, repeat});
        const Stream minus =
            column_noise_stream(site, plane_id(Polarity::minus)).with({kCellTag, t, repeat});
        const Stream latch = comparator_noise_stream(site).with({kCellTag, t, repeat});
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (!head.allowed(t, j)) continue;
            const double noise_plus =
                sampled_column_noise(codes, cells.G_plus_S, cells.dG_S, t, j, plus, settings);
            const double noise_minus =
                sampled_column_noise(codes, cells.G_minus_S, cells.dG_S, t, j, minus, settings);

            // What a physical column carries beyond its limit is lost.
            const double I_plus = columns.mean_plus(t, j) + noise_plus;
            const double I_minus = columns.mean_minus(t, j) + noise_minus;
            const double lost_plus = I_plus - std::clamp(I_plus, -limit, limit);
            const double lost_minus = I_minus - std::clamp(I_minus, -limit, limit);
            const double output =
                columns.mean(t, j) + noise_plus - noise_minus - lost_plus + lost_minus;
            const double sensed = std::clamp(output, -settings.n_fs, settings.n_fs);
            read.output(t, j) = output;
            read.column_clipped += (lost_plus != 0.0) + (lost_minus != 0.0);
            read.sense_clipped += sensed != output;

            const double left =
                sensed + offset_units(j, settings, site) + comparator * latch.normal(j);
            const double right =
                static_cast<double>(thresholds[t]) + threshold_noise_units(t, j, settings, site);
            read.kept(t, j) = left >= right;
        }
    }
    return read;
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
    const SprintReferenceSettings& settings, const DrawSite& site) {
    const double limit = column_limit(codes, cells, settings);
    const double comparator = settings.comparator_noise_V / volts_per_unit(settings);
    Matrix<double> p_keep(head.n_q(), head.n_k());
    for (std::size_t t = 0; t < valid_queries(head); ++t)
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (!head.allowed(t, j)) continue;
            const double shifted = static_cast<double>(thresholds[t]) +
                                   threshold_noise_units(t, j, settings, site) -
                                   offset_units(j, settings, site);
            p_keep(t, j) =
                pair_keep_probability(columns, t, j, limit, settings.n_fs, comparator, shifted);
        }
    return p_keep;
}

}  // namespace attohm
