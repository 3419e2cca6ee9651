#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/settings.hpp"
#include "src/schemes/decision_meter.hpp"
#include "workloads/extra_weights.hpp"
#include "workloads/fixed_masks.hpp"
#include "workloads/scheme.hpp"

/// The one table of schemes: what each is, where it comes from, how to make it.
namespace attohm {

/// What a scheme is made from.
struct SchemeInputs {
    ModelInfo model;
    std::optional<Thresholds> thresholds;  ///< of the trace
    std::string trace_path;                ///< for messages
    std::uint64_t seed = 0;
    std::uint64_t chip = 0;
    MetricsLevel metrics = MetricsLevel::full;
    std::shared_ptr<const FixedMasks> masks = {};  ///< of the trace, under the scheme's name
    ExtraWeights extra = {};  ///< what the trace holds that this scheme has learned
};

struct SchemeEntry {
    std::string_view name;
    std::string_view help;
    std::string_view source;
    std::vector<std::string_view> equations;
    std::vector<std::string_view> not_modelled;
    std::vector<std::string_view> keys;  ///< prefixes of the settings it reads
    std::string_view preset;             ///< resource that holds them; empty: none of its own
    std::string_view needs;   ///< what a trace must hold beside attention layers; empty: nothing
    bool thresholds = false;  ///< has a hard threshold on scores, and its references
    std::string_view plan;    ///< name of its plan on a machine; empty: not priced
    std::vector<std::string_view> baselines;  ///< plans that it is compared with, same machine
    std::string_view machine;  ///< that its paper describes; `machines: [scheme]` stands for it
    std::function<std::unique_ptr<Scheme>(const SchemeInputs&, const Settings&)> make;
    /// What a result must say about these settings ("random projections, not learned"); may be
    /// empty.
    std::function<std::vector<std::string>(const Settings&)> notes;
};

/// All schemes. A duplicate or incomplete entry is an InvariantError at first use.
const std::vector<SchemeEntry>& scheme_table();

/// Throws: UserError naming the nearest scheme.
const SchemeEntry& find_scheme(std::string_view name);

/// Settings of all schemes with their presets' defaults.
Settings scheme_preset();

}  // namespace attohm
