#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "crossbar/fit/device_fit.hpp"
#include "src/base/error.hpp"

/// Files as texts, a base to fit on, and what a refusal says: for the tests of the fits.
namespace attohm::fit {

inline MeasuredData data_of(const std::vector<std::pair<std::string, std::string>>& files) {
    MeasuredData data;
    for (const auto& [name, text] : files) data.add_text(text, name);
    return data;
}

inline FitOptions options_with_base() {
    FitOptions options;
    options.base = "ibm-cmo-hfox-2pct";
    options.read_V = 0.2;
    options.temperature_K = 300.0;
    return options;
}

inline void check_refused(const std::vector<std::pair<std::string, std::string>>& files,
                          const FitOptions& options, const std::vector<std::string>& words) {
    std::string message;
    try {
        fit_device(data_of(files), options);
    } catch (const UserError& error) {
        message = error.what();
    }
    INFO(message);
    CHECK_FALSE(message.empty());
    for (const std::string& word : words) CHECK_THAT(message, Catch::Contains(word));
}

inline std::string programming_header() {
    return "chip,row,column,target_uS,conductance_uS,age_s\n";
}

}  // namespace attohm::fit
