#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// What a user may have meant by a key that is not known.
namespace attohm {

/// Edit distance where a swap of neighbours counts once.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The dotted keys that `key` may stand for, at most three, likeliest first: those below it
/// (`device.read_noise` for `device.read_noise.scale`), else those that are spelt nearly so, else
/// those with all of its words (`noise.scale`).
std::vector<std::string> nearest_keys(std::string_view key, const std::vector<std::string>& known);

}  // namespace attohm
