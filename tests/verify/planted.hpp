#pragma once

#include <functional>
#include <set>
#include <string>

#include "src/verify/verify.hpp"
#include "tests/crossbar/device/card_fixture.hpp"

/// A card with every part there is, and models of it with one fault each.
namespace attohm::testing {

/// The default card with stuck cells (0.02 low, 0.05 high), slow and telegraph noise, a temperature
/// law and a sinh I-V.
std::string full_card_text();

struct LoadedCard {
    Settings card;
    Device device;
};
/// Args: replacements: pairs of text in the full card, each of which is there once.
LoadedCard load_full_card(
    const std::vector<std::pair<std::string, std::string>>& replacements = {});

/// Names of the checks that a model fails.
std::set<std::string> failures(const CrossbarModel& model, const Settings& card);

struct Plant {
    std::string fault;
    std::function<void(CrossbarModel&)> plant;  ///< breaks a real model
    std::set<std::string> seen_by;
};

/// Every fault, the peers' own first.
const std::vector<Plant>& plants();

}  // namespace attohm::testing
