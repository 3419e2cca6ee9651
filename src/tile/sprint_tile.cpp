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

/// Above one open decision in so many, a block is drawn whole: a draw in a row costs about a
/// quarter of one that is looked up.
constexpr std::size_t kDenseDraws = 6;

/// Beyond what a normal draw reaches (random.hpp: 6.34).
constexpr double kFarNormal = 6.4;

}  // namespace

/// Products of one block of queries.
struct SprintTile::Block {
    Matrix<float> squares;   ///< [r, d] nq^2
    Matrix<float> analog;    ///< [r, n]
    Matrix<float> variance;  ///< [r, n]; where known
    bool variance_known = false;
    std::span<const float> threshold;
    const CountedKeys& counted;
};

/// Decision noise of one query at a time.
struct SprintTile::Draws {
    Stream stream;
    AlignedVector<float> normals;  ///< [n] by key
    std::vector<std::uint32_t> keys;
    std::vector<std::uint64_t> indices;
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
    most_variance_.assign(levels.cols, static_cast<float>(keys_.uniform_variance));
    variance_sum_.assign(levels.cols, keys_.uniform_variance * static_cast<double>(n));
    if (keys_.variance.empty()) return;
    for (std::size_t j = 0; j < n; ++j) {
        const float* cells = keys_.variance.row(j);
        for (std::size_t i = 0; i < levels.cols; ++i) {
            most_variance_[i] = std::max(most_variance_[i], cells[i]);
            variance_sum_[i] += static_cast<double>(cells[i]);
        }
    }
}

TileTotals SprintTile::decide(std::size_t first, MatrixView<const float> nq,
                              std::span<const float> threshold, const CountedKeys& counted,
                              MatrixView<std::uint8_t> keep, MatrixView<float> p_keep) const {
    const std::size_t n = keys_.mean.rows();
    Block block{{}, {}, {}, false, threshold, counted};
    block.squares.resize(nq.rows, nq.cols);
    for (std::size_t t = 0; t < nq.rows; ++t) square_row(nq.row(t), block.squares.row(t), nq.cols);
    block.analog.resize(nq.rows, n);
    block.variance.resize(nq.rows, n);
    sgemm_nt(nq, keys_.mean.view(), block.analog.view());
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
    add_totals(nq, block, totals);
    return totals;
}

/// Variances of all outputs of the block, once.
void SprintTile::know_variance(Block& block) const {
    if (block.variance_known) return;
    block.variance_known = true;
    if (!keys_.variance.empty()) {
        sgemm_nt(block.squares.view(), keys_.variance.view(), block.variance.view());
        return;
    }
    for (std::size_t t = 0; t < block.squares.rows(); ++t) {
        const double v =
            sum_row(block.squares.row(t), block.squares.cols()) * keys_.uniform_variance;
        std::fill_n(block.variance.row(t), block.variance.cols(), static_cast<float>(v));
    }
}

