#include "src/base/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "src/base/error.hpp"
#include "src/base/nearest_keys.hpp"
#include "src/base/text.hpp"
#include "src/base/yaml_tree.hpp"

namespace attohm {

namespace {

/// A leaf of a document with its dotted key, before anybody asked whether the key is known.
struct Leaf {
    std::string key;
    std::string key_place;
    SettingsEntry entry;
    bool has_mark = false;
};

bool is_plain_key(std::string_view key) {
    if (key.empty() || key.front() == '.' || key.back() == '.') return false;
    if (key.find("..") != std::string_view::npos) return false;
    return std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-' || c == '.';
    });
}

/// Scalar or list of scalars; everything else is refused.
void read_value(const YamlNode& node, const std::string& key, const std::string& name,
                SettingsEntry& entry) {
    entry.where = place_of(node, name);
    entry.is_list = node.kind == YamlNode::Kind::list;
    if (node.kind == YamlNode::Kind::scalar) {
        entry.values = {node.text};
        return;
    }
    if (!entry.is_list)
        throw UserError(fmt::format("key `{}` has no value", key), entry.where,
                        node.kind == YamlNode::Kind::map ? "a map" : "nothing",
                        "a value or a list");
    for (const YamlNode& item : node.items) {
        if (item.kind != YamlNode::Kind::scalar)
            throw UserError(fmt::format("key `{}` holds more than plain values", key),
                            place_of(item, name), "a list, a map or nothing within a list",
                            "a list of plain values");
        entry.values.push_back(item.text);
    }
}

std::string annotation_text(const YamlNode& node, const std::string& key, const std::string& name) {
    if (node.kind != YamlNode::Kind::scalar)
        throw UserError(fmt::format("annotation of `{}` is not text", key), place_of(node, name),
                        "a list, a map or nothing", "text");
    return node.text;
}

Mark mark_from(const std::string& word, const std::string& key, const std::string& where) {
    for (const Mark mark : {Mark::choice, Mark::cited, Mark::assumed, Mark::fitted})
        if (mark_name(mark) == word) return mark;
    throw UserError(fmt::format("unknown mark of `{}`", key), where, "`" + word + "`",
                    "cited, assumed, fitted or choice");
}

/// `{value: 0.3, source: "...", mark: assumed, help: "..."}`
void read_annotated(const YamlNode& node, const std::string& name, Leaf& leaf) {
    static const std::vector<std::string> known = {"value", "source", "mark", "help"};
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        const std::string& word = node.keys[i].text;
        const YamlNode& item = node.items[i];
        if (word == "value") {
            read_value(item, leaf.key, name, leaf.entry);
        } else if (word == "source") {
            leaf.entry.source = annotation_text(item, leaf.key, name);
        } else if (word == "help") {
            leaf.entry.help = annotation_text(item, leaf.key, name);
        } else if (word == "mark") {
            leaf.entry.mark =
                mark_from(annotation_text(item, leaf.key, name), leaf.key, place_of(item, name));
            leaf.has_mark = true;
        } else {
            throw UserError(fmt::format("unknown annotation `{}` of `{}`", word, leaf.key),
                            place_of(node.keys[i], name), "`" + word + "`",
                            "value, source, mark, help");
        }
    }
    const bool needs_source = leaf.entry.mark == Mark::cited || leaf.entry.mark == Mark::fitted;
    if (needs_source && leaf.entry.source.empty())
        throw UserError(
            fmt::format("`{}` is marked {} without a source", leaf.key, mark_name(leaf.entry.mark)),
            place_of(node, name), "no source", "source: paper, table or page");
}

void flatten(const YamlNode& map, const std::string& prefix, const std::string& name,
             std::vector<Leaf>& leaves) {
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
        Leaf leaf;
        leaf.key = prefix.empty() ? map.keys[i].text : prefix + "." + map.keys[i].text;
        leaf.key_place = place_of(map.keys[i], name);
        const YamlNode& node = map.items[i];
        if (node.kind == YamlNode::Kind::map && node.find("value") != nullptr) {
            read_annotated(node, name, leaf);
        } else if (node.kind == YamlNode::Kind::map && !node.keys.empty()) {
            flatten(node, leaf.key, name, leaves);
            continue;
        } else {
            read_value(node, leaf.key, name, leaf.entry);
        }
        leaves.push_back(std::move(leaf));
    }
}

/// All leaves of a document, no key twice (`a.b: 1` and `a: {b: 1}` are the same key).
std::vector<Leaf> read_leaves(std::string_view yaml, const std::string& name) {
    const YamlNode root = parse_yaml(yaml, name);
    std::vector<Leaf> leaves;
    if (root.kind == YamlNode::Kind::null) return leaves;
    if (root.kind != YamlNode::Kind::map)
        throw UserError("the document is not a map", place_of(root, name), "a value or a list",
                        "key: value");
    flatten(root, "", name, leaves);
    std::map<std::string_view, const Leaf*> seen;
    for (const Leaf& leaf : leaves) {
        const auto [other, fresh] = seen.emplace(leaf.key, &leaf);
        if (!fresh)
            throw UserError(fmt::format("duplicate key `{}`", leaf.key), leaf.key_place,
                            "the same key again (first at " + other->second->key_place + ")",
                            "every key once");
    }
    return leaves;
}

