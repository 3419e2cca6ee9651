#include "tests/reference/forward_reference.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace attohm::reference {

namespace {

Matrix<double> linear(const LinearWeights& weights, const Matrix<double>& x) {
    Matrix<double> y(x.rows(), weights.w.rows());
    for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t o = 0; o < weights.w.rows(); ++o) {
            double sum = weights.b.empty() ? 0.0 : static_cast<double>(weights.b[o]);
            for (std::size_t c = 0; c < x.cols(); ++c)
                sum += x(i, c) * static_cast<double>(weights.w(o, c));
            y(i, o) = sum;
        }
    return y;
}

void normalise_slice(const std::string& kind, const NormWeights& weights, double eps, double* x,
                     std::size_t n) {
    double mean = 0.0;
    if (kind == "layernorm")
        for (std::size_t j = 0; j < n; ++j) mean += x[j] / static_cast<double>(n);
    double variance = 0.0;
    for (std::size_t j = 0; j < n; ++j)
        variance += (x[j] - mean) * (x[j] - mean) / static_cast<double>(n);
    for (std::size_t j = 0; j < n; ++j) {
        x[j] = (x[j] - mean) / std::sqrt(variance + eps);
        if (!weights.w.empty()) x[j] *= static_cast<double>(weights.w[j]);
        if (!weights.b.empty()) x[j] += static_cast<double>(weights.b[j]);
    }
}

Matrix<double> normalised(const Weights& weights, const NormWeights& norm, Matrix<double> x) {
    for (std::size_t i = 0; i < x.rows(); ++i)
        normalise_slice(weights.norm, norm, static_cast<double>(weights.norm_eps), x.row(i),
                        x.cols());
    return x;
}

double activated(const std::string& kind, double x) {
    const double pi = std::acos(-1.0);
    if (kind == "gelu") return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    if (kind == "gelu_tanh")
        return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / pi) * (x + 0.044715 * x * x * x)));
    if (kind == "relu") return std::max(x, 0.0);
    return x / (1.0 + std::exp(-x));
}

/// RoPE of one head's vector at a position: pair i of rope_dim/2 turns by position *
/// theta^(-2i/rope_dim); half: elements i and i + rope_dim/2, interleaved: 2i and 2i + 1.
void turn(const Weights& weights, int position, double* x) {
    const int pairs = weights.rope_dim / 2;
    std::vector<double> old(x, x + weights.rope_dim);
    for (int i = 0; i < pairs; ++i) {
        const double angle = position / std::pow(static_cast<double>(weights.rope_theta),
                                                 static_cast<double>(i) / pairs);
        const bool half = weights.rope_style == "half";
        const auto a = static_cast<std::size_t>(half ? i : 2 * i);
        const auto b = static_cast<std::size_t>(half ? i + pairs : 2 * i + 1);
        x[a] = old[a] * std::cos(angle) - old[b] * std::sin(angle);
        x[b] = old[a] * std::sin(angle) + old[b] * std::cos(angle);
    }
}

Matrix<double> attention(const ModelInfo& model, const Weights& weights, const BlockWeights& block,
                         const Matrix<double>& x, const std::vector<int>& ids, std::size_t valid) {
    Matrix<double> q = linear(block.q, x), k = linear(block.k, x);
    const Matrix<double> v = linear(block.v, x);
    const auto d = static_cast<std::size_t>(model.head_dim);
    const auto dv = static_cast<std::size_t>(model.v_head_dim);
    const double eps = static_cast<double>(weights.norm_eps);
    if (weights.qk_norm != "none") {
        for (std::size_t i = 0; i < x.rows(); ++i) {
            for (std::size_t c = 0; c < q.cols(); c += d)
                normalise_slice(weights.qk_norm, block.q_norm, eps, q.row(i) + c, d);
            for (std::size_t c = 0; c < k.cols(); c += d)
                normalise_slice(weights.qk_norm, block.k_norm, eps, k.row(i) + c, d);
        }
    }
    if (weights.rope_theta != 0.0F) {
        for (std::size_t i = 0; i < x.rows(); ++i) {
            for (std::size_t c = 0; c < q.cols(); c += d) turn(weights, ids[i], q.row(i) + c);
            for (std::size_t c = 0; c < k.cols(); c += d) turn(weights, ids[i], k.row(i) + c);
        }
    }
    Matrix<double> out(x.rows(), static_cast<std::size_t>(model.heads) * dv);
    for (int h = 0; h < model.heads; ++h) {
        const auto head = static_cast<std::size_t>(h);
        const auto shared = static_cast<std::size_t>(model.kv_head_of(h));
        for (std::size_t i = 0; i < valid; ++i) {
            const std::size_t end = model.causal ? std::min(i + 1, valid) : valid;
            std::vector<double> p(end);
            double sum = 0.0;
            for (std::size_t j = 0; j < end; ++j) {
                double score = 0.0;
                for (std::size_t c = 0; c < d; ++c)
                    score += q(i, head * d + c) * k(j, shared * d + c);
                p[j] = std::exp(score / std::sqrt(static_cast<double>(d)));
                sum += p[j];
            }
            for (std::size_t j = 0; j < end; ++j)
                for (std::size_t c = 0; c < dv; ++c)
                    out(i, head * dv + c) += p[j] / sum * v(j, shared * dv + c);
        }
    }
    return out;
}

