#include "src/schemes/decision_meter.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/base/vmath.hpp"

#include "src/schemes/row_kernels.hpp"

namespace attohm {

namespace {

constexpr float kBorderline = 1e-5F;

float norm(const float* x, std::size_t n) {
    float sum = 0.0F;
    for (std::size_t i = 0; i < n; ++i) sum += x[i] * x[i];
    return std::sqrt(sum);
}

}  // namespace

DecisionMeter::DecisionMeter(const AttentionHead& head, float threshold, float sigma,
                             MetricsLevel level, std::size_t columns)
    : head_(head), threshold_(threshold), sigma_(sigma), level_(level), columns_(columns) {
    const auto n = static_cast<std::size_t>(head.valid_k);
    reference_.resize(n);
    if (level == MetricsLevel::full) {
        exps_.resize(n);
        for (auto* counts : {&key_kept_, &key_false_prune_, &key_false_keep_}) counts->resize(n);
        for (auto* sums : {&key_expected_, &key_variance_, &key_fourth_}) sums->resize(n);
        key_norms_.resize(n);
        for (std::size_t j = 0; j < n; ++j) key_norms_[j] = norm(head.k.row(j), head.d());
    }
}

void DecisionMeter::apply_mask(std::size_t query, std::uint8_t* keep) const {
    if (head_.mask.empty()) return;
    const std::uint8_t* mask = head_.mask.row(query);
    const std::size_t n = head_.key_end(query);
    for (std::size_t j = 0; j < n; ++j) keep[j] = mask[j] != 0 ? keep[j] : 0;
}

const std::uint8_t* DecisionMeter::reference(std::size_t query, const float* score) {
    compare_row(score, threshold_, reference_.data(), head_.key_end(query));
    apply_mask(query, reference_.data());
    return reference_.data();
}

void DecisionMeter::add(std::size_t query, const DecisionRowBytes& row) {
    const std::size_t n = head_.key_end(query);
    const ByteSums sums = sum_bytes(reference_.data(), row.quant, row.hw, n);
    sum_r_ += sums.r;
    sum_q_ += sums.q;
    sum_h_ += sums.h;
    sum_rq_ += sums.rq;
    sum_rh_ += sums.rh;
    sum_qh_ += sums.qh;
    ++rows_;
    if (head_.mask.empty()) {
        valid_ += static_cast<std::int64_t>(n);
    } else {
        for (std::size_t j = 0; j < n; ++j) valid_ += head_.mask(query, j) != 0 ? 1 : 0;
    }
    if (level_ == MetricsLevel::full) add_full(query, n, row);
}

void DecisionMeter::finish_keys(HeadReport& report) const {
    DecisionCounts& d = report.decisions;
    for (std::size_t j = 0; j < key_kept_.size(); ++j) {
        d.keys_kept += key_kept_[j] > 0 ? 1 : 0;
        d.keys_lost += 2 * key_false_prune_[j] > key_kept_[j] ? 1 : 0;
        const double excess = static_cast<double>(key_false_prune_[j]) - key_expected_[j];
        d.key_excess += excess * excess;
        d.key_variance += key_variance_[j];
        d.key_excess_variance += 2.0 * key_variance_[j] * key_variance_[j] + key_fourth_[j];
        if (columns_ == 0) continue;
        const std::size_t bin = j % columns_ * ColumnProfile::kBins / columns_;
        report.columns.reference_kept[bin] += key_kept_[j];
        report.columns.false_prune[bin] += key_false_prune_[j];
        report.columns.false_keep[bin] += key_false_keep_[j];
    }
}

void DecisionMeter::add_full(std::size_t query, std::size_t n, const DecisionRowBytes& row) {
    const auto allowed = [&](std::size_t j) {
        return head_.mask.empty() || head_.mask(query, j) != 0;
    };
    // Masked pairs are pruned by reference and hardware alike.
    add_key_row(reference_.data(), row.hw, row.p_marginal != nullptr ? row.p_marginal : row.p_keep,
                {key_kept_.data(), key_false_prune_.data(), key_false_keep_.data(),
                 key_expected_.data(), key_variance_.data(), key_fourth_.data()},
                n);
    // The decision of each key, by its distance from the threshold.
    std::vector<std::int32_t> bins(n);
    bin_row(row.score, threshold_, 1.0F / sigma_, static_cast<float>(ScoreEye::kRange),
            ScoreEye::kBins, bins.data(), n);
    std::size_t top = n;
    for (std::size_t j = 0; j < n; ++j) {
        if (!allowed(j)) continue;
        const auto bin = static_cast<std::size_t>(bins[j]);
        const bool ref = reference_[j] != 0, hw = row.hw[j] != 0;
        ++(hw ? eye_.kept : eye_.pruned)[bin];
        if (ref != hw) ++(ref ? eye_.false_prune : eye_.false_keep)[bin];
        if (top == n || row.score[j] > row.score[top]) top = j;
    }
    if (top < n && reference_[top] != 0 && row.hw[top] == 0) ++top1_lost_;
    const float limit = kBorderline * norm(head_.q.row(query), head_.d()) * std::abs(head_.scale);
    if (head_.mask.empty()) {
        borderline_ += count_borderline(row.score, threshold_, limit, key_norms_.data(), n);
    } else {
        for (std::size_t j = 0; j < n; ++j) {
            if (allowed(j)) {
                borderline_ +=
                    count_borderline(row.score + j, threshold_, limit, &key_norms_[j], 1);
            }
        }
    }
    if (row.p_keep == nullptr) return;
    if (head_.mask.empty()) {
        const ExpectedSums sums = sum_expected(row.p_keep, reference_.data(), n);
        fp_expected_ += sums.false_prune;
        fk_expected_ += sums.false_keep;
        variance_ += sums.variance;
        fp_variance_ += sums.prune_variance;
        return;
    }
    for (std::size_t j = 0; j < n; ++j) {
        if (!allowed(j)) continue;
        const auto p = static_cast<double>(row.p_keep[j]);
        fp_expected_ += reference_[j] != 0 ? 1.0 - p : 0.0;
        fk_expected_ += reference_[j] != 0 ? 0.0 : p;
        variance_ += p * (1.0 - p);
        fp_variance_ += reference_[j] != 0 ? p * (1.0 - p) : 0.0;
    }
}

void DecisionMeter::add_mass(std::size_t query, const float* score,
                             std::span<const std::uint32_t> kept) {
    if (level_ != MetricsLevel::full) return;
    const std::size_t n = head_.key_end(query);
    for (std::size_t j = 0; j < n; ++j) {
        exps_[j] = head_.allowed(query, j) ? score[j] : -std::numeric_limits<float>::infinity();
    }
    const SoftmaxTotals totals = exp_row({exps_.data(), n});
    if (totals.sum <= 0.0F) return;
    double mass = 0.0;
    for (const std::uint32_t key : kept) mass += static_cast<double>(exps_[key]);
    mass_dropped_ += std::max(0.0, 1.0 - mass / static_cast<double>(totals.sum));
}

void DecisionMeter::finish(HeadReport& report) const {
    DecisionCounts& d = report.decisions;
    d.valid = valid_;
    d.ref_kept = sum_r_;
    d.quant_kept = sum_q_;
    d.hw_kept = sum_h_;
    d.fp_total = sum_r_ - sum_rh_;
    d.fk_total = sum_h_ - sum_rh_;
    d.fp_quant = sum_r_ - sum_rq_;
    d.fk_quant = sum_q_ - sum_rq_;
    d.fp_analog = sum_q_ - sum_qh_;
    d.fk_analog = sum_h_ - sum_qh_;
    d.fp_expected = fp_expected_;
    d.fk_expected = fk_expected_;
    d.decision_variance = variance_;
    d.fp_variance = fp_variance_;
    report.rows = rows_;
    report.events.keys = head_.valid_k;
    report.top1_lost = top1_lost_;
    report.mass_dropped = mass_dropped_;
    report.events.borderline = borderline_;
    report.score_sigma = static_cast<double>(sigma_);
    report.eye = eye_;
    finish_keys(report);
}

}  // namespace attohm
