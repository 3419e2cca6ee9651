#include "tests/reference/fabnet_reference.hpp"

#include <cmath>
#include <numbers>

namespace attohm::reference {

Matrix<double> mixed_tokens(MatrixView<const float> x) {
    const std::size_t n = x.rows, d = x.cols;
    const auto angle = [](std::size_t a, std::size_t b, std::size_t length) {
        return 2.0 * std::numbers::pi * static_cast<double>(a * b % length) /
               static_cast<double>(length);
    };
    // Over the hidden dimension, token by token.
    Matrix<double> re(n, d), im(n, d);
    for (std::size_t t = 0; t < n; ++t)
        for (std::size_t b = 0; b < d; ++b)
            for (std::size_t c = 0; c < d; ++c) {
                re(t, b) += static_cast<double>(x(t, c)) * std::cos(angle(c, b, d));
                im(t, b) -= static_cast<double>(x(t, c)) * std::sin(angle(c, b, d));
            }
    // Over the sequence; (re + i im)(cos - i sin) has the real part re cos + im sin.
    Matrix<double> out(n, d);
    for (std::size_t a = 0; a < n; ++a)
        for (std::size_t b = 0; b < d; ++b)
            for (std::size_t t = 0; t < n; ++t)
                out(a, b) +=
                    re(t, b) * std::cos(angle(t, a, n)) + im(t, b) * std::sin(angle(t, a, n));
    return out;
}

Matrix<double> butterfly_matrix(std::span<const float> weights, std::size_t length, bool widening) {
    std::size_t stages = 0;
    while (std::size_t{1} << stages < length) ++stages;
    Matrix<double> product(length, length);
    for (std::size_t i = 0; i < length; ++i) product(i, i) = 1.0;
    for (std::size_t s = 0; s < stages; ++s) {
        const std::size_t stride = std::size_t{1} << (widening ? s : stages - 1 - s);
        Matrix<double> factor(length, length);
        std::size_t pair = 0;
        for (std::size_t p = 0; p < length; ++p) {
            // First elements are those whose bit of the stride is clear.
            if ((p & stride) != 0) continue;
            const float* w = weights.data() + (s * (length / 2) + pair) * 4;
            factor(p, p) = static_cast<double>(w[0]);
            factor(p, p + stride) = static_cast<double>(w[1]);
            factor(p + stride, p) = static_cast<double>(w[2]);
            factor(p + stride, p + stride) = static_cast<double>(w[3]);
            ++pair;
        }
        Matrix<double> next(length, length);
        for (std::size_t i = 0; i < length; ++i)
            for (std::size_t k = 0; k < length; ++k)
                for (std::size_t j = 0; j < length && factor(i, k) != 0.0; ++j)
                    next(i, j) += factor(i, k) * product(k, j);
        product = next;
    }
    return product;
}

Matrix<double> butterfly_layer(std::span<const float> weights, std::size_t copies,
                               std::size_t length, bool widening, const Matrix<double>& x,
                               std::span<const float> b, std::size_t outputs) {
    Matrix<double> y(x.rows(), outputs);
    const std::size_t per_copy = weights.size() / copies;
    for (std::size_t copy = 0; copy < copies; ++copy) {
        const Matrix<double> dense =
            butterfly_matrix(weights.subspan(copy * per_copy, per_copy), length, widening);
        for (std::size_t t = 0; t < x.rows(); ++t)
            for (std::size_t i = 0; i < length && copy * length + i < outputs; ++i) {
                const std::size_t o = copy * length + i;
                y(t, o) = b.empty() ? 0.0 : static_cast<double>(b[o]);
                for (std::size_t c = 0; c < x.cols(); ++c) y(t, o) += dense(i, c) * x(t, c);
            }
    }
    return y;
}

}  // namespace attohm::reference
