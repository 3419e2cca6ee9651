#include "circuits/unit_cost.hpp"

#include <fmt/format.h>

namespace attohm {

Cited carried(const Cited& figure, double factor, const Cited& factor_source) {
    if (factor == 1.0) return figure;
    Cited scaled = figure;
    scaled.value *= factor;
    scaled.source =
        fmt::format("{}; times {:.4g}: {}", figure.source, factor, factor_source.source);
    if (factor_source.mark == Mark::assumed || figure.mark == Mark::assumed)
        scaled.mark = Mark::assumed;
    else if (factor_source.mark == Mark::fitted || figure.mark == Mark::fitted)
        scaled.mark = Mark::fitted;
    return scaled;
}

}  // namespace attohm
