#include "src/tile/output_path.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/vmath.hpp"
#include "src/tile/clipped_decision.hpp"

namespace attohm {

namespace {

/// Above one open decision in so many, a block is drawn whole: a draw in a row costs about a
/// quarter of one that is looked up.
constexpr std::size_t kDenseDraws = 6;

/// Beyond what a normal draw reaches (random.hpp: 6.34).
constexpr double kFarNormal = 6.4;

}  // namespace

/// Decision noise of one query at a time.
struct OutputPath::Draws {
    Stream stream;
    AlignedVector<float> normals;  ///< [n] by key
    std::vector<std::uint32_t> keys;
    std::vector<std::uint64_t> indices;
};

void OutputPath::decide(MatrixView<std::uint8_t> keep, MatrixView<float> p_keep, TileTotals& totals,
                        const OutputPath* quiet, MatrixView<float> p_quiet) {
    const std::size_t n = core_.n(), rows = block_.rows();
    Draws draws{decision_noise_stream(core_.site), AlignedVector<float>(n),
                std::vector<std::uint32_t>(n + 1), std::vector<std::uint64_t>(n)};
    AlignedVector<float> offsets(n);
    std::vector<std::uint8_t> risky(n);
    Matrix<std::uint8_t> open;
    open.resize(rows, n);
    const bool constant = core_.constant_offsets();
    const auto row_of = [&](std::size_t t) {
        if (t == 0 || !constant) core_.key_offsets(block_, t, offsets);
        return decision_row(t, draws.normals.data(), offsets.data());
    };
    // What a comparator that ran out of time, or one that remembers, may turn besides noise.
    const Comparator& comparator = core_.circuits.comparator;
    const bool undecided = comparator.timing.has_value();
    const double slack = core_.comparator_steps(comparator.metastable_window()) +
                         core_.comparator_steps(comparator.hysteresis);
    std::size_t undrawn = 0;
    // The histogram of decision times takes all decisions, not only those that may turn.
    if (undecided) std::fill_n(open.data(), open.size(), std::uint8_t{1});
    for (std::size_t t = 0; t < rows && !undecided; ++t) {
        undrawn += static_cast<std::size_t>(screen_row(row_of(t), core_.variance_bound(block_, t),
                                                       static_cast<float>(slack), keep.row(t),
                                                       open.row(t)));
    }
    const bool dense = !undecided && undrawn * kDenseDraws > rows * n;
    if (dense) core_.know_variance(block_);
    if (!p_keep.empty()) core_.know_variance(block_);
    for (std::size_t t = 0; t < rows; ++t) {
        const DecisionRow row = row_of(t);
        if (!p_keep.empty()) probabilities(row, risky.data(), p_keep.row(t));
        if (quiet != nullptr) {
            quiet->probabilities(quiet->decision_row(t, nullptr, offsets.data()), risky.data(),
                                 p_quiet.row(t));
        }
        if (dense) {
            draw_row(t, row, keep.row(t), open.row(t), draws, totals);
        } else {
            draw_open(t, row, keep.row(t), open.row(t), draws, totals);
        }
        core_.remember(keep.row(t));
    }
}

DecisionRow OutputPath::decision_row(std::size_t t, const float* normals,
                                     const float* offsets) const {
    const double sigma_c = core_.comparator_steps(core_.circuits.comparator.noise_sigma);
    return {block_.analog.row(t),
            block_.variance.row(t),
            normals,
            offsets,
            block_.threshold[t],
            static_cast<float>(sigma_c * sigma_c),
            static_cast<float>(core_.circuits.sense.n_fs),
            block_.analog.cols()};
}

/// Every decision of a query drawn.
void OutputPath::draw_row(std::size_t t, const DecisionRow& row, std::uint8_t* keep,
                          std::uint8_t* risky, Draws& draws, TileTotals& totals) const {
    draws.stream.normals((block_.first + t) * core_.n_k, draws.normals);
    decide_row(row, keep);
    if (flag_full_scale(row, risky) == 0) return;
    for (std::size_t j = 0; j < row.n; ++j) {
        if (risky[j] != 0) keep[j] = open_decision(t, row, j, totals);
    }
}

/// The open decisions of a query drawn.
void OutputPath::draw_open(std::size_t t, const DecisionRow& row, std::uint8_t* keep,
                           const std::uint8_t* open, Draws& draws, TileTotals& totals) {
    // Every index is stored, the next one over it unless open.
    std::uint32_t* keys = draws.keys.data();
    std::size_t count = 0;
    for (std::size_t j = 0; j < row.n; ++j) {
        keys[count] = static_cast<std::uint32_t>(j);
        count += open[j];
    }
    if (count == 0) return;
    const ProgrammedKeys& programmed = core_.keys();
    if (!block_.variance_known && core_.classes.size() == 1 && !block_.by_array() &&
        !programmed.variance.empty()) {
        const Matrix<float>& squares = block_.squares.front().front();
        variances_of(squares.row(t), programmed.variance.data(), squares.cols(), keys, count,
                     block_.variance.row(t));
    } else {
        core_.know_variance(block_);
    }
    const std::uint64_t first = (block_.first + t) * core_.n_k;
    for (std::size_t k = 0; k < count; ++k) draws.indices[k] = first + keys[k];
    draws.stream.normals_at(std::span(draws.indices).first(count),
                            std::span(draws.normals).first(count));
    // Each draw to its key, the last first: a key never lies before its place in the list.
    for (std::size_t k = count; k-- > 0;) draws.normals[keys[k]] = draws.normals[k];
    for (std::size_t k = 0; k < count; ++k) {
        keep[keys[k]] = open_decision(t, row, keys[k], totals);
    }
}

/// The same arithmetic as decide_row, for one key.
std::uint8_t OutputPath::open_decision(std::size_t t, const DecisionRow& row, std::size_t j,
                                       TileTotals& totals) const {
    const bool clips = reaches_full_scale(row, j);
    const bool plain = !clips && !core_.circuits.comparator.timing;
    if (plain) {
        const float sigma = std::sqrt(row.variance[j] + row.comparator_variance);
        const float value = row.analog[j] + sigma * row.normals[j] + row.offset[j];
        return value >= row.threshold ? 1 : 0;
    }
    double value = 0.0;
    if (clips) {
        value = clipped_value(t, row, j, totals);
    } else {
        const double variance = static_cast<double>(row.variance[j] + row.comparator_variance);
        value = static_cast<double>(row.analog[j]) +
                std::sqrt(variance) * static_cast<double>(row.normals[j]) +
                static_cast<double>(row.offset[j]);
    }
    return compare(t, j, value, static_cast<double>(row.threshold), totals);
}

std::uint8_t OutputPath::compare(std::size_t t, std::size_t j, double value, double threshold,
                                 TileTotals& totals) const {
    return core_.compare(block_, t, j, value - threshold, totals) ? 1 : 0;
}

/// The two noises are told apart where the sense output may clip between them: given T = R + C, R
/// is Gaussian with mean T v_r / v and variance v_r v_c / v (v = v_r + v_c).
double OutputPath::clipped_value(std::size_t t, const DecisionRow& row, std::size_t j,
                                 TileTotals& totals) const {
    const double sigma_c = core_.comparator_steps(core_.circuits.comparator.noise_sigma);
    const double n_fs = core_.circuits.sense.n_fs;
    const double v_r = static_cast<double>(row.variance[j]);
    const double v = v_r + sigma_c * sigma_c;
    const double total = std::sqrt(v) * static_cast<double>(row.normals[j]);
    double read = 0.0;
    if (v > 0.0) {
        const std::uint64_t index = (block_.first + t) * core_.n_k + j;
        read = total * v_r / v + std::sqrt(v_r * sigma_c * sigma_c / v) *
                                     decision_split_stream(core_.site).normal(index);
    }
    const double output = static_cast<double>(row.analog[j]) + read;
    const double clipped = std::clamp(output, -n_fs, n_fs);
    totals.sense_clipped += output != clipped && block_.counted(t, j) ? 1 : 0;
    return clipped + (total - read) + static_cast<double>(row.offset[j]);
}

/// P(keep): an undecided comparator that keeps (prunes) acts as a threshold v_meta lower (higher).
void OutputPath::probabilities(const DecisionRow& row, std::uint8_t* risky, float* p_keep) const {
    const Comparator& comparator = core_.circuits.comparator;
    const auto window = static_cast<float>(core_.comparator_steps(comparator.metastable_window()));
    if (window == 0.0F || comparator.undecided != Undecided::coin) {
        const float shift = comparator.undecided == Undecided::keep ? -window : window;
        shifted_probabilities(row, risky, shift, p_keep);
        return;
    }
    std::vector<float> higher(row.n);
    shifted_probabilities(row, risky, -window, p_keep);
    shifted_probabilities(row, risky, window, higher.data());
    for (std::size_t j = 0; j < row.n; ++j) p_keep[j] = 0.5F * (p_keep[j] + higher[j]);
}

/// The clip changes P(keep) only where the comparator's noise reaches from the threshold to it.
void OutputPath::shifted_probabilities(const DecisionRow& row, std::uint8_t* risky, float shift,
                                       float* p_keep) const {
    DecisionRow shifted = row;
    shifted.threshold += shift;
    margin_row(shifted, p_keep);
    normal_cdf({p_keep, row.n}, {p_keep, row.n});
    if (flag_full_scale(row, risky) == 0) return;
    const double sigma_c = core_.comparator_steps(core_.circuits.comparator.noise_sigma);
    const double n_fs = core_.circuits.sense.n_fs;
    for (std::size_t j = 0; j < row.n; ++j) {
        if (risky[j] == 0) continue;
        const double threshold =
            static_cast<double>(shifted.threshold) - static_cast<double>(row.offset[j]);
        if (std::abs(threshold) + kFarNormal * sigma_c < n_fs) continue;
        p_keep[j] = static_cast<float>(clipped_keep_probability(
            static_cast<double>(row.analog[j]), std::sqrt(static_cast<double>(row.variance[j])),
            sigma_c, n_fs, threshold));
    }
}

}  // namespace attohm