Matrix<double> feed_forward(const Weights& weights, const BlockWeights& block,
                            const Matrix<double>& x) {
    Matrix<double> hidden = linear(block.up, x);
    const Matrix<double> gate = weights.gated ? linear(block.gate, x) : Matrix<double>();
    for (std::size_t e = 0; e < hidden.size(); ++e) {
        if (weights.gated)
            hidden.data()[e] *= activated(weights.activation, gate.data()[e]);
        else
            hidden.data()[e] = activated(weights.activation, hidden.data()[e]);
    }
    return linear(block.down, hidden);
}

Matrix<double> sum(Matrix<double> x, const Matrix<double>& y, const std::vector<float>& scale) {
    for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t c = 0; c < x.cols(); ++c)
            x(i, c) += y(i, c) * (scale.empty() ? 1.0 : static_cast<double>(scale[c]));
    return x;
}

Matrix<double> block_output(const ModelInfo& model, const Weights& weights, int layer,
                            const Matrix<double>& x, const Changes& changes,
                            const std::vector<int>& ids, std::size_t valid) {
    const BlockWeights& block = weights.blocks[static_cast<std::size_t>(layer)];
    const bool pre = weights.norm_position == "pre";
    Matrix<double> attended =
        attention(model, weights, block, pre ? normalised(weights, block.norm1, x) : x, ids, valid);
    if (changes.attention) changes.attention(layer, attended);
    Matrix<double> y = sum(x, linear(block.o, attended), block.layer_scale1);
    if (!pre) y = normalised(weights, block.norm1, y);
    y = sum(y, feed_forward(weights, block, pre ? normalised(weights, block.norm2, y) : y),
            block.layer_scale2);
    return pre ? y : normalised(weights, block.norm2, y);
}

Matrix<double> rows_of(const Matrix<double>& x, const std::vector<std::size_t>& rows) {
    Matrix<double> y(rows.size(), x.cols());
    for (std::size_t i = 0; i < rows.size(); ++i) std::copy_n(x.row(rows[i]), x.cols(), y.row(i));
    return y;
}

}  // namespace

Matrix<double> exact_attention(const AttentionHead& head) {
    Matrix<double> out(head.n_q(), head.dv());
    for (std::size_t i = 0; i < static_cast<std::size_t>(head.valid_q); ++i) {
        std::vector<double> scores(head.n_k(), -std::numeric_limits<double>::infinity());
        double largest = -std::numeric_limits<double>::infinity();
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (!head.allowed(i, j)) continue;
            double score = 0.0;
            for (std::size_t c = 0; c < head.d(); ++c)
                score += static_cast<double>(head.q(i, c)) * static_cast<double>(head.k(j, c));
            score *= static_cast<double>(head.scale);
            if (!head.bias.empty()) score += static_cast<double>(head.bias(i, j));
            scores[j] = score;
            largest = std::max(largest, score);
        }
        if (!std::isfinite(largest)) continue;
        double total = 0.0;
        for (const double score : scores) total += std::exp(score - largest);
        for (std::size_t j = 0; j < head.n_k(); ++j)
            for (std::size_t c = 0; c < head.dv(); ++c)
                out(i, c) +=
                    std::exp(scores[j] - largest) / total * static_cast<double>(head.v(j, c));
    }
    return out;
}

