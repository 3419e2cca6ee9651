#include "src/report/quality.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/base/error.hpp"
#include "src/report/metrics.hpp"
#include "src/report/vega_lite.hpp"

namespace attohm {

std::optional<Quality> quality_of(const Group& group) {
    const auto all = [&](auto has) {
        return std::all_of(group.points.begin(), group.points.end(), has);
    };
    if (all([](const Point& p) { return top1(p).has_value(); }))
        return Quality{Quality::Kind::top1, "Top-1 (fraction right)", "top-1", "Accuracy"};
    if (all([](const Point& p) { return perplexity(p).has_value(); }))
        return Quality{Quality::Kind::perplexity, "Perplexity", "perplexity", "Perplexity"};
    if (all([](const Point& p) { return output_error(p).has_value(); }))
        return Quality{Quality::Kind::error, "Relative rms error of attention output", "rms error",
                       "Output error"};
    return std::nullopt;
}

Interval quality(const Quality& kind, const Point& point) {
    if (kind.kind == Quality::Kind::top1) return *top1(point);
    if (kind.kind == Quality::Kind::perplexity) return *perplexity(point);
    const auto error = output_error(point);
    ATTOHM_CHECK(error.has_value());
    return {*error, *error, *error};
}

Channels choose_channels(const Group& group) {
    Channels c;
    const auto most_values = [&](std::size_t limit) {
        int best = -1;
        for (std::size_t a = 0; a < group.axes.size(); ++a) {
            const std::size_t n = group.axes[a].values.size();
            const int i = static_cast<int>(a);
            if (i == c.colour || n > limit) continue;
            if (best < 0 || n > group.axes[static_cast<std::size_t>(best)].values.size()) best = i;
        }
        return best;
    };
    if (const auto noise = noise_axis(group)) c.colour = static_cast<int>(*noise);
    if (const auto scheme = group.axis("scheme")) c.colour = static_cast<int>(*scheme);
    if (c.colour < 0) c.colour = most_values(12);
    c.shape = most_values(6);
    return c;
}

Json colour_encoding(const Group& group, int axis) {
    if (axis < 0) return {{"value", kBlue}};
    const Axis& a = group.axes[static_cast<std::size_t>(axis)];
    Json out = {{"field", "a" + std::to_string(axis)},
                {"type", a.numeric ? "ordinal" : "nominal"},
                {"title", a.word}};
    if (a.numeric && a.values.size() > 5)
        out["scale"] = {{"scheme", {{"name", "viridis"}, {"extent", {0.2, 0.92}}}}};
    else
        out["scale"] = {{"range", {kBlue, kOrange, kGreen, kPurple, kRed, kSky, kGrey}}};
    return out;
}

}  // namespace attohm
