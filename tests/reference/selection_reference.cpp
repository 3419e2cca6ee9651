#include "tests/reference/selection_reference.hpp"

#include <algorithm>
#include <cmath>

namespace attohm::reference {

double scaled_score(const AttentionHead& head, std::size_t query, std::size_t key) {
    double sum = 0.0;
    for (std::size_t i = 0; i < head.d(); ++i)
        sum += static_cast<double>(head.q(query, i)) * static_cast<double>(head.k(key, i));
    return static_cast<double>(head.scale) * sum;
}

void attend_kept(const AttentionHead& head, bool dense,
                 const std::function<double(std::size_t, std::size_t)>& score,
                 KeptReference& result, const std::vector<bool>& skipped) {
    result.out = Matrix<double>(head.n_q(), head.dv());
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        if (!skipped.empty() && skipped[t]) continue;
        bool any_allowed = false, any_kept = false;
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (!head.allowed(t, j)) continue;
            any_allowed = true;
            any_kept = any_kept || result.kept(t, j) != 0;
        }
        if (any_allowed && !any_kept) ++result.empty_rows;
        double highest = -1e300, sum = 0.0;
        std::vector<std::size_t> used;
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (!head.allowed(t, j)) continue;
            if (any_kept ? result.kept(t, j) == 0 : !dense) continue;
            used.push_back(j);
            highest = std::max(highest, score(t, j));
        }
        result.kept_pairs += static_cast<std::int64_t>(used.size());
        for (const std::size_t j : used) {
            const double w = std::exp(score(t, j) - highest);
            sum += w;
            for (std::size_t c = 0; c < head.dv(); ++c)
                result.out(t, c) += w * static_cast<double>(head.v(j, c));
        }
        for (std::size_t c = 0; c < head.dv() && sum > 0.0; ++c) result.out(t, c) /= sum;
    }
}

float largest_of(MatrixView<const float> x, int rows) {
    float high = 0.0F;
    for (std::size_t t = 0; t < static_cast<std::size_t>(rows); ++t)
        for (std::size_t i = 0; i < x.cols; ++i) high = std::max(high, std::abs(x(t, i)));
    return high;
}

Matrix<int> codes_of(MatrixView<const float> x, int rows, int bits) {
    const auto levels = static_cast<float>(std::pow(2.0, bits - 1) - 1.0);
    const float high = largest_of(x, rows);
    Matrix<int> codes(static_cast<std::size_t>(rows), x.cols);
    for (std::size_t t = 0; t < codes.rows(); ++t)
        for (std::size_t i = 0; i < x.cols; ++i)
            codes(t, i) = high == 0.0F
                              ? 0
                              : static_cast<int>(std::clamp(
                                    std::nearbyint(x(t, i) * (levels / high)), -levels, levels));
    return codes;
}

KeptReference leopard_attention(const AttentionHead& head, int bits, double threshold, bool dense) {
    const Matrix<int> q = codes_of(head.q, head.valid_q, bits);
    const Matrix<int> k = codes_of(head.k, head.valid_k, bits);
    const auto levels = static_cast<float>(std::pow(2.0, bits - 1) - 1.0);
    // The step of a score, in the precision in which hardware is told it.
    const auto step = static_cast<double>(head.scale * (largest_of(head.q, head.valid_q) / levels) *
                                          (largest_of(head.k, head.valid_k) / levels));
    KeptReference result;
    result.kept = Matrix<std::uint8_t>(head.n_q(), head.n_k());
    Matrix<double> z(head.n_q(), head.n_k());
    for (std::size_t t = 0; t < q.rows(); ++t) {
        std::int64_t allowed = 0, kept = 0, steps = 0;
        for (std::size_t j = 0; j < k.rows(); ++j) {
            if (!head.allowed(t, j)) continue;
            ++allowed;
            for (std::size_t i = 0; i < head.d(); ++i) z(t, j) += q(t, i) * k(j, i);
            // The decision of all bits.
            result.kept(t, j) = z(t, j) * step >= threshold ? 1 : 0;
            kept += result.kept(t, j);
            // Bit by bit: what is known of the key, and what the rest could add at most.
            int looked_at = 1;
            for (int bit = bits - 2; bit >= 0; --bit) {
                double known = 0.0, margin = 0.0;
                for (std::size_t i = 0; i < head.d(); ++i) {
                    const int sign = k(j, i) < 0 ? -1 : 1;
                    const int magnitude = std::abs(k(j, i));
                    int seen = 0;
                    for (int b = bits - 2; b > bit; --b) seen += ((magnitude >> b) & 1) << b;
                    known += q(t, i) * sign * seen;
                    for (int b = bit; b >= 0; --b)
                        if (q(t, i) * sign > 0) margin += std::abs(q(t, i)) * (1 << b);
                }
                if ((known + margin) * step < threshold) break;
                ++looked_at;
            }
            steps += looked_at;
        }
        // An empty row that is computed after all needs all bits.
        result.steps += kept == 0 && dense ? allowed * bits : steps;
    }
    attend_kept(
        head, dense, [&](std::size_t t, std::size_t j) { return z(t, j) * step; }, result);
    return result;
}

