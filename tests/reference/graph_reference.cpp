#include "tests/reference/graph_reference.hpp"

#include <algorithm>
#include <cmath>

namespace attohm::reference {

namespace {

double activated(const std::string& kind, double x) {
    const double pi = std::acos(-1.0);
    if (kind == "relu") return std::max(x, 0.0);
    if (kind == "silu") return x / (1.0 + std::exp(-x));
    if (kind == "gelu") return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / pi) * (x + 0.044715 * x * x * x)));
}

}  // namespace

Matrix<double> normalised_adjacency(const Matrix<double>& edges) {
    const std::size_t nodes = edges.rows();
    Matrix<double> looped = edges;
    for (std::size_t i = 0; i < nodes; ++i) looped(i, i) += 1.0;
    std::vector<double> degree(nodes, 0.0);
    for (std::size_t i = 0; i < nodes; ++i)
        for (std::size_t j = 0; j < nodes; ++j) degree[i] += looped(i, j);
    for (std::size_t i = 0; i < nodes; ++i)
        for (std::size_t j = 0; j < nodes; ++j) looped(i, j) /= std::sqrt(degree[i] * degree[j]);
    return looped;
}

Matrix<double> dense(const SparseMatrix& a) {
    Matrix<double> matrix(a.rows, a.cols);
    for (std::size_t i = 0; i < a.rows; ++i)
        for (auto e = static_cast<std::size_t>(a.indptr[i]);
             e < static_cast<std::size_t>(a.indptr[i + 1]); ++e)
            matrix(i, static_cast<std::size_t>(a.indices[e])) += static_cast<double>(a.values[e]);
    return matrix;
}

Matrix<double> graph_forward(const Weights& weights, const Matrix<float>& x,
                             const std::vector<Matrix<double>>& adjacency) {
    Matrix<double> values(x.rows(), x.cols());
    for (std::size_t i = 0; i < x.size(); ++i) values.data()[i] = static_cast<double>(x.data()[i]);
    for (std::size_t layer = 0; layer < weights.graph.size(); ++layer) {
        const Matrix<float>& w = weights.graph[layer].linear.w;
        const std::vector<float>& b = weights.graph[layer].b;
        if (layer > 0)
            for (std::size_t i = 0; i < values.size(); ++i)
                values.data()[i] = activated(weights.activation, values.data()[i]);
        Matrix<double> combined(values.rows(), w.rows());
        for (std::size_t i = 0; i < values.rows(); ++i)
            for (std::size_t o = 0; o < w.rows(); ++o)
                for (std::size_t c = 0; c < w.cols(); ++c)
                    combined(i, o) += values(i, c) * static_cast<double>(w(o, c));
        Matrix<double> next(values.rows(), w.rows());
        for (std::size_t i = 0; i < next.rows(); ++i)
            for (std::size_t o = 0; o < w.rows(); ++o) {
                next(i, o) = b.empty() ? 0.0 : static_cast<double>(b[o]);
                for (std::size_t j = 0; j < combined.rows(); ++j)
                    next(i, o) += adjacency[layer](i, j) * combined(j, o);
            }
        values = std::move(next);
    }
    return values;
}

}  // namespace attohm::reference
