#include "tests/reference/attention_schemes_reference.hpp"

#include <algorithm>
#include <cmath>

namespace attohm::reference {

namespace {

/// kbar: mean of the valid keys.
std::vector<double> mean_key(const AttentionHead& head) {
    std::vector<double> mean(head.d(), 0.0);
    for (std::size_t i = 0; i < head.d(); ++i) {
        for (int j = 0; j < head.valid_k; ++j)
            mean[i] += static_cast<double>(head.k(static_cast<std::size_t>(j), i));
        mean[i] /= static_cast<double>(head.valid_k);
    }
    return mean;
}

double dot(const AttentionHead& head, std::size_t t, std::size_t j) {
    double sum = 0.0;
    for (std::size_t i = 0; i < head.d(); ++i)
        sum += static_cast<double>(head.q(t, i)) * static_cast<double>(head.k(j, i));
    return sum;
}

double largest(MatrixView<const float> x, int rows) {
    double high = 0.0;
    for (std::size_t t = 0; t < static_cast<std::size_t>(rows); ++t)
        for (std::size_t i = 0; i < x.cols; ++i)
            high = std::max(high, std::abs(static_cast<double>(x(t, i))));
    return high;
}

/// round(x L / largest), clamped to +-L; 0 where there is nothing to scale by.
double code(double x, double high, double levels) {
    if (high == 0.0) return 0.0;
    return std::clamp(std::nearbyint(x * levels / high), -levels, levels);
}

}  // namespace

TaylorReference taylor_attention(const AttentionHead& head) {
    const std::size_t d = head.d(), dv = head.dv();
    const auto n = static_cast<std::size_t>(head.valid_k);
    const auto rows = static_cast<std::size_t>(head.valid_q);
    TaylorReference result;
    result.z = Matrix<double>(head.n_q(), dv);
    if (n == 0) return result;
    // 1. Token means, centred keys.
    const std::vector<double> mean = mean_key(head);
    Matrix<double> khat(n, d);
    for (std::size_t j = 0; j < n; ++j)
        for (std::size_t i = 0; i < d; ++i)
            khat(j, i) = static_cast<double>(head.k(j, i)) - mean[i];
    // 2. G = Khat^T V.
    Matrix<double> g(d, dv);
    for (std::size_t i = 0; i < d; ++i)
        for (std::size_t c = 0; c < dv; ++c)
            for (std::size_t j = 0; j < n; ++j)
                g(i, c) += khat(j, i) * static_cast<double>(head.v(j, c));
    // 3. Sums.
    std::vector<double> k_sum(d, 0.0), v_sum(dv, 0.0);
    for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t i = 0; i < d; ++i) k_sum[i] += khat(j, i);
        for (std::size_t c = 0; c < dv; ++c) v_sum[c] += static_cast<double>(head.v(j, c));
    }
    const double root = 1.0 / static_cast<double>(head.scale);
    for (std::size_t t = 0; t < rows; ++t) {
        // 4. The denominator.
        double t_d = static_cast<double>(n) * root;
        for (std::size_t i = 0; i < d; ++i) t_d += static_cast<double>(head.q(t, i)) * k_sum[i];
        result.t_d.push_back(t_d);
        for (std::size_t c = 0; c < dv; ++c) {
            // 5. The numerator, 6. their quotient.
            double t_n = root * v_sum[c];
            for (std::size_t i = 0; i < d; ++i) t_n += static_cast<double>(head.q(t, i)) * g(i, c);
            result.z(t, c) = t_n / t_d;
        }
    }
    return result;
}

WeightedReference taylor_weighted(const AttentionHead& head) {
    WeightedReference result;
    result.z = Matrix<double>(head.n_q(), head.dv());
    if (head.valid_k == 0) return result;
    const std::vector<double> mean = mean_key(head);
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        double total = 0.0;
        for (std::size_t j = 0; j < static_cast<std::size_t>(head.valid_k); ++j) {
            double w = 1.0;
            for (std::size_t i = 0; i < head.d(); ++i)
                w += static_cast<double>(head.scale) * static_cast<double>(head.q(t, i)) *
                     (static_cast<double>(head.k(j, i)) - mean[i]);
            result.negative_weights += w < 0.0 ? 1 : 0;
            total += w;
            for (std::size_t c = 0; c < head.dv(); ++c)
                result.z(t, c) += w * static_cast<double>(head.v(j, c));
        }
        for (std::size_t c = 0; c < head.dv(); ++c) result.z(t, c) /= total;
    }
    return result;
}

SangerReference sanger_attention(const AttentionHead& head, int bits, double threshold,
                                 bool empty_rows_dense, double shift, double largest_q,
                                 double largest_k) {
    const double levels = std::pow(2.0, bits - 1) - 1.0;
    const double high_q = largest_q > 0.0 ? largest_q : largest(head.q, head.valid_q);
    const double high_k = largest_k > 0.0 ? largest_k : largest(head.k, head.valid_k);
    SangerReference result;
    result.out = Matrix<double>(head.n_q(), head.dv());
    result.kept = Matrix<std::uint8_t>(head.n_q(), head.n_k());
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        // Predicted probabilities of the pairs that are allowed.
        std::vector<double> e(head.n_k(), 0.0);
        double total = 0.0;
        bool any_allowed = false;
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (!head.allowed(t, j)) continue;
            double z = 0.0;
            for (std::size_t i = 0; i < head.d(); ++i)
                z += code(static_cast<double>(head.q(t, i)), high_q, levels) *
                     code(static_cast<double>(head.k(j, i)), high_k, levels);
            e[j] = std::exp(
                static_cast<double>(head.scale) * high_q / levels * high_k / levels * z + shift);
            total += e[j];
            any_allowed = true;
        }
        bool any_kept = false;
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (!head.allowed(t, j)) continue;
            const double p = e[j] / total;
            if (threshold > 0.0)
                result.nearest = std::min(result.nearest, std::abs(p - threshold) / threshold);
            result.kept(t, j) = p > threshold ? 1 : 0;
            any_kept = any_kept || p > threshold;
        }
        if (any_allowed && !any_kept) ++result.empty_rows;
        // Softmax over the survivors at full precision.
        double sum = 0.0;
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            const bool used =
                any_kept ? result.kept(t, j) != 0 : empty_rows_dense && head.allowed(t, j);
            if (!used) continue;
            ++result.kept_pairs;
            const double w = std::exp(static_cast<double>(head.scale) * dot(head, t, j));
            sum += w;
            for (std::size_t c = 0; c < head.dv(); ++c)
                result.out(t, c) += w * static_cast<double>(head.v(j, c));
        }
        if (sum == 0.0) continue;
        for (std::size_t c = 0; c < head.dv(); ++c) result.out(t, c) /= sum;
    }
    return result;
}

}  // namespace attohm::reference