KeptReference elsa_attention(const AttentionHead& head, const Matrix<float>& projection,
                             double angle_bias, double cut, bool dense) {
    constexpr double kPi = 3.14159265358979323846;
    KeptReference result;
    result.kept = Matrix<std::uint8_t>(head.n_q(), head.n_k());
    const auto positive = [&](MatrixView<const float> x, std::size_t row, std::size_t bit) {
        double sum = 0.0;
        for (std::size_t i = 0; i < x.cols; ++i)
            sum += static_cast<double>(x(row, i)) * static_cast<double>(projection(bit, i));
        return sum >= 0.0;
    };
    std::vector<double> norm(static_cast<std::size_t>(head.valid_k), 0.0);
    double longest = 0.0;
    for (std::size_t j = 0; j < norm.size(); ++j) {
        for (std::size_t i = 0; i < head.d(); ++i)
            norm[j] += std::pow(static_cast<double>(head.k(j, i)), 2.0);
        norm[j] = std::sqrt(norm[j]);
        longest = std::max(longest, norm[j]);
    }
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        std::vector<bool> hash_q;
        for (std::size_t b = 0; b < projection.rows(); ++b)
            hash_q.push_back(positive(head.q, t, b));
        for (std::size_t j = 0; j < norm.size(); ++j) {
            if (!head.allowed(t, j)) continue;
            int distance = 0;
            for (std::size_t b = 0; b < projection.rows(); ++b)
                distance += hash_q[b] != positive(head.k, j, b) ? 1 : 0;
            const double angle =
                kPi * distance / static_cast<double>(projection.rows()) - angle_bias;
            const double score =
                longest > 0.0 ? norm[j] / longest * std::cos(std::max(angle, 0.0)) : 0.0;
            result.nearest = std::min(result.nearest, std::abs(score - cut));
            result.kept(t, j) = score >= cut ? 1 : 0;
        }
    }
    attend_kept(
        head, dense, [&](std::size_t t, std::size_t j) { return scaled_score(head, t, j); },
        result);
    return result;
}

namespace {

struct Product {
    double value;
    std::size_t column, place, key;
};

/// All products of a query, in the order in which a walk along sorted columns meets them.
std::vector<Product> walk(const AttentionHead& head, std::size_t query, bool largest_first) {
    std::vector<Product> all;
    for (std::size_t c = 0; c < head.d(); ++c) {
        std::vector<std::size_t> keys;
        for (std::size_t j = 0; j < static_cast<std::size_t>(head.valid_k); ++j) keys.push_back(j);
        std::stable_sort(keys.begin(), keys.end(),
                         [&](std::size_t a, std::size_t b) { return head.k(a, c) < head.k(b, c); });
        const auto q = static_cast<double>(head.q(query, c));
        if (largest_first ? q > 0.0 : q < 0.0) std::reverse(keys.begin(), keys.end());
        for (std::size_t place = 0; place < keys.size(); ++place)
            all.push_back({q * static_cast<double>(head.k(keys[place], c)), c, place, keys[place]});
    }
    std::sort(all.begin(), all.end(), [&](const Product& a, const Product& b) {
        if (a.value != b.value) return largest_first ? a.value > b.value : a.value < b.value;
        return a.column != b.column ? a.column < b.column : a.place < b.place;
    });
    return all;
}

}  // namespace

