#include "src/report/figures.hpp"

#include <algorithm>

namespace attohm {

namespace {

/// How many settings are offered: fewer where each has many layers, so that the page stays small.
std::size_t offered(const Group& group) {
    int layers = 0;
    for (const HeadSummary& head : group.shown().first().heads)
        layers = std::max(layers, head.report.layer + 1);
    return layers <= 8 ? 12 : 4;
}

}  // namespace

std::vector<const Point*> detail_points(const Group& group) {
    const std::size_t most = offered(group);
    std::vector<const Point*> out = {&group.shown()};
    const auto take = [&](const Point* p) {
        if (out.size() < most && std::find(out.begin(), out.end(), p) == out.end())
            out.push_back(p);
    };
    // What differs from the headline along one axis only, the noise axis first.
    if (const auto noise = noise_axis(group))
        for (const Slice& slice : slices_along(group, *noise, 2))
            if (std::find(slice.points.begin(), slice.points.end(), out.front()) !=
                slice.points.end())
                for (const Point* p : slice.points) take(p);
    for (const Point& p : group.points) {
        std::size_t differs = 0;
        for (std::size_t a = 0; a < p.values.size(); ++a)
            differs += p.values[a] != out.front()->values[a] ? 1 : 0;
        if (differs == 1) take(&p);
    }
    for (const Point& p : group.points) take(&p);
    return out;
}

std::vector<Figure> all_figures(const Group& group) {
    std::vector<Figure> all;
    for (auto make : {accuracy_energy_figures, axis_figures, heat_map_figures, energy_figures,
                      latency_figures, layer_figures, margin_figures, eye_figures, fidelity_figures,
                      column_figures, code_figures})
        for (Figure& figure : make(group)) all.push_back(std::move(figure));
    return all;
}

}  // namespace attohm
