#include "src/report/group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "src/base/error.hpp"
#include "src/base/text.hpp"
#include "src/report/metrics.hpp"

namespace attohm {

namespace {

/// How much was looked at, and how much was kept.
bool is_detail(std::string_view key) {
    return key == "metrics.level" || key == "results.work";
}

/// Keys that repeat a setting rather than change it, the name of a part of a sweep, and detail.
bool repeats(std::string_view key) {
    return key == "chip" || key == "seed" || key == "part" || is_detail(key);
}

bool is_reference(const Result& r) {
    return is_reference_scheme(r.scheme);
}

/// Keys in words. A key that is not here stands for itself.
struct KeyWords {
    std::string_view key, title, word;
};
constexpr KeyWords kKeyWords[] = {
    {"device.read_noise.scale", "Read noise (multiple of the device card's)", "read noise x"},
    {"device.programming.scale", "Programming error (multiple of the device card's)",
     "programming error x"},
    {"threshold.margin", "Threshold margin (units of the scaled score)", "margin"},
    {"bits.k", "Bits of K in memory", "K bits"},
    {"bits.q", "Bits of q on the word lines", "q bits"},
    {"comparator.offset_sigma_V", "Comparator offset, 1 sigma (V)", "comparator offset (V)"},
    {"comparator.noise_sigma_V", "Comparator noise, 1 sigma (V)", "comparator noise (V)"},
    {"threshold.noise_sigma_V", "Threshold noise, 1 sigma (V)", "threshold noise (V)"},
    {"scheme", "Scheme", "scheme"},
};

KeyWords key_words(std::string_view key) {
    for (const KeyWords& words : kKeyWords)
        if (words.key == key) return words;
    return {key, key, key};
}

std::set<std::string> differing_keys(const std::vector<const Result*>& results) {
    std::map<std::string, std::string> first;
    for (const auto& [key, value] : settings_lines(results.front()->experiment_yaml))
        first[key] = value;
    std::set<std::string> keys;
    for (const Result* r : results)
        for (const auto& [key, value] : settings_lines(r->experiment_yaml)) {
            const auto at = first.find(key);
            if (at != first.end() && at->second != value) keys.insert(key);
        }
    return keys;
}

/// Settings without detail, and without the mode, which the group has in common.
std::string experiment_of(const Result& r) {
    std::string text;
    for (const auto& [key, value] : settings_lines(r.experiment_yaml))
        if (!is_detail(key) && key != "mode") text += key + ": " + value + "\n";
    return text;
}

/// The same experiment twice, as where two parts of a sweep meet: of the two the one with more
/// detail.
std::vector<const Result*> without_repeats(const std::vector<const Result*>& results) {
    std::vector<const Result*> out;
    std::map<std::tuple<std::string, std::string, std::uint64_t, std::uint64_t>, std::size_t> seen;
    for (const Result* r : results) {
        const auto [at, fresh] =
            seen.try_emplace({r->scheme, experiment_of(*r), r->seed, r->chip}, out.size());
        if (fresh)
            out.push_back(r);
        else if (detailed(*r) && !detailed(*out[at->second]))
            out[at->second] = r;
    }
    return out;
}

/// Whether the keys tell all results apart, chips and seeds aside.
bool tells_apart(const std::vector<const Result*>& results, const std::set<std::string>& keys) {
    std::set<std::vector<std::string>> seen;
    for (const Result* r : results) {
        std::vector<std::string> id = {std::to_string(r->chip), std::to_string(r->seed)};
        for (const std::string& key : keys) id.push_back(setting_value(*r, key));
        if (!seen.insert(std::move(id)).second) return false;
    }
    return true;
}

Axis make_axis(const std::string& key, const std::vector<const Result*>& results) {
    const KeyWords words = key_words(key);
    Axis axis{key, std::string(words.title), std::string(words.word), true, {}};
    for (const Result* r : results) {
        const std::string value = setting_value(*r, key);
        if (std::find(axis.values.begin(), axis.values.end(), value) == axis.values.end())
            axis.values.push_back(value);
        axis.numeric = axis.numeric && parse_real(value).has_value();
    }
    if (axis.numeric)
        std::sort(axis.values.begin(), axis.values.end(),
                  [](const auto& a, const auto& b) { return *parse_real(a) < *parse_real(b); });
    return axis;
}

std::vector<Axis> find_axes(const std::vector<const Result*>& results) {
    std::set<std::string> keys = {"scheme"};
    for (const Result* r : results)
        for (const auto& [key, value] : r->axes) keys.insert(key);
    if (!tells_apart(results, keys)) keys.merge(differing_keys(results));
    std::vector<Axis> axes;
    for (const std::string& key : keys) {
        if (repeats(key)) continue;
        Axis axis = make_axis(key, results);
        if (axis.values.size() > 1) axes.push_back(std::move(axis));
    }
    return axes;
}

std::vector<Point> find_points(const std::vector<const Result*>& results,
                               const std::vector<Axis>& axes) {
    std::vector<Point> points;
    std::map<std::vector<std::string>, std::size_t> at;
    for (const Result* r : results) {
        std::vector<std::string> values;
        for (const Axis& axis : axes) values.push_back(setting_value(*r, axis.key));
        const auto [place, fresh] = at.try_emplace(values, points.size());
        if (fresh) points.push_back({{}, values});
        points[place->second].chips.push_back(r);
    }
    return points;
}

Group make_group(const std::vector<const Result*>& results) {
    Group group;
    group.trace_id = results.front()->trace_id;
    group.trace_name = results.front()->trace_name;
    group.mode = results.front()->mode;
    std::vector<const Result*> compared, references;
    for (const Result* r : without_repeats(results))
        (is_reference(*r) ? references : compared).push_back(r);
    if (compared.empty()) compared.swap(references);
    group.axes = find_axes(compared);
    group.points = find_points(compared, group.axes);
    // One digital reference of a scheme is enough: no noise reaches it.
    std::set<std::string> seen;
    for (const Result* r : references) {
        if (!seen.insert(r->scheme).second) continue;
        group.references.push_back({{r}, {}});
        for (const Axis& axis : group.axes)
            group.references.back().values.push_back(setting_value(*r, axis.key));
    }
    for (const Point& p : group.points)
        if (std::find(group.schemes.begin(), group.schemes.end(), p.first().scheme) ==
            group.schemes.end())
            group.schemes.push_back(p.first().scheme);
    group.headline = choose_headline(group);
    return group;
}

std::vector<Slice> slices(const Group& group, std::vector<std::size_t> free, std::size_t least) {
    std::map<std::vector<std::string>, Slice> found;
    std::vector<std::vector<std::string>> order;
    for (const Point& p : group.points) {
        std::vector<std::string> fixed = p.values;
        for (const std::size_t axis : free) fixed[axis].clear();
        const auto [place, fresh] = found.try_emplace(fixed);
        if (fresh) {
            order.push_back(fixed);
            place->second.label = point_label(group, p, free);
        }
        place->second.points.push_back(&p);
    }
    std::vector<Slice> out;
    for (const auto& fixed : order) {
        Slice& slice = found[fixed];
        if (slice.points.size() < least) continue;
        std::stable_sort(slice.points.begin(), slice.points.end(),
                         [&](const Point* a, const Point* b) {
                             return group.number(*a, free[0]) < group.number(*b, free[0]);
                         });
        out.push_back(std::move(slice));
    }
    return out;
}

}  // namespace

bool is_reference_scheme(std::string_view scheme) {
    return scheme == "exact" || scheme == "threshold" || scheme == "threshold-q";
}

std::vector<std::pair<std::string, std::string>> settings_lines(const std::string& yaml) {
    std::vector<std::pair<std::string, std::string>> lines;
    std::size_t begin = 0;
    while (begin < yaml.size()) {
        const std::size_t end = std::min(yaml.find('\n', begin), yaml.size());
        const std::string line = yaml.substr(begin, end - begin);
        const std::size_t colon = line.find(": ");
        if (colon != std::string::npos && !line.starts_with('#'))
            lines.emplace_back(line.substr(0, colon), line.substr(colon + 2));
        begin = end + 1;
    }
    return lines;
}

std::string setting_value(const Result& result, std::string_view key) {
    // 0.50 and 0.5 are one value.
    const auto plain = [](const std::string& value) {
        const auto number = parse_real(value);
        return number ? format_real(*number) : value;
    };
    if (key == "scheme") return result.scheme;
    for (const auto& [name, value] : result.axes)
        if (name == key) return plain(value);
    for (const auto& [name, value] : settings_lines(result.experiment_yaml))
        if (name == key) return plain(value);
    return "";
}

std::optional<std::size_t> Group::axis(std::string_view key) const {
    for (std::size_t i = 0; i < axes.size(); ++i)
        if (axes[i].key == key) return i;
    return std::nullopt;
}

double Group::number(const Point& point, std::size_t a) const {
    const std::optional<double> value = parse_real(point.values.at(a));
    ATTOHM_CHECK(value.has_value());
    return *value;
}

std::vector<Group> group_results(std::span<const Result> results) {
    ATTOHM_CHECK(!results.empty());
    std::vector<std::vector<const Result*>> sets;
    for (const Result& r : results) {
        const auto same = std::find_if(sets.begin(), sets.end(), [&](const auto& set) {
            return set.front()->trace_id == r.trace_id && set.front()->mode == r.mode;
        });
        if (same == sets.end())
            sets.push_back({&r});
        else
            same->push_back(&r);
    }
    std::vector<Group> groups;
    for (const auto& set : sets) groups.push_back(make_group(set));
    return groups;
}

std::optional<std::size_t> noise_axis(const Group& group) {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < group.axes.size(); ++i) {
        const Axis& axis = group.axes[i];
        const bool noisy = axis.key.find("noise") != std::string::npos ||
                           axis.key.find("sigma") != std::string::npos ||
                           axis.key.find("programming") != std::string::npos;
        if (!axis.numeric || !noisy || axis.values.size() < 3) continue;
        if (!best || axis.values.size() > group.axes[*best].values.size()) best = i;
    }
    return best;
}

std::string point_label(const Group& group, const Point& point,
                        std::span<const std::size_t> except) {
    std::string out;
    for (std::size_t i = 0; i < group.axes.size(); ++i) {
        if (std::find(except.begin(), except.end(), i) != except.end()) continue;
        if (!out.empty()) out += ", ";
        const std::string& word = group.axes[i].word;
        out += word == "scheme" ? point.values[i] : word + " " + point.values[i];
    }
    return out.empty() ? point.first().scheme : out;
}

std::vector<Slice> slices_along(const Group& group, std::size_t axis, std::size_t least) {
    return slices(group, {axis}, least);
}

std::vector<Slice> slices_across(const Group& group, std::size_t axis_a, std::size_t axis_b,
                                 std::size_t least) {
    return slices(group, {axis_a, axis_b}, least);
}

}  // namespace attohm