/// Random variance and energy of the block's reads: sums over queries and over keys factor, word
/// line by word line.
void SprintTile::add_totals(MatrixView<const float> nq, const Block& block,
                            TileTotals& totals) const {
    std::vector<double> squares(nq.cols, 0.0), sizes(nq.cols, 0.0);
    for (std::size_t t = 0; t < nq.rows; ++t) {
        add_row(block.squares.row(t), squares.data(), nq.cols);
        add_sizes(nq.row(t), sizes.data(), nq.cols);
    }
    const double sigma_c = circuits_.sense.steps(circuits_.comparator.noise_sigma);
    const double v_step = circuits_.v_read.value() / circuits_.q_levels;
    const double time = circuits_.read_time.value();
    for (std::size_t i = 0; i < nq.cols; ++i) {
        totals.noise_variance += squares[i] * variance_sum_[i];
        const double conductance = keys_.row_conductance_S[i];
        totals.cell_J += time * v_step * v_step * squares[i] * conductance;
        totals.driver_J += time * circuits_.v_drive.value() * v_step * sizes[i] * conductance;
    }
    totals.noise_variance += static_cast<double>(totals.decisions) * sigma_c * sigma_c;
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

/// White noise of the column and of the comparator drawn at the output as one number. Only
/// decisions that a draw could turn are drawn: a stream is random access, so the others' draws are
/// simply not looked at.
void SprintTile::output_path(std::size_t first, Block& block, MatrixView<std::uint8_t> keep,
                             MatrixView<float> p_keep, TileTotals& totals) const {
    const std::size_t n = block.analog.cols(), rows = block.analog.rows();
    Draws draws{decision_noise_stream(site_), AlignedVector<float>(n),
                std::vector<std::uint32_t>(n + 1), std::vector<std::uint64_t>(n)};
    AlignedVector<float> offsets(n);
    Matrix<std::uint8_t> open;
    open.resize(rows, n);
    const auto row_of = [&](std::size_t t) {
        if (t == 0 || circuits_.threshold_noise.value() > 0.0) key_offsets(first + t, offsets);
        return decision_row(block, t, draws.normals.data(), offsets.data());
    };
    std::size_t undecided = 0;
    for (std::size_t t = 0; t < rows; ++t) {
        undecided += static_cast<std::size_t>(
            screen_row(row_of(t), variance_bound(block, t), keep.row(t), open.row(t)));
    }
    const bool dense = undecided * kDenseDraws > rows * n;
    if (dense) know_variance(block);
    for (std::size_t t = 0; t < rows; ++t) {
        const DecisionRow row = row_of(t);
        if (dense) {
            draw_row(first + t, row, block, t, keep.row(t), open.row(t), draws, totals);
        } else {
            draw_open(first + t, row, block, t, keep.row(t), open.row(t), draws, totals);
        }
    }
    if (p_keep.empty()) return;
    know_variance(block);
    for (std::size_t t = 0; t < rows; ++t) {
        const DecisionRow row = row_of(t);
        margin_row(row, p_keep.row(t));
        normal_cdf({p_keep.row(t), n}, {p_keep.row(t), n});
        if (flag_full_scale(row, open.row(t)) > 0) {
            clipped_probabilities(row, {open.row(t), n}, p_keep.row(t));
        }
    }
}

DecisionRow SprintTile::decision_row(const Block& block, std::size_t t, const float* normals,
                                     const float* offsets) const {
    const double sigma_c = circuits_.sense.steps(circuits_.comparator.noise_sigma);
    return {block.analog.row(t),
            block.variance.row(t),
            normals,
            offsets,
            block.threshold[t],
            static_cast<float>(sigma_c * sigma_c),
            static_cast<float>(circuits_.sense.n_fs),
            block.analog.cols()};
}

/// No output of query t has a larger variance of its cells' white noise.
float SprintTile::variance_bound(const Block& block, std::size_t t) const {
    double bound = 0.0;
    for (std::size_t i = 0; i < block.squares.cols(); ++i) {
        bound += static_cast<double>(block.squares(t, i)) * static_cast<double>(most_variance_[i]);
    }
    constexpr double kRounding = 1.0001;  // of the products that the bound is compared with
    return static_cast<float>(bound * kRounding);
}

/// Every decision of a query drawn.
void SprintTile::draw_row(std::size_t query, const DecisionRow& row, const Block& block,
                          std::size_t t, std::uint8_t* keep, std::uint8_t* risky, Draws& draws,
                          TileTotals& totals) const {
    draws.stream.normals(query * n_k_, draws.normals);
    decide_row(row, keep);
    if (flag_full_scale(row, risky) == 0) return;
    for (std::size_t j = 0; j < row.n; ++j) {
        if (risky[j] != 0) keep[j] = clipped_decision(row, block, t, query, j, totals);
    }
}

/// The open decisions of a query drawn.
void SprintTile::draw_open(std::size_t query, const DecisionRow& row, Block& block, std::size_t t,
                           std::uint8_t* keep, const std::uint8_t* open, Draws& draws,
                           TileTotals& totals) const {
    // Every index is stored, the next one over it unless open.
    std::uint32_t* keys = draws.keys.data();
    std::size_t count = 0;
    for (std::size_t j = 0; j < row.n; ++j) {
        keys[count] = static_cast<std::uint32_t>(j);
        count += open[j];
    }
    if (count == 0) return;
    if (!keys_.variance.empty()) {
        variances_of(block.squares.row(t), keys_.variance.data(), block.squares.cols(), keys, count,
                     block.variance.row(t));
    } else {
        know_variance(block);
    }
    for (std::size_t k = 0; k < count; ++k) draws.indices[k] = query * n_k_ + keys[k];
    draws.stream.normals_at(std::span(draws.indices).first(count),
                            std::span(draws.normals).first(count));
    // Each draw to its key, the last first: a key never lies before its place in the list.
    for (std::size_t k = count; k-- > 0;) draws.normals[keys[k]] = draws.normals[k];
    for (std::size_t k = 0; k < count; ++k) {
        keep[keys[k]] = open_decision(row, block, t, query, keys[k], totals);
    }
}

/// The same arithmetic as decide_row, for one key.
std::uint8_t SprintTile::open_decision(const DecisionRow& row, const Block& block, std::size_t t,
                                       std::size_t query, std::size_t j, TileTotals& totals) const {
    if (reaches_full_scale(row, j)) return clipped_decision(row, block, t, query, j, totals);
    const float sigma = std::sqrt(row.variance[j] + row.comparator_variance);
    const float value = row.analog[j] + sigma * row.normals[j] + row.offset[j];
    return value >= row.threshold ? 1 : 0;
}

/// The two noises are told apart where the sense output may clip between them: given T = R + C, R
/// is Gaussian with mean T v_r / v and variance v_r v_c / v (v = v_r + v_c).
std::uint8_t SprintTile::clipped_decision(const DecisionRow& row, const Block& block, std::size_t t,
                                          std::size_t query, std::size_t j,
                                          TileTotals& totals) const {
    const double sigma_c = circuits_.sense.steps(circuits_.comparator.noise_sigma);
    const double n_fs = circuits_.sense.n_fs;
    const double v_r = static_cast<double>(row.variance[j]);
    const double v = v_r + sigma_c * sigma_c;
    const double total = std::sqrt(v) * static_cast<double>(row.normals[j]);
    double read = 0.0;
    if (v > 0.0) {
        read = total * v_r / v + std::sqrt(v_r * sigma_c * sigma_c / v) *
                                     decision_split_stream(site_).normal(query * n_k_ + j);
    }
    const double output = static_cast<double>(row.analog[j]) + read;
    const double clipped = std::clamp(output, -n_fs, n_fs);
    totals.sense_clipped += output != clipped && block.counted(t, j) ? 1 : 0;
    const double value = clipped + (total - read) + static_cast<double>(row.offset[j]);
    return value >= static_cast<double>(row.threshold) ? 1 : 0;
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
        column_noise_stream(site_, plane_id(Polarity::plus)).normals(query * n_k_, z_plus);
        column_noise_stream(site_, plane_id(Polarity::minus)).normals(query * n_k_, z_minus);
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
    }
}

}  // namespace attohm
