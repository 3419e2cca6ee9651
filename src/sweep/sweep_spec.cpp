#include "src/sweep/sweep_spec.hpp"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "src/base/error.hpp"
#include "src/base/text.hpp"
#include "src/base/yaml_tree.hpp"
#include "src/replay/experiment.hpp"

namespace attohm {

namespace {

struct Document {
    std::string name;

    std::string where(const YamlNode& node) const { return place_of(node, name); }

    void require_keys(const YamlNode& map, const std::vector<std::string>& known,
                      const std::string& what) const {
        if (map.kind != YamlNode::Kind::map) {
            throw UserError(what + " is not a map", where(map), "another kind of value",
                            "a map of " + fmt::format("{}", fmt::join(known, ", ")));
        }
        for (const YamlNode& key : map.keys) {
            if (std::find(known.begin(), known.end(), key.text) != known.end()) continue;
            const std::string near = nearest(key.text, known);
            throw UserError(fmt::format("unknown key `{}` in {}", key.text, what), where(key),
                            key.text,
                            near.empty() ? fmt::format("{}", fmt::join(known, ", "))
                                         : "did you mean `" + near + "`?");
        }
    }

    const YamlNode& required(const YamlNode& map, const std::string& key,
                             const std::string& what) const {
        const YamlNode* found = map.find(key);
        if (found != nullptr) return *found;
        throw UserError(fmt::format("{} has no `{}`", what, key), where(map), "nothing", key);
    }

    std::string scalar(const YamlNode& node, const std::string& what) const {
        if (node.kind == YamlNode::Kind::scalar) return node.text;
        throw UserError(what + " is not a single value", where(node), "a list or map", "one value");
    }

    double number(const YamlNode& node, const std::string& what) const {
        const std::string text = scalar(node, what);
        if (const auto value = parse_real(text)) return *value;
        throw UserError(what + " is not a number", where(node), text, "a finite number");
    }
};

/// Nested maps become dotted keys, as in an experiment file.
void collect(const Document& document, const YamlNode& map, const std::string& prefix,
             std::vector<Assignment>& assignments) {
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
        const std::string key = prefix + map.keys[i].text;
        const YamlNode& value = map.items[i];
        if (value.kind == YamlNode::Kind::map) {
            collect(document, value, key + ".", assignments);
            continue;
        }
        Assignment assignment{key, {}, value.kind == YamlNode::Kind::list, document.where(value)};
        if (assignment.is_list) {
            for (const YamlNode& item : value.items) {
                assignment.values.push_back(document.scalar(item, key));
            }
        } else {
            assignment.values.push_back(document.scalar(value, key));
        }
        assignments.push_back(std::move(assignment));
    }
}

std::vector<Assignment> assignments_of(const Document& document, const YamlNode* map) {
    std::vector<Assignment> assignments;
    if (map == nullptr) return assignments;
    if (map->kind != YamlNode::Kind::map) {
        throw UserError("`set` is not a map", document.where(*map), "another kind of value",
                        "experiment keys and their values");
    }
    collect(document, *map, "", assignments);
    // `a.b: 1` and `a: {b: 1}` are the same key.
    std::set<std::string> keys;
    for (const Assignment& assignment : assignments) {
        if (keys.insert(assignment.key).second) continue;
        throw UserError(fmt::format("duplicate key `{}`", assignment.key), assignment.where,
                        "the same key again", "every key once");
    }
    return assignments;
}

/// Every value of every axis with every other, the last axis fastest.
std::vector<SweepPoint> combine(const Document& document, const YamlNode* axes, SweepPoint seed) {
    std::vector<SweepPoint> points{std::move(seed)};
    for (const Assignment& axis : assignments_of(document, axes)) {
        if (!axis.is_list || axis.values.empty()) {
            throw UserError(fmt::format("axis `{}` is not a list of values", axis.key), axis.where,
                            axis.values.empty() ? "an empty list" : axis.values.front(),
                            "[value, value, ...]");
        }
        std::vector<SweepPoint> next;
        for (const SweepPoint& point : points) {
            for (const std::string& value : axis.values) {
                SweepPoint longer = point;
                longer.assignments.push_back({axis.key, {value}, false, axis.where});
                longer.axes.emplace_back(axis.key, value);
                next.push_back(std::move(longer));
            }
        }
        points = std::move(next);
    }
    return points;
}

Extend extend_of(const Document& document, const YamlNode& node) {
    document.require_keys(node, {"key", "from", "factor", "limit", "until"}, "`extend`");
    Extend extend;
    extend.where = document.where(node);
    extend.key = document.scalar(document.required(node, "key", "`extend`"), "extend.key");
    extend.from = document.number(document.required(node, "from", "`extend`"), "extend.from");
    extend.factor = document.number(document.required(node, "factor", "`extend`"), "extend.factor");
    extend.limit = document.number(document.required(node, "limit", "`extend`"), "extend.limit");
    if (extend.from <= 0.0 || extend.factor <= 1.0 || extend.limit < extend.from) {
        throw UserError(
            "`extend` does not grow", extend.where,
            fmt::format("from {}, factor {}, limit {}", extend.from, extend.factor, extend.limit),
            "from > 0, factor > 1, limit >= from");
    }
    if (const YamlNode* until = node.find("until")) {
        const std::string word = document.scalar(*until, "extend.until");
        if (word != "limit" && word != "top1-drop") {
            throw UserError("unknown end of `extend`", document.where(*until), word,
                            "limit | top1-drop");
        }
        extend.until = word == "limit" ? Until::limit : Until::top1_drop;
    }
    return extend;
}

SweepPart part_of(const Document& document, const YamlNode& node,
                  const std::vector<Assignment>& common, const std::string& fallback_name) {
    SweepPart part;
    const YamlNode* name = node.find("name");
    part.name = name != nullptr ? document.scalar(*name, "name") : fallback_name;
    SweepPoint seed;
    seed.part = part.name;
    seed.assignments = common;
    for (Assignment& own : assignments_of(document, node.find("set"))) {
        seed.assignments.push_back(std::move(own));
    }
    part.points = combine(document, node.find("axes"), std::move(seed));
    const YamlNode* extend = node.find("extend");
    if (extend == nullptr) return part;
    part.extend = extend_of(document, *extend);
    for (const auto& [key, value] : part.points.front().axes) {
        if (key != part.extend->key) continue;
        throw UserError(fmt::format("`{}` is an axis and extended", key), part.extend->where,
                        "the same key in axes and in extend", "each key on one axis");
    }
    return part;
}

}  // namespace