using Entries = std::map<std::string, SettingsEntry, std::less<>>;

/// Names the keys that the user may have meant.
[[noreturn]] void fail_unknown(const std::string& key, const std::string& where,
                               const Entries& entries) {
    std::vector<std::string> known;
    for (const auto& [name, entry] : entries) known.push_back(name);
    const std::vector<std::string> guesses = nearest_keys(key, known);
    std::string allowed = "a known key (docs/settings.md; attohm explain NAME: those of a model)";
    for (std::size_t i = 0; i < guesses.size(); ++i)
        allowed = i == 0 ? "did you mean `" + guesses[i] + "`"
                         : allowed + (i + 1 < guesses.size() ? ", `" : " or `") + guesses[i] + "`";
    if (!guesses.empty()) allowed += "?";
    throw UserError(fmt::format("unknown key `{}`", key), where, "`" + key + "`", allowed);
}

void change_entry(Entries& entries, const std::string& key, const std::string& key_place,
                  SettingsEntry next) {
    const auto it = entries.find(key);
    if (it == entries.end()) fail_unknown(key, key_place, entries);
    if (next.help.empty()) next.help = it->second.help;
    next.user = true;
    it->second = std::move(next);
}

}  // namespace

std::string_view mark_name(Mark mark) {
    switch (mark) {
        case Mark::choice:
            return "choice";
        case Mark::cited:
            return "cited";
        case Mark::assumed:
            return "assumed";
        case Mark::fitted:
            return "fitted";
    }
    return "";
}

Settings Settings::from_text(std::string_view yaml, const std::string& name) {
    Settings settings;
    settings.documents_ = {name};
    for (Leaf& leaf : read_leaves(yaml, name)) {
        if (!is_plain_key(leaf.key))
            throw UserError("not a key", leaf.key_place, "`" + leaf.key + "`",
                            "letters, digits, _ and -, parts joined by dots");
        settings.entries_.emplace(std::move(leaf.key), std::move(leaf.entry));
    }
    return settings;
}

Settings Settings::from_file(const std::string& path) {
    return from_text(read_text_file(path), path);
}

void Settings::mark_as_user() {
    for (auto& [key, entry] : entries_) entry.user = true;
}

void Settings::extend(const Settings& other) {
    for (const auto& [key, entry] : other.entries_) {
        const auto [existing, fresh] = entries_.emplace(key, entry);
        if (!fresh)
            throw UserError(fmt::format("duplicate key `{}`", key), entry.where,
                            "the same key again (first at " + existing->second.where + ")",
                            "every key in one document");
    }
    documents_.insert(documents_.end(), other.documents_.begin(), other.documents_.end());
    read_.insert(other.read_.begin(), other.read_.end());
}

void Settings::overlay_text(std::string_view yaml, const std::string& name) {
    for (Leaf& leaf : read_leaves(yaml, name))
        change_entry(entries_, leaf.key, leaf.key_place, std::move(leaf.entry));
}

void Settings::overlay_file(const std::string& path) {
    overlay_text(read_text_file(path), path);
}

void Settings::overlay_assignment(std::string_view assignment, const std::string& where) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string_view::npos || equals == 0)
        throw UserError("not an assignment", where, "`" + std::string(assignment) + "`",
                        "key=value");
    const std::string key(assignment.substr(0, equals));
    const YamlNode node = parse_yaml(assignment.substr(equals + 1), where + " " + key);
    SettingsEntry entry;
    read_value(node, key, where + " " + key, entry);
    entry.where = where;
    change_entry(entries_, key, where, std::move(entry));
}

void Settings::overlay(const std::string& key, const std::vector<std::string>& values, bool is_list,
                       const std::string& where) {
    ATTOHM_CHECK(is_list || values.size() == 1);
    SettingsEntry entry;
    entry.values = values;
    entry.is_list = is_list;
    entry.where = where;
    change_entry(entries_, key, where, std::move(entry));
}

std::vector<std::string> Settings::keys() const {
    std::vector<std::string> names;
    names.reserve(entries_.size());
    for (const auto& [key, entry] : entries_) names.push_back(key);
    return names;
}

std::vector<std::string> Settings::unread_user_keys() const {
    std::vector<std::string> unread;
    for (const auto& [key, entry] : entries_)
        if (entry.user && !read_.contains(key)) unread.push_back(key + " (" + entry.where + ")");
    return unread;
}

void Settings::require_all_read() const {
    const std::vector<std::string> unread = unread_user_keys();
    if (unread.empty()) return;
    throw UserError("keys were given that nothing in this run reads", "",
                    fmt::format("{}", fmt::join(unread, ", ")),
                    "keys of the chosen scheme, models and machine");
}

void Settings::merge_read(const Settings& other) const {
    for (const std::string& key : other.read_)
        if (entries_.contains(key)) read_.insert(key);
}

std::vector<std::string> Settings::read_with_mark(Mark mark) const {
    std::vector<std::string> found;
    for (const std::string& key : read_) {
        const auto it = entries_.find(key);
        if (it != entries_.end() && it->second.mark == mark) found.push_back(key);
    }
    return found;
}

}  // namespace attohm
