#include "src/verify/spectrum.hpp"

#include <cmath>

namespace attohm {

namespace {

/// Records less their means, times the window.
Matrix<double> windowed(MatrixView<const double> records) {
    Matrix<double> out(records.rows, records.cols);
    std::vector<double> mean(records.cols, 0.0);
    const auto length = static_cast<double>(records.rows);
    for (std::size_t t = 0; t < records.rows; ++t) {
        for (std::size_t c = 0; c < records.cols; ++c) mean[c] += records(t, c) / length;
    }
    for (std::size_t t = 0; t < records.rows; ++t) {
        const double phase = 2.0 * M_PI * (static_cast<double>(t) + 0.5) / length;
        const double window = 0.5 * (1.0 - std::cos(phase));
        for (std::size_t c = 0; c < records.cols; ++c)
            out(t, c) = window * (records(t, c) - mean[c]);
    }
    return out;
}

/// Mean over records of |sum_t x_t e^(-2 pi i k t / length)|^2.
double mean_power(const Matrix<double>& x, std::size_t k) {
    std::vector<double> real(x.cols(), 0.0), imaginary(x.cols(), 0.0);
    for (std::size_t t = 0; t < x.rows(); ++t) {
        const double phase =
            2.0 * M_PI * static_cast<double>(k * t % x.rows()) / static_cast<double>(x.rows());
        const double c = std::cos(phase), s = std::sin(phase);
        const double* row = x.row(t);
        for (std::size_t i = 0; i < x.cols(); ++i) {
            real[i] += c * row[i];
            imaginary[i] -= s * row[i];
        }
    }
    double sum = 0.0;
    for (std::size_t i = 0; i < x.cols(); ++i)
        sum += real[i] * real[i] + imaginary[i] * imaginary[i];
    return sum / static_cast<double>(x.cols());
}

}  // namespace

Spectrum measure_spectrum(MatrixView<const double> records, double interval_s, std::size_t first,
                          std::size_t last) {
    const Matrix<double> x = windowed(records);
    const auto length = static_cast<double>(records.rows);
    // Sum of the squares of a Hann window: 3/8 of the length.
    const double scale = 2.0 * interval_s / (0.375 * length);
    Spectrum spectrum;
    for (std::size_t k = first; k <= last; k += 2) {
        const double phase = M_PI * static_cast<double>(k) / length;
        const double sinc = std::sin(phase) / phase;
        spectrum.frequency_Hz.push_back(static_cast<double>(k) / (length * interval_s));
        spectrum.density.push_back(scale * mean_power(x, k) / (sinc * sinc));
    }
    return spectrum;
}

LineFit fit_line(const std::vector<double>& x, const std::vector<double>& y, double y_error) {
    const auto n = static_cast<double>(x.size());
    double x_mean = 0.0, square = 0.0;
    for (const double value : x) x_mean += value / n;
    LineFit fit;
    for (std::size_t i = 0; i < x.size(); ++i) {
        square += (x[i] - x_mean) * (x[i] - x_mean);
        fit.slope += (x[i] - x_mean) * y[i];
    }
    fit.slope /= square;
    fit.slope_error = y_error / std::sqrt(square);
    return fit;
}

}  // namespace attohm
