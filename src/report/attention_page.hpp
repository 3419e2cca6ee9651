#pragma once

#include <string>

#include "src/replay/attention_maps.hpp"

namespace attohm {

/// One page with the maps, drawn by a script in it from data in it: nothing is fetched. The page
/// shows query, key and probability under the pointer, and kept keys where a scheme ran.
std::string attention_page(const AttentionMaps& maps, std::string_view version);

/// Base64 of bytes, with padding. Source: RFC 4648, section 4.
std::string base64(const std::vector<std::uint8_t>& bytes);

}  // namespace attohm
