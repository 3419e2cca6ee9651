#include "tests/reference/linear_schemes_reference.hpp"

#include <algorithm>
#include <cmath>

namespace attohm::reference {

namespace {

/// x / max(sum over the tokens of |x|, epsilon), channel by channel.
Matrix<double> normalised(MatrixView<const float> x, int tokens, double epsilon) {
    const auto n = static_cast<std::size_t>(tokens);
    Matrix<double> out(n, x.cols);
    for (std::size_t c = 0; c < x.cols; ++c) {
        double norm = 0.0;
        for (std::size_t t = 0; t < n; ++t) norm += std::abs(static_cast<double>(x(t, c)));
        for (std::size_t t = 0; t < n; ++t)
            out(t, c) = static_cast<double>(x(t, c)) / std::max(norm, epsilon);
    }
    return out;
}

double dot(const AttentionHead& head, std::size_t t, std::size_t j) {
    double sum = 0.0;
    for (std::size_t i = 0; i < head.d(); ++i)
        sum += static_cast<double>(head.q(t, i)) * static_cast<double>(head.k(j, i));
    return sum;
}

}  // namespace

Matrix<double> sima_scores(const AttentionHead& head, double epsilon) {
    const Matrix<double> q = normalised(head.q, head.valid_q, epsilon);
    const Matrix<double> k = normalised(head.k, head.valid_k, epsilon);
    Matrix<double> scores(q.rows(), k.rows());
    for (std::size_t t = 0; t < q.rows(); ++t)
        for (std::size_t j = 0; j < k.rows(); ++j)
            for (std::size_t c = 0; c < head.d(); ++c) scores(t, j) += q(t, c) * k(j, c);
    return scores;
}

Matrix<double> sima_attention(const AttentionHead& head, double epsilon) {
    const Matrix<double> scores = sima_scores(head, epsilon);
    Matrix<double> out(head.n_q(), head.dv());
    for (std::size_t t = 0; t < scores.rows(); ++t)
        for (std::size_t j = 0; j < scores.cols(); ++j)
            for (std::size_t c = 0; c < head.dv(); ++c)
                out(t, c) += scores(t, j) * static_cast<double>(head.v(j, c));
    return out;
}

MaitReference mait_attention(const AttentionHead& head, int prefix, int grid_rows, int grid_columns,
                             int window_rows, int window_columns, bool class_column) {
    MaitReference result;
    result.out = Matrix<double>(head.n_q(), head.dv());
    result.mask = Matrix<std::uint8_t>(head.n_q(), head.n_k());
    // M by its definition, pair by pair; a patch outside the grid does not exist.
    for (int i = 0; i < head.valid_q; ++i)
        for (int j = 0; j < head.valid_k; ++j) {
            const int a = i - prefix, b = j - prefix;
            const bool near = a >= 0 && b >= 0 && a < grid_rows * grid_columns &&
                              b < grid_rows * grid_columns &&
                              std::abs(a / grid_columns - b / grid_columns) <= window_rows / 2 &&
                              std::abs(a % grid_columns - b % grid_columns) <= window_columns / 2;
            const bool kept = a < 0 || (b < 0 && class_column) || near;
            result.mask(static_cast<std::size_t>(i), static_cast<std::size_t>(j)) = kept ? 1 : 0;
        }
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        double total = 0.0, dense = 0.0, covered = 0.0;
        for (std::size_t j = 0; j < static_cast<std::size_t>(head.valid_k); ++j) {
            const double score = static_cast<double>(head.scale) * dot(head, t, j);
            const double weight = std::exp(result.mask(t, j) != 0 ? score : 0.0);
            total += weight;
            dense += std::exp(score);
            covered += result.mask(t, j) != 0 ? std::exp(score) : 0.0;
            for (std::size_t c = 0; c < head.dv(); ++c)
                result.out(t, c) += weight * static_cast<double>(head.v(j, c));
        }
        for (std::size_t c = 0; c < head.dv(); ++c) result.out(t, c) /= total;
        result.locality += covered / dense / head.valid_q;
    }
    return result;
}

