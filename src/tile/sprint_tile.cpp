#include "src/tile/sprint_tile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/vmath.hpp"
#include "src/tile/clipped_decision.hpp"
#include "src/tile/decision_kernels.hpp"

namespace attohm {

namespace {
/// Beyond what a normal draw reaches (random.hpp: 6.34).
constexpr double kFarNormal = 6.4;
}  // namespace

/// Products of one block of queries.
struct SprintTile::Block {
    Matrix<float> squares;   ///< [r, d] nq^2
    Matrix<float> analog;    ///< [r, n]
    Matrix<float> variance;  ///< [r, n]
    std::span<const float> threshold;
    const CountedKeys& counted;
};

SprintTile::SprintTile(const TileCircuits& circuits, const LevelMap& map, const Device& device,
                       const DrawSite& site, MatrixView<const float> levels, std::size_t n_k)
    : circuits_(circuits),
      site_(site),
      n_k_(n_k),
      dG_(map.dG()),
      keys_(program_keys(levels, map, device, circuits.array, circuits.read_time, site)) {
    const std::size_t n = levels.rows;
    offsets_.assign(n, 0.0F);
    const auto columns = static_cast<std::size_t>(circuits_.array.columns);
    const auto sigma = static_cast<float>(circuits_.sense.steps(circuits_.comparator.offset_sigma));
    for (std::size_t array = 0; array * columns < n && sigma > 0.0F; ++array) {
        const std::size_t count = std::min(columns, n - array * columns);
        comparator_offset_stream(site_, array)
            .add_normals(0, sigma, std::span(offsets_).subspan(array * columns, count));
    }
}

TileTotals SprintTile::decide(std::size_t first, MatrixView<const float> nq,
                              std::span<const float> threshold, const CountedKeys& counted,
                              MatrixView<std::uint8_t> keep, MatrixView<float> p_keep) const {
    const std::size_t n = keys_.mean.rows();
    Block block{{}, {}, {}, threshold, counted};
    block.squares.resize(nq.rows, nq.cols);
    for (std::size_t t = 0; t < nq.rows; ++t) square_row(nq.row(t), block.squares.row(t), nq.cols);
    block.analog.resize(nq.rows, n);
    block.variance.resize(nq.rows, n);
    sgemm_nt(nq, keys_.mean.view(), block.analog.view());
    if (keys_.variance.empty()) {
        for (std::size_t t = 0; t < nq.rows; ++t) {
            const double v = sum_row(block.squares.row(t), nq.cols) * keys_.uniform_variance;
            std::fill_n(block.variance.row(t), n, static_cast<float>(v));
        }
    } else {
        sgemm_nt(block.squares.view(), keys_.variance.view(), block.variance.view());
    }
    TileTotals totals;
    totals.decisions = static_cast<std::int64_t>(nq.rows * n);
    if (circuits_.sense.n_column_max) {
        column_path(first, nq, block, keep, totals);
        // Clipped columns have no Gaussian law: the expected rates are unknown, not approximated.
        for (std::size_t t = 0; t < p_keep.rows; ++t) {
            std::fill_n(p_keep.row(t), n, std::numeric_limits<float>::quiet_NaN());
        }
    } else {
        output_path(first, block, keep, p_keep, totals);
    }
    read_energy(nq, totals);
    return totals;
}

/// Static offsets minus the threshold noise, which all keys of an array share in one read.
void SprintTile::key_offsets(std::size_t query, std::span<float> offsets) const {
    std::copy(offsets_.begin(), offsets_.end(), offsets.begin());
    const auto sigma = static_cast<float>(circuits_.sense.steps(circuits_.threshold_noise));
    if (sigma == 0.0F) return;
    const auto columns = static_cast<std::size_t>(circuits_.array.columns);
    for (std::size_t j = 0; j < offsets.size(); j += columns) {
        const auto t = static_cast<float>(threshold_noise_stream(site_, j / columns).normal(query));
        const std::size_t end = std::min(j + columns, offsets.size());
        for (std::size_t c = j; c < end; ++c) offsets[c] -= sigma * t;
    }
}

/// White noise of the column and of the comparator drawn at the output as one number; told apart
/// only where the sense output may clip between them: given T = R + C, R is Gaussian with mean T
/// v_r / v and variance v_r v_c / v (v = v_r + v_c).
void SprintTile::output_path(std::size_t first, const Block& block, MatrixView<std::uint8_t> keep,
                             MatrixView<float> p_keep, TileTotals& totals) const {
    const std::size_t n = block.analog.cols();
    AlignedVector<float> normals(n), offsets(n);
    std::vector<std::uint8_t> risky(n);
    const Stream noise = decision_noise_stream(site_);
    const Stream split = decision_split_stream(site_);
    const double sigma_c = circuits_.sense.steps(circuits_.comparator.noise_sigma);
    const double n_fs = circuits_.sense.n_fs;
    key_offsets(first, offsets);
    for (std::size_t t = 0; t < block.analog.rows(); ++t) {
        const std::size_t query = first + t;
        if (circuits_.threshold_noise.value() > 0.0) key_offsets(query, offsets);
        noise.normals(query * n_k_, normals);
        const DecisionRow row{block.analog.row(t),      block.variance.row(t),
                              normals.data(),           offsets.data(),
                              block.threshold[t],       static_cast<float>(sigma_c * sigma_c),
                              static_cast<float>(n_fs), n};
        const bool any_risky = decide_row(row, keep.row(t), risky.data()) > 0;
        if (any_risky) {
            for (std::size_t j = 0; j < n; ++j) {
                if (risky[j] == 0) continue;
                const double v_r = static_cast<double>(row.variance[j]);
                const double v = v_r + sigma_c * sigma_c;
                const double total = std::sqrt(v) * static_cast<double>(normals[j]);
                double read = 0.0;
                if (v > 0.0) {
                    read = total * v_r / v +
                           std::sqrt(v_r * sigma_c * sigma_c / v) * split.normal(query * n_k_ + j);
                }
                const double output = static_cast<double>(row.analog[j]) + read;
                const double clipped = std::clamp(output, -n_fs, n_fs);
                totals.sense_clipped += output != clipped && block.counted(t, j) ? 1 : 0;
                const double value = clipped + (total - read) + static_cast<double>(offsets[j]);
                keep(t, j) = value >= static_cast<double>(row.threshold) ? 1 : 0;
            }
        }
        totals.noise_variance +=
            sum_row(row.variance, n) + static_cast<double>(n) * sigma_c * sigma_c;
        if (!p_keep.empty()) {
            margin_row(row, p_keep.row(t));
            normal_cdf({p_keep.row(t), n}, {p_keep.row(t), n});
            if (any_risky) clipped_probabilities(row, risky, p_keep.row(t));
        }
    }
}

/// The clip changes P(keep) only where the comparator's noise reaches from the threshold to it.
void SprintTile::clipped_probabilities(const DecisionRow& row, std::span<const std::uint8_t> risky,
                                       float* p_keep) const {
    const double sigma_c = circuits_.sense.steps(circuits_.comparator.noise_sigma);
    const double n_fs = circuits_.sense.n_fs;
    for (std::size_t j = 0; j < row.n; ++j) {
        if (risky[j] == 0) continue;
        const double threshold =
            static_cast<double>(row.threshold) - static_cast<double>(row.offset[j]);
        if (std::abs(threshold) + kFarNormal * sigma_c < n_fs) continue;
        p_keep[j] = static_cast<float>(clipped_keep_probability(
            static_cast<double>(row.analog[j]), std::sqrt(static_cast<double>(row.variance[j])),
            sigma_c, n_fs, threshold));
    }
}

/// One physical column of every pair: its output without noise and the variance of one read.
struct SprintTile::Column {
    Matrix<float> output;
    Matrix<float> variance;
};

SprintTile::Column SprintTile::read_column(MatrixView<const float> nq, const Block& block,
                                           const Matrix<float>& conductance) const {
    const std::size_t n = conductance.rows();
    Matrix<float> cell_variance(n, conductance.cols());
    for (std::size_t i = 0; i < cell_variance.size(); ++i) {
        const double s = keys_.read_relative * static_cast<double>(conductance.data()[i]);
        cell_variance.data()[i] =
            static_cast<float>(s * s + keys_.read_absolute * keys_.read_absolute);
    }
    Column column{Matrix<float>(nq.rows, n), Matrix<float>(nq.rows, n)};
    sgemm_nt(nq, conductance.view(), column.output.view());
    sgemm_nt(block.squares.view(), cell_variance.view(), column.variance.view());
    return column;
}

/// Each physical column clips on its own before the subtraction, so each is drawn on its own.
void SprintTile::column_path(std::size_t first, MatrixView<const float> nq, const Block& block,
                             MatrixView<std::uint8_t> keep, TileTotals& totals) const {
    const std::size_t n = block.analog.cols();
    const Column plus = read_column(nq, block, keys_.plus);
    const Column minus = read_column(nq, block, keys_.minus);
    AlignedVector<float> z_plus(n), z_minus(n), z_comparator(n), offsets(n);
    const double sigma_c = circuits_.sense.steps(circuits_.comparator.noise_sigma);
    const double n_fs = circuits_.sense.n_fs, n_max = *circuits_.sense.n_column_max;
    const auto clip = [](double x, double limit, bool counted, std::int64_t& count) {
        const double inside = std::clamp(x, -limit, limit);
        count += inside != x && counted ? 1 : 0;
        return inside;
    };
    // How far one column's draw moves it, less what the limit takes away. On top of the pair's
    // own output: integers stay integers, and ties ties, where nothing went wrong.
    const auto shift = [&](const Column& column, std::size_t t, std::size_t j, float z,
                           bool counted) {
        const auto mean = static_cast<double>(column.output(t, j));
        const double noise =
            std::sqrt(static_cast<double>(column.variance(t, j))) * static_cast<double>(z);
        const double current = mean + noise;
        return noise - (current - clip(current, n_max, counted, totals.column_clipped));
    };
    for (std::size_t t = 0; t < nq.rows; ++t) {
        const std::size_t query = first + t;
        key_offsets(query, offsets);
        column_noise_stream(site_, Polarity::plus).normals(query * n_k_, z_plus);
        column_noise_stream(site_, Polarity::minus).normals(query * n_k_, z_minus);
        comparator_noise_stream(site_).normals(query * n_k_, z_comparator);
        for (std::size_t j = 0; j < n; ++j) {
            const bool counted = block.counted(t, j);
            const double output = static_cast<double>(block.analog(t, j)) +
                                  shift(plus, t, j, z_plus[j], counted) -
                                  shift(minus, t, j, z_minus[j], counted);
            const double value = clip(output, n_fs, counted, totals.sense_clipped) +
                                 static_cast<double>(offsets[j]) +
                                 sigma_c * static_cast<double>(z_comparator[j]);
            keep(t, j) = value >= static_cast<double>(block.threshold[t]) ? 1 : 0;
        }
        totals.noise_variance +=
            sum_row(block.variance.row(t), n) + static_cast<double>(n) * sigma_c * sigma_c;
    }
}

void SprintTile::read_energy(MatrixView<const float> nq, TileTotals& totals) const {
    const double v_step = circuits_.v_read.value() / circuits_.q_levels;
    double squares = 0.0, absolutes = 0.0;
    for (std::size_t i = 0; i < nq.cols; ++i) {
        double square = 0.0, absolute = 0.0;
        for (std::size_t t = 0; t < nq.rows; ++t) {
            const auto v = static_cast<double>(nq(t, i)) * v_step;
            square += v * v;
            absolute += std::abs(v);
        }
        squares += square * keys_.row_conductance_S[i];
        absolutes += absolute * keys_.row_conductance_S[i];
    }
    const double time = circuits_.read_time.value();
    totals.cell_J += squares * time;
    totals.driver_J += absolutes * time * circuits_.v_drive.value();
}

}  // namespace attohm