KeptReference a3_attention(const AttentionHead& head, int iterations, double smallest_weight,
                           bool dense) {
    KeptReference result;
    result.kept = Matrix<std::uint8_t>(head.n_q(), head.n_k());
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        std::vector<double> greedy(head.n_k(), 0.0);
        const std::vector<Product> high = walk(head, t, true), low = walk(head, t, false);
        for (std::size_t i = 0; i < static_cast<std::size_t>(iterations) && i < high.size(); ++i) {
            if (high[i].value > 0.0) greedy[high[i].key] += high[i].value;
            if (low[i].value < 0.0) greedy[low[i].key] += low[i].value;
        }
        double highest = -1e300;
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (!head.allowed(t, j) || (iterations > 0 && greedy[j] <= 0.0)) continue;
            result.kept(t, j) = 1;
            ++result.steps;
            highest = std::max(highest, scaled_score(head, t, j));
        }
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (result.kept(t, j) == 0) continue;
            const double weight = std::exp(scaled_score(head, t, j) - highest);
            if (smallest_weight > 0.0)
                result.nearest = std::min(result.nearest, std::abs(weight - smallest_weight));
            result.kept(t, j) = weight >= smallest_weight ? 1 : 0;
        }
    }
    attend_kept(
        head, dense, [&](std::size_t t, std::size_t j) { return scaled_score(head, t, j); },
        result);
    return result;
}

std::vector<bool> largest_tokens(const std::vector<double>& importance,
                                 const std::vector<bool>& allowed, std::size_t count, double& gap) {
    std::vector<std::size_t> order;
    for (std::size_t j = 0; j < importance.size(); ++j)
        if (allowed[j]) order.push_back(j);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return importance[a] > importance[b]; });
    std::vector<bool> in(importance.size(), false);
    for (std::size_t k = 0; k < std::min(count, order.size()); ++k) in[order[k]] = true;
    // Equal ones (single keys of probability 1) are equal in any precision.
    if (count > 0 && count < order.size() &&
        importance[order[count - 1]] > importance[order[count]])
        gap = std::min(gap, 1.0 - importance[order[count]] / importance[order[count - 1]]);
    return in;
}