Matrix<double> embed(const Weights& weights, const Matrix<float>& patches) {
    const Matrix<float>& prefix = weights.prefix_embedding;
    Matrix<double> input(patches.rows(), patches.cols());
    std::copy_n(patches.data(), patches.size(), input.data());
    const Matrix<double> tokens = linear(weights.patch, input);
    Matrix<double> x(prefix.rows() + tokens.rows(), tokens.cols());
    std::copy_n(prefix.data(), prefix.size(), x.data());
    std::copy_n(tokens.data(), tokens.size(), x.row(prefix.rows()));
    for (std::size_t e = 0; e < x.size(); ++e)
        x.data()[e] += static_cast<double>(weights.position_embedding.data()[e]);
    return x;
}

Matrix<double> embed(const Weights& weights, const Sample& sample) {
    if (!sample.x0.empty()) {
        Matrix<double> x(sample.x0.rows(), sample.x0.cols());
        std::copy_n(sample.x0.data(), sample.x0.size(), x.data());
        return x;
    }
    if (sample.tokens.empty()) return embed(weights, sample.patches);
    // x0 = embed_scale * token + position + segment embedding, embed_norm
    Matrix<double> x(sample.tokens.size(), weights.token_embedding.cols());
    for (std::size_t i = 0; i < x.rows(); ++i) {
        const auto token = static_cast<std::size_t>(sample.tokens[i]);
        const std::size_t type =
            sample.segments.empty() ? 0 : static_cast<std::size_t>(sample.segments[i]);
        for (std::size_t c = 0; c < x.cols(); ++c) {
            x(i, c) = static_cast<double>(weights.embed_scale) *
                      static_cast<double>(weights.token_embedding(token, c));
            if (!weights.position_embedding.empty())
                x(i, c) += static_cast<double>(weights.position_embedding(i, c));
            if (!weights.segment_embedding.empty())
                x(i, c) += static_cast<double>(weights.segment_embedding(type, c));
        }
    }
    if (weights.embed_norm.w.empty()) return x;
    return normalised(weights, weights.embed_norm, x);
}

Matrix<double> forward(const ModelInfo& model, const Weights& weights, Matrix<double> x,
                       const Changes& changes, int valid_len) {
    std::vector<int> ids;
    for (std::size_t i = 0; i < x.rows(); ++i) ids.push_back(static_cast<int>(i));
    const auto real = [valid_len](int id) { return valid_len < 0 || id < valid_len; };
    for (int layer = 0; layer < model.layers; ++layer) {
        if (changes.kept_rows) {
            const std::vector<std::size_t> rows = changes.kept_rows(layer, x);
            std::vector<int> kept_ids;
            for (const std::size_t row : rows) kept_ids.push_back(ids[row]);
            x = rows_of(x, rows);
            ids = kept_ids;
        }
        if (changes.block && changes.block(layer, x)) continue;
        const auto valid = static_cast<std::size_t>(std::count_if(ids.begin(), ids.end(), real));
        x = block_output(model, weights, layer, x, changes, ids, valid);
    }
    if (weights.norm_position == "pre") x = normalised(weights, weights.final_norm, x);
    if (model.pool == "first") return linear(weights.head, rows_of(x, {0}));
    if (model.pool == "none") return linear(weights.head, x);
    if (model.pool == "pooler") {
        Matrix<double> pooled = linear(weights.pooler, rows_of(x, {0}));
        for (std::size_t c = 0; c < pooled.cols(); ++c) pooled(0, c) = std::tanh(pooled(0, c));
        return linear(weights.head, pooled);
    }
    Matrix<double> mean(1, x.cols());
    double count = 0.0;
    for (std::size_t i = 0; i < x.rows(); ++i) {
        if (ids[i] < model.prefix_tokens || !real(ids[i])) continue;
        count += 1.0;
        for (std::size_t c = 0; c < x.cols(); ++c) mean(0, c) += x(i, c);
    }
    for (std::size_t c = 0; c < x.cols(); ++c) mean(0, c) /= count;
    return linear(weights.head, mean);
}

}  // namespace attohm::reference
