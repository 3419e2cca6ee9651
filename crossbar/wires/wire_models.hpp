#pragma once

#include <string_view>
#include <vector>

#include "crossbar/device/device_models.hpp"

/// The one table of what can be computed of an array and its lines. What `attohm list arrays` and
/// `attohm explain array` print.
namespace attohm {

struct WireModel {
    std::string_view name;
    std::string_view help;
    std::vector<std::string_view> equations;
    std::vector<DeviceModelParameter> parameters;
    std::string_view source;
    std::vector<std::string_view> not_modelled;
};

/// All of them. A duplicate or incomplete entry is an InvariantError at first use.
const std::vector<WireModel>& wire_model_table();

/// Throws: UserError naming the nearest model.
const WireModel& find_wire_model(std::string_view name);

}  // namespace attohm