EcoformerCodes ecoformer_codes(MatrixView<const float> x, int valid, const Matrix<float>& anchors,
                               const std::vector<float>& mean, const Matrix<float>& a) {
    const auto n = static_cast<std::size_t>(valid);
    const std::size_t m = anchors.rows(), b = a.rows(), d = x.cols;
    // x = qk / |qk|, then squared distances from every anchor.
    Matrix<double> d2(n, m);
    for (std::size_t t = 0; t < n; ++t) {
        double length = 0.0;
        for (std::size_t c = 0; c < d; ++c)
            length += static_cast<double>(x(t, c)) * static_cast<double>(x(t, c));
        length = std::sqrt(length);
        for (std::size_t j = 0; j < m; ++j)
            for (std::size_t c = 0; c < d; ++c)
                d2(t, j) += std::pow(
                    static_cast<double>(x(t, c)) / length - static_cast<double>(anchors(j, c)),
                    2.0);
    }
    double sigma = 0.0;
    for (std::size_t i = 0; i < d2.size(); ++i) sigma += d2.data()[i] / static_cast<double>(n * m);
    EcoformerCodes result;
    result.codes = Matrix<double>(n, b);
    for (std::size_t t = 0; t < n; ++t)
        for (std::size_t i = 0; i < b; ++i) {
            double projection = 0.0;
            for (std::size_t j = 0; j < m; ++j)
                projection += (std::exp(-d2(t, j) / (2.0 * sigma)) - static_cast<double>(mean[j])) *
                              static_cast<double>(a(i, j));
            result.nearest = std::min(result.nearest, std::abs(projection));
            result.codes(t, i) = projection > 0.0 ? 1.0 : projection < 0.0 ? -1.0 : 0.0;
        }
    return result;
}

Matrix<double> ecoformer_attention(const AttentionHead& head, const Matrix<double>& q_codes,
                                   const Matrix<double>& k_codes, bool released) {
    const double beta = static_cast<double>(q_codes.cols()) + 1.0;
    Matrix<double> out(head.n_q(), head.dv());
    for (std::size_t t = 0; t < q_codes.rows(); ++t) {
        double total = 0.0;
        for (std::size_t j = 0; j < k_codes.rows(); ++j) {
            double product = 0.0;
            for (std::size_t i = 0; i < q_codes.cols(); ++i)
                product += q_codes(t, i) * k_codes(j, i);
            total += beta + product;
            const double weight = released ? product : beta + product;
            for (std::size_t c = 0; c < head.dv(); ++c)
                out(t, c) += weight * static_cast<double>(head.v(j, c));
        }
        for (std::size_t c = 0; c < head.dv(); ++c) {
            if (released) out(t, c) += beta * static_cast<double>(head.v(t, c));
            out(t, c) /= total;
        }
    }
    return out;
}

Matrix<double> qna_attention(const AttentionHead& head, const Matrix<float>& queries,
                             const Matrix<float>& bias, const Matrix<float>& weight, int window,
                             int grid_rows, int grid_columns, int stride, double epsilon) {
    Matrix<double> out(head.n_q(), head.dv());
    std::size_t t = 0;
    for (int row = 0; row < grid_rows; row += stride)
        for (int column = 0; column < grid_columns; column += stride, ++t) {
            if (t >= static_cast<std::size_t>(head.valid_q)) return out;
            for (std::size_t l = 0; l < queries.rows(); ++l) {
                double length = 0.0;
                for (std::size_t c = 0; c < head.d(); ++c)
                    length += std::pow(static_cast<double>(queries(l, c)), 2.0);
                length = std::sqrt(length) + epsilon;
                // Scores of the window; largest taken away.
                std::vector<double> score, scale;
                std::vector<std::size_t> token;
                for (int place = 0; place < window * window; ++place) {
                    const int y = row + place / window - window / 2;
                    const int x = column + place % window - window / 2;
                    if (y < 0 || x < 0 || y >= grid_rows || x >= grid_columns) continue;
                    const auto j = static_cast<std::size_t>(y * grid_columns + x);
                    if (j >= static_cast<std::size_t>(head.valid_k)) continue;
                    double c = 0.0;
                    for (std::size_t i = 0; i < head.d(); ++i)
                        c += static_cast<double>(head.k(j, i)) *
                             static_cast<double>(queries(l, i)) / length;
                    c /= std::sqrt(static_cast<double>(head.d()));
                    const auto offset = static_cast<std::size_t>(place);
                    score.push_back(c + static_cast<double>(bias(offset, l)));
                    scale.push_back(static_cast<double>(weight(offset, l)));
                    token.push_back(j);
                }
                const double top = *std::max_element(score.begin(), score.end());
                double total = 0.0;
                for (const double s : score) total += std::exp(s - top);
                for (std::size_t i = 0; i < score.size(); ++i)
                    for (std::size_t c = 0; c < head.dv(); ++c)
                        out(t, c) += scale[i] * std::exp(score[i] - top) / total *
                                     static_cast<double>(head.v(token[i], c));
            }
        }
    return out;
}

}  // namespace attohm::reference
