#include "src/schemes/butterfly.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// Signals that are transformed together.
constexpr std::size_t kLanes = 32;

std::vector<std::size_t> prime_factors(std::size_t n) {
    std::vector<std::size_t> factors;
    for (std::size_t p = 2; p * p <= n; ++p)
        for (; n % p == 0; n /= p) factors.push_back(p);
    if (n > 1) factors.push_back(n);
    return factors;
}

/// to += (c + i s) (re + i im), element by element.
void add_turned(double c, double s, const double* re, const double* im, std::size_t lanes,
                double* to_re, double* to_im) {
    for (std::size_t l = 0; l < lanes; ++l) {
        to_re[l] += c * re[l] - s * im[l];
        to_im[l] += c * im[l] + s * re[l];
    }
}

}  // namespace

Dft::Dft(std::size_t n) : re_(n), im_(n), factors_(prime_factors(n)) {
    ATTOHM_CHECK(n > 0);
    for (std::size_t t = 0; t < n; ++t) {
        const double angle =
            -2.0 * std::numbers::pi * static_cast<double>(t) / static_cast<double>(n);
        re_[t] = std::cos(angle);
        im_[t] = std::sin(angle);
    }
}

void Dft::run(Matrix<double>& re, Matrix<double>& im) const {
    const std::size_t n = length(), lanes = re.cols();
    ATTOHM_CHECK(re.rows() == n && im.rows() == n && im.cols() == lanes);
    Matrix<double> next_re(n, lanes), next_im(n, lanes);
    std::size_t left = n, stride = 1;
    for (const std::size_t p : factors_) {
        // `stride` interleaved sequences of length `left` become p times as many, p times shorter.
        const std::size_t shorter = left / p;
        std::fill_n(next_re.data(), next_re.size(), 0.0);
        std::fill_n(next_im.data(), next_im.size(), 0.0);
        for (std::size_t j = 0; j < shorter; ++j)
            for (std::size_t k = 0; k < p; ++k)
                for (std::size_t r = 0; r < p; ++r) {
                    const std::size_t turn = (n / p * (r * k % p) + n / left * (j * k % left)) % n;
                    // Sequences that lie side by side are one run of elements.
                    const std::size_t from = stride * (j + shorter * r), to = stride * (p * j + k);
                    add_turned(re_[turn], im_[turn], re.row(from), im.row(from), stride * lanes,
                               next_re.row(to), next_im.row(to));
                }
        std::swap(re, next_re);
        std::swap(im, next_im);
        left = shorter;
        stride *= p;
    }
}

void mix_tokens(MatrixView<const float> x, MatrixView<float> y) {
    const std::size_t n = x.rows, d = x.cols;
    if (n == 0 || d == 0) return;
    const Dft hidden(d), sequence(n);
    Matrix<double> all_re(n, d), all_im(n, d), re, im;
    for (std::size_t first = 0; first < n; first += kLanes) {
        const std::size_t tokens = std::min(kLanes, n - first);
        re.resize(d, tokens);
        im = Matrix<double>(d, tokens);
        for (std::size_t t = 0; t < tokens; ++t)
            for (std::size_t c = 0; c < d; ++c) re(c, t) = static_cast<double>(x(first + t, c));
        hidden.run(re, im);
        for (std::size_t t = 0; t < tokens; ++t)
            for (std::size_t c = 0; c < d; ++c) {
                all_re(first + t, c) = re(c, t);
                all_im(first + t, c) = im(c, t);
            }
    }
    for (std::size_t first = 0; first < d; first += kLanes) {
        const std::size_t columns = std::min(kLanes, d - first);
        re.resize(n, columns);
        im.resize(n, columns);
        for (std::size_t t = 0; t < n; ++t) {
            std::copy_n(all_re.row(t) + first, columns, re.row(t));
            std::copy_n(all_im.row(t) + first, columns, im.row(t));
        }
        sequence.run(re, im);
        for (std::size_t t = 0; t < n; ++t)
            for (std::size_t c = 0; c < columns; ++c)
                y(t, first + c) = static_cast<float>(re(t, c));
    }
}

std::size_t ButterflyLayer::stages() const {
    return static_cast<std::size_t>(std::bit_width(length)) - 1;
}

namespace {

/// One stage in place. Args: w: [length / 2, 2, 2].
void butterfly_stage(const float* w, std::size_t stride, std::vector<double>& a) {
    for (std::size_t block = 0; block < a.size(); block += 2 * stride)
        for (std::size_t p = block; p < block + stride; ++p, w += 4) {
            const double low = a[p], high = a[p + stride];
            a[p] = static_cast<double>(w[0]) * low + static_cast<double>(w[1]) * high;
            a[p + stride] = static_cast<double>(w[2]) * low + static_cast<double>(w[3]) * high;
        }
}

}  // namespace

void butterfly_product(const ButterflyLayer& layer, MatrixView<const float> x,
                       std::span<const float> b, MatrixView<float> y) {
    const std::size_t stages = layer.stages(), n = layer.length;
    ATTOHM_CHECK(std::has_single_bit(n) && x.cols <= n && y.cols <= layer.copies * n);
    ATTOHM_CHECK(layer.weights.size() == layer.copies * stages * n * 2 && x.rows == y.rows);
    std::vector<double> a(n);
    for (std::size_t t = 0; t < x.rows; ++t)
        for (std::size_t copy = 0; copy * n < y.cols; ++copy) {
            std::fill(std::copy_n(x.row(t), x.cols, a.begin()), a.end(), 0.0);
            for (std::size_t s = 0; s < stages; ++s)
                butterfly_stage(layer.weights.data() + (copy * stages + s) * n * 2,
                                layer.widening ? std::size_t{1} << s : n >> (s + 1), a);
            const std::size_t columns = std::min(n, y.cols - copy * n);
            for (std::size_t c = 0; c < columns; ++c)
                y(t, copy * n + c) = static_cast<float>(
                    a[c] + (b.empty() ? 0.0 : static_cast<double>(b[copy * n + c])));
        }
}

}  // namespace attohm
