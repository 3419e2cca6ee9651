#pragma once

#include <cstddef>
#include <vector>

#include "src/base/matrix.hpp"

namespace attohm {

struct Spectrum {
    std::vector<double> frequency_Hz;
    std::vector<double> density;  ///< one-sided, 1/Hz of the record's unit squared
};

/// Mean spectrum of records of one length, a Hann window over each, at every other multiple of
/// 1 / (length interval), so that estimates are independent. Each value of a record is an average
/// over the interval, which takes sinc^2(f interval) off; it is put back.
/// Args: records: [length, records].
Spectrum measure_spectrum(MatrixView<const double> records, double interval_s, std::size_t first,
                          std::size_t last);

struct LineFit {
    double slope = 0.0;
    double slope_error = 0.0;
};

/// Least squares of y against x, every y with the same standard error.
LineFit fit_line(const std::vector<double>& x, const std::vector<double>& y, double y_error);

}  // namespace attohm
