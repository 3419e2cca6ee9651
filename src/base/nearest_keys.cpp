#include "src/base/nearest_keys.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

namespace attohm {

namespace {

constexpr std::size_t kMostGuesses = 3;

/// "device.read_noise.scale" -> device, read, noise, scale.
std::set<std::string> words_of(std::string_view key) {
    std::set<std::string> words;
    while (!key.empty()) {
        const std::size_t end = std::min(key.find_first_of("._-"), key.size());
        if (end > 0) words.emplace(key.substr(0, end));
        key.remove_prefix(std::min(end + 1, key.size()));
    }
    return words;
}

/// How far `key` is from a known one that it may misspell. Sections that both begin with do not
/// make two short names alike: `device.noise` is no `device.iv`.
std::optional<std::size_t> misspelling(std::string_view key, std::string_view candidate) {
    if (key.find('.') == std::string_view::npos) {
        // Without its section: `card` for `device.card`.
        const std::size_t dot = candidate.rfind('.');
        if (dot != std::string_view::npos && candidate.substr(dot + 1) == key) return 1;
    }
    std::size_t section = 0;
    for (std::size_t i = 0; i < std::min(key.size(), candidate.size()); ++i) {
        if (key[i] != candidate[i]) break;
        if (key[i] == '.') section = i + 1;
    }
    const std::string_view rest = key.substr(section);
    const std::size_t distance = edit_distance(rest, candidate.substr(section));
    if (distance > std::max<std::size_t>(rest.size() < 3 ? 1 : 2, rest.size() / 3))
        return std::nullopt;
    return distance;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
            const bool swapped =
                i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && change == 1;
            if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.size()][b.size()];
}

std::vector<std::string> nearest_keys(std::string_view key, const std::vector<std::string>& known) {
    // Tier, then distance within it: only the best tier is answered with.
    std::vector<std::tuple<int, std::size_t, std::string>> ranked;
    const std::set<std::string> words = words_of(key);
    for (const std::string& candidate : known) {
        const std::set<std::string> theirs = words_of(candidate);
        if (candidate.starts_with(std::string(key) + "."))
            ranked.emplace_back(0, 0, candidate);
        else if (const auto distance = misspelling(key, candidate))
            ranked.emplace_back(1, *distance, candidate);
        else if (!words.empty() &&
                 std::includes(theirs.begin(), theirs.end(), words.begin(), words.end()))
            ranked.emplace_back(2, theirs.size() - words.size(), candidate);
    }
    std::sort(ranked.begin(), ranked.end());
    std::vector<std::string> found;
    for (const auto& [tier, distance, candidate] : ranked) {
        const auto& [best_tier, best_distance, best] = ranked.front();
        const bool as_good = tier == best_tier && (tier != 1 || distance == best_distance);
        if (as_good && found.size() < kMostGuesses) found.push_back(candidate);
    }
    return found;
}

}  // namespace attohm