SweepSpec load_sweep(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw UserError("cannot read the sweep file", path, "no readable file", "a YAML file");
    SweepSpec spec;
    spec.text = (std::ostringstream() << file.rdbuf()).str();
    const Document document{path};
    const YamlNode root = parse_yaml(spec.text, path);
    document.require_keys(root, {"trace", "set", "axes", "extend", "parts"}, "the sweep");
    const std::filesystem::path trace =
        document.scalar(document.required(root, "trace", "the sweep"), "trace");
    spec.trace =
        trace.is_absolute()
            ? trace.string()
            : (std::filesystem::path(path).parent_path() / trace).lexically_normal().string();
    const std::vector<Assignment> common = assignments_of(document, root.find("set"));
    const YamlNode* parts = root.find("parts");
    if (parts == nullptr) {
        SweepPart part = part_of(document, root, {}, "sweep");
        spec.parts.push_back(std::move(part));
        return spec;
    }
    if (parts->kind != YamlNode::Kind::list || parts->items.empty() ||
        root.find("axes") != nullptr || root.find("extend") != nullptr) {
        throw UserError("`parts` stands alone", document.where(*parts),
                        "parts beside axes or extend",
                        "either a list of parts, or axes and extend at the top");
    }
    std::set<std::string> names;
    for (std::size_t i = 0; i < parts->items.size(); ++i) {
        const YamlNode& node = parts->items[i];
        document.require_keys(node, {"name", "set", "axes", "extend"}, "a part");
        spec.parts.push_back(part_of(document, node, common, fmt::format("part{}", i)));
        if (!names.insert(spec.parts.back().name).second) {
            throw UserError("two parts have one name", document.where(node), spec.parts.back().name,
                            "a name of its own");
        }
    }
    return spec;
}

void overlay_point(const SweepPoint& point, Settings& settings) {
    for (const Assignment& assignment : point.assignments) {
        settings.overlay(assignment.key, assignment.values, assignment.is_list, assignment.where);
    }
}

Settings point_settings(const SweepPoint& point) {
    Settings settings = experiment_preset();
    overlay_point(point, settings);
    return settings;
}

SweepPoint extended_point(const SweepPoint& point, const Extend& extend, double value) {
    SweepPoint next = point;
    const std::string text = fmt::format("{}", value);
    next.assignments.push_back({extend.key, {text}, false, extend.where});
    next.axes.emplace_back(extend.key, text);
    return next;
}

}  // namespace attohm
