#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "src/base/settings.hpp"

/// The one table of what a device can be made of: each law with its equation, its keys in a card,
/// and what it leaves out. What `attohm list models` and `attohm explain model` print.
namespace attohm {

/// One key of a card.
struct DeviceModelParameter {
    std::string_view key;    ///< whole, e.g. "verify.window_uS"
    std::string_view unit;   ///< "1" for a number without one, "-" for a word
    std::string_view range;  ///< what is allowed
    std::string_view help;
};

struct DeviceModel {
    std::string_view name;
    std::string_view section;  ///< of the card
    std::string_view law;  ///< value of `<section>.law` that selects it; empty: the section itself
    std::string_view help;
    std::vector<std::string_view> equations;
    std::vector<DeviceModelParameter> parameters;
    std::string_view source;
    std::vector<std::string_view> not_modelled;
};

/// All models. A duplicate or incomplete entry is an InvariantError at first use.
const std::vector<DeviceModel>& device_model_table();

/// Throws: InvariantError for a name or a (section, law) given twice, an entry without equation,
///   parameter, help, source or "not modelled", and a parameter that is incomplete or lies in
///   another section.
void check_device_models(std::span<const DeviceModel> models);

/// Throws: UserError naming the nearest model.
const DeviceModel& find_device_model(std::string_view name);

/// The models that a card is made of, in the order of the table.
std::vector<const DeviceModel*> models_of_card(const Settings& card);

}  // namespace attohm