SpattenReference spatten_attention(const AttentionHead& head, const SpattenRules& rules) {
    SpattenReference result;
    result.kept = Matrix<std::uint8_t>(head.n_q(), head.n_k());
    const auto rows = static_cast<std::size_t>(head.valid_q);
    const auto keys = static_cast<std::size_t>(head.valid_k);
    const Matrix<int> q = codes_of(head.q, head.valid_q, rules.bits);
    const Matrix<int> k = codes_of(head.k, head.valid_k, rules.bits);
    const Matrix<int> q_first = codes_of(head.q, head.valid_q, rules.msb_bits);
    const double rest = std::pow(2.0, rules.bits - rules.msb_bits);
    const double levels = std::pow(2.0, rules.bits - 1) - 1.0;
    const double first_levels = std::pow(2.0, rules.msb_bits - 1) - 1.0;
    const double per_code = static_cast<double>(head.scale) *
                            static_cast<double>(largest_of(head.q, head.valid_q)) *
                            static_cast<double>(largest_of(head.k, head.valid_k)) / levels;
    Matrix<double> score(head.n_q(), head.n_k()), p(head.n_q(), head.n_k());
    const auto usable = [&](std::size_t t, std::size_t j) {
        return head.allowed(t, j) && (rules.alive.empty() || rules.alive[j]);
    };
    std::vector<bool> skipped(head.n_q(), false);
    result.importance.assign(keys, 0.0);
    const auto softmax = [&](std::size_t t) {
        double sum = 0.0, highest = -1e300, largest = 0.0;
        for (std::size_t j = 0; j < keys; ++j)
            if (usable(t, j)) highest = std::max(highest, score(t, j));
        for (std::size_t j = 0; j < keys; ++j)
            if (usable(t, j)) sum += std::exp(score(t, j) - highest);
        for (std::size_t j = 0; j < keys; ++j) {
            p(t, j) = usable(t, j) ? std::exp(score(t, j) - highest) / sum : 0.0;
            largest = std::max(largest, p(t, j));
        }
        return largest;
    };
    for (std::size_t t = 0; t < rows; ++t) {
        if (!rules.alive.empty() && !rules.alive[t]) {
            skipped[t] = true;
            continue;
        }
        // MSBs of the key, a narrow copy of the query.
        std::int64_t pairs = 0;
        for (std::size_t j = 0; j < keys; ++j) {
            if (!usable(t, j)) continue;
            ++pairs;
            for (std::size_t i = 0; i < head.d(); ++i)
                score(t, j) += q_first(t, i) * std::floor(k(j, i) / rest) * rest;
            score(t, j) *= per_code / first_levels;
        }
        const double largest = softmax(t);
        result.scored += pairs;
        result.nearest = std::min(result.nearest, std::abs(largest - rules.lsb_bound));
        if (largest < rules.lsb_bound) {
            result.again += pairs;
            for (std::size_t j = 0; j < keys; ++j) {
                score(t, j) = 0.0;
                for (std::size_t i = 0; i < head.d(); ++i) score(t, j) += q(t, i) * k(j, i);
                score(t, j) *= per_code / levels;
            }
            softmax(t);
        }
        for (std::size_t j = 0; j < keys; ++j) result.importance[j] += p(t, j);
        // A query that may not look ahead knows what was said until now.
        std::vector<bool> allowed(keys);
        for (std::size_t j = 0; j < keys; ++j) allowed[j] = usable(t, j);
        const bool until_now = head.causal && rules.alive.empty() && rules.share < 1.0;
        const auto count =
            static_cast<std::size_t>(std::ceil(rules.share * static_cast<double>(pairs) - 1e-9));
        const std::vector<bool> in =
            until_now ? largest_tokens(result.importance, allowed, count, result.nearest) : allowed;
        for (std::size_t j = 0; j < keys; ++j) result.kept(t, j) = in[j] ? 1 : 0;
    }
    if (!head.causal && rules.alive.empty() && rules.share < 1.0) {
        const auto count =
            static_cast<std::size_t>(std::ceil(rules.share * static_cast<double>(keys) - 1e-9));
        const std::vector<bool> in =
            largest_tokens(result.importance, std::vector<bool>(keys, true), count, result.nearest);
        for (std::size_t t = 0; t < rows; ++t)
            for (std::size_t j = 0; j < keys; ++j)
                result.kept(t, j) = result.kept(t, j) != 0 && in[j] ? 1 : 0;
    }
    attend_kept(
        head, rules.dense, [&](std::size_t t, std::size_t j) { return score(t, j); }, result,
        skipped);
    for (std::size_t i = 0; i < result.out.size(); ++i)
        result.output_sum += std::abs(result.out.data()[i]);
    return result;
}

KeptReference length_adaptive_attention(const AttentionHead& head, int bits, int k) {
    KeptReference result;
    result.kept = Matrix<std::uint8_t>(head.n_q(), head.n_k());
    const Matrix<int> q = codes_of(head.q, head.valid_q, bits);
    const Matrix<int> keys = codes_of(head.k, head.valid_k, bits);
    for (std::size_t t = 0; t < q.rows(); ++t) {
        std::vector<std::pair<int, std::size_t>> ranked;  // less the product, key
        for (std::size_t j = 0; j < keys.rows(); ++j) {
            if (!head.allowed(t, j)) continue;
            int product = 0;
            for (std::size_t i = 0; i < head.d(); ++i) product += q(t, i) * keys(j, i);
            ranked.emplace_back(-product, j);
        }
        std::sort(ranked.begin(), ranked.end());
        for (std::size_t r = 0; r < std::min(ranked.size(), static_cast<std::size_t>(k)); ++r)
            result.kept(t, ranked[r].second) = 1;
    }
    attend_kept(
        head, true, [&](std::size_t t, std::size_t j) { return scaled_score(head, t, j); }, result);
    return result;
}

}  // namespace attohm::reference
