#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// Settings: a flat map of dotted keys ("device.card", "bits.k") to scalar or list values, each
/// with the place it came from. Every experiment, device card and machine file is one. A base
/// document (a preset) names all keys there are; user layers may only change them. Getters parse
/// whole scalars, check ranges and mark the key as read, so that a key the user gave and nobody
/// read is an error.
///
/// Base documents may annotate a leaf: `v_fs_V: {value: 0.3, source: "...", mark: assumed, help:
/// "..."}` with mark one of cited, assumed, fitted, choice; cited and fitted need a source. User
/// layers give bare values (or the same form); a user's value has the user's mark (choice unless
/// given), not the preset's.
namespace attohm {

/// How far to trust a number.
enum class Mark { choice, cited, assumed, fitted };
std::string_view mark_name(Mark mark);

struct SettingsEntry {
    std::vector<std::string> values;  ///< scalars as written; one for a scalar
    bool is_list = false;
    std::string where;   ///< "file:line:column", or "--set"
    std::string source;  ///< citation
    std::string help;
    Mark mark = Mark::choice;
    bool user = false;  ///< came from a user layer
};

/// Closed range of an allowed number.
struct Range {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
};

class Settings {
  public:
    /// The base layer: its keys are all the keys there are.
    /// Throws: UserError with file:line:column on YAML errors, duplicate keys, bad annotations.
    static Settings from_text(std::string_view yaml, const std::string& name);
    static Settings from_file(const std::string& path);
    /// Counts every key as given by the user, so that unread ones are errors: for a card or machine
    /// file of the user's own, whose keys no preset names.
    void mark_as_user();

    /// Adds further keys (another preset's namespace); a key that exists already is an error.
    void extend(const Settings& other);
    /// A user layer. Throws: UserError on an unknown key (names the nearest known one), a
    /// duplicate.
    void overlay_text(std::string_view yaml, const std::string& name);
    void overlay_file(const std::string& path);
    /// "key=value"; the value may be a YAML flow list.
    void overlay_assignment(std::string_view assignment, const std::string& where = "--set");
    void overlay(const std::string& key, const std::vector<std::string>& values, bool is_list,
                 const std::string& where);

    bool has(std::string_view key) const;
    /// Throws: UserError that names the missing key and the documents it could have been in.
    const SettingsEntry& entry(std::string_view key) const;

    // Getters. Throw UserError (what, where, got, allowed). All mark the key as read.
    double real(std::string_view key, Range range = {}) const;
    std::int64_t integer(std::string_view key, Range range = {}) const;
    bool boolean(std::string_view key) const;
    std::string text(std::string_view key) const;
    std::string choice(std::string_view key, const std::vector<std::string>& allowed) const;
    /// A number, or nothing where the value is `word` (e.g. "ideal", "card", "none").
    std::optional<double> real_or(std::string_view key, std::string_view word, Range = {}) const;
    std::optional<std::int64_t> integer_or(std::string_view key, std::string_view word,
                                           Range = {}) const;
    std::vector<double> reals(std::string_view key, Range range = {}) const;
    std::vector<std::string> texts(std::string_view key) const;
    /// "quantile(0.75)" -> {"quantile", 0.75}; "trace" -> {"trace", nothing}. Allowed spelled
    /// "trace", "quantile(x)".
    struct Call {
        std::string name;
        std::optional<double> argument;
    };
    Call call(std::string_view key, const std::vector<std::string>& allowed) const;

    std::vector<std::string> keys() const;
    /// User keys that no getter has read, with their places.
    std::vector<std::string> unread_user_keys() const;
    /// Throws UserError when unread_user_keys() is not empty.
    void require_all_read() const;
    /// Marks every key in `other` as read that it has read (a sweep joins its settings).
    void merge_read(const Settings& other) const;
    /// Keys that were read so far and carry this mark, e.g. all assumed numbers of a run.
    std::vector<std::string> read_with_mark(Mark mark) const;

    /// The resolved settings as YAML, one dotted key a line, sorted, without annotations or places,
    /// numbers in their shortest form: the same settings give the same text, and an overlay reads
    /// it back. `only_read` leaves out keys that no getter touched.
    std::string resolved_yaml(bool only_read = false) const;

  private:
    const SettingsEntry& scalar(std::string_view key) const;

    std::vector<std::string> documents_;  ///< names of the base documents
    std::map<std::string, SettingsEntry, std::less<>> entries_;
    mutable std::set<std::string, std::less<>> read_;
};

/// The known word nearest to `word` (edit distance), or "" when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace attohm
