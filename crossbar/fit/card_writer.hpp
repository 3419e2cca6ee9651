#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/settings.hpp"

/// A device card as text, in the format of crossbar/device/cards/README.md.
namespace attohm::fit {

/// One leaf: `key: {value: ..., mark: ..., source: "...", help: "..."}`.
struct CardLeaf {
    std::string section;
    std::string key;
    std::vector<std::string> values;  ///< numbers or words as written
    bool is_list = false;
    Mark mark = Mark::fitted;
    std::string source;
    std::string help;
};

/// Numbers of a card: six significant digits, the shortest text that says them.
std::string card_number(double value);

/// The leaves by section, in the format's order of sections and the given order of keys; equal
/// leaves give equal bytes. Args: comment: lines above the card.
std::string card_yaml(const std::vector<CardLeaf>& leaves, std::string_view comment);

/// Sections in the order of the format.
const std::vector<std::string>& card_sections();

}  // namespace attohm::fit
