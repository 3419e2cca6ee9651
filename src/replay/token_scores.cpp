#include "src/replay/token_scores.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "src/base/error.hpp"

namespace attohm {

namespace {

std::size_t largest(std::span<const float> row) {
    return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

/// log(sum exp(x)), summed in double.
double log_sum_exp(std::span<const float> row) {
    const double top = static_cast<double>(row[largest(row)]);
    double sum = 0.0;
    for (const float x : row) sum += std::exp(static_cast<double>(x) - top);
    return top + std::log(sum);
}

/// How far one row of logits is from the exact network's.
void compare(std::span<const float> own, std::span<const float> exact, double own_total,
             double exact_total, TokenScores& scores) {
    double kl = 0.0;
    double squared = 0.0;
    for (std::size_t c = 0; c < own.size(); ++c) {
        const auto a = static_cast<double>(own[c]);
        const auto b = static_cast<double>(exact[c]);
        if (a == b && own_total == exact_total) continue;
        kl += std::exp(b - exact_total) * ((b - exact_total) - (a - own_total));
        squared += (a - b) * (a - b);
    }
    // Rounding can leave a divergence of equal rows a little below 0.
    scores.kl += std::max(kl, 0.0);
    scores.logit_squared_error += squared / static_cast<double>(own.size());
    scores.agreeing += largest(own) == largest(exact) ? 1 : 0;
    ++scores.compared;
}

std::size_t real_rows(const Sample& sample, std::size_t rows) {
    if (sample.valid_len < 0) return rows;
    return std::min(rows, static_cast<std::size_t>(sample.valid_len));
}

}  // namespace

TokenScores score_tokens(const Sample& sample, const Matrix<float>& logits,
                         const Matrix<float>& exact) {
    ATTOHM_CHECK_EQ(logits.rows(), exact.rows());
    ATTOHM_CHECK_EQ(logits.cols(), exact.cols());
    const bool has_targets = !sample.targets.empty();
    if (has_targets && sample.targets.size() != logits.rows())
        throw UserError("wrong number of targets", sample.where + "/targets",
                        std::to_string(sample.targets.size()),
                        fmt::format("{}, one for every token", logits.rows()));
    TokenScores scores;
    for (std::size_t i = 0; i < real_rows(sample, logits.rows()); ++i) {
        if (has_targets && sample.targets[i] < 0) continue;
        const std::span<const float> own(logits.row(i), logits.cols());
        const std::span<const float> reference(exact.row(i), exact.cols());
        const double own_total = log_sum_exp(own);
        const double exact_total = log_sum_exp(reference);
        compare(own, reference, own_total, exact_total, scores);
        if (!has_targets) continue;
        const auto target = static_cast<std::size_t>(sample.targets[i]);
        ATTOHM_CHECK_LT(target, own.size());
        scores.loss += own_total - static_cast<double>(own[target]);
        scores.loss_exact += exact_total - static_cast<double>(reference[target]);
        scores.right += largest(own) == target ? 1 : 0;
        scores.right_exact += largest(reference) == target ? 1 : 0;
        ++scores.scored;
    }
    return scores;
}

std::optional<double> golden_error(const Sample& sample, const char* name,
                                   const Matrix<float>& logits, const Matrix<float>& golden) {
    if (golden.empty()) return std::nullopt;
    if (golden.rows() != logits.rows() || golden.cols() != logits.cols())
        throw UserError("stored logits have another shape than the network's",
                        sample.where + "/" + name,
                        fmt::format("[{}, {}]", golden.rows(), golden.cols()),
                        fmt::format("[{}, {}]", logits.rows(), logits.cols()));
    // One row for the sample, or one for every token, of which padding does not count.
    const std::size_t rows = logits.rows() == 1 ? 1 : real_rows(sample, logits.rows());
    double largest_error = 0.0;
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t c = 0; c < logits.cols(); ++c)
            largest_error = std::max(largest_error, std::abs(static_cast<double>(logits(i, c)) -
                                                             static_cast<double>(golden(i, c))));
    return largest_error;
}

}  // namespace attohm
