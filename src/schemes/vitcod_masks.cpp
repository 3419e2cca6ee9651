#include "src/schemes/vitcod_masks.hpp"

#include <algorithm>
#include <numeric>

namespace attohm {

namespace {

/// Sets keep[j] for the largest entries of a row.
void keep_row(const double* row, std::size_t n, double mass, std::vector<std::uint32_t>& order,
              std::uint8_t* keep) {
    order.resize(n);
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(),
                     [row](std::uint32_t a, std::uint32_t b) { return row[a] > row[b]; });
    const double wanted = mass * std::accumulate(row, row + n, 0.0);
    double sum = 0.0;
    std::size_t count = 0;
    while (count < n && sum < wanted && row[order[count]] > 0.0) sum += row[order[count++]];
    if (count < n && row[order[count]] > 0.0) ++count;
    for (std::size_t i = 0; i < count; ++i) keep[order[i]] = 1;
}

}  // namespace

Matrix<std::uint8_t> pruned_mask(MatrixView<const double> average, double mass,
                                 std::size_t prefix) {
    const std::size_t n = average.cols;
    Matrix<std::uint8_t> attend(average.rows, n);
    std::vector<std::uint32_t> order;
    for (std::size_t i = 0; i < average.rows; ++i) {
        std::uint8_t* keep = attend.row(i);
        keep_row(average.row(i), n, mass, order, keep);
        std::fill_n(keep, i < prefix ? n : std::min(prefix, n), std::uint8_t{1});
    }
    return attend;
}

PolarisedMask polarised(MatrixView<const std::uint8_t> attend, double share) {
    std::vector<std::int64_t> kept(attend.cols, 0);
    for (std::size_t i = 0; i < attend.rows; ++i)
        for (std::size_t j = 0; j < attend.cols; ++j) kept[j] += attend(i, j);
    const double most = share * static_cast<double>(attend.rows);
    PolarisedMask mask;
    for (std::size_t j = 0; j < attend.cols; ++j) {
        mask.is_global.push_back(static_cast<double>(kept[j]) > most ? 1 : 0);
        if (mask.is_global.back() != 0) mask.globals.push_back(static_cast<std::uint32_t>(j));
    }
    return mask;
}

}  // namespace attohm
