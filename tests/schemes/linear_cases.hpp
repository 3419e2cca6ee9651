#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/schemes/sprint_pair.hpp"

/// Cases that the tests of schemes over all pairs share.
namespace attohm {

/// Shapes without mask and causality: odd sizes, padding, more queries than keys, one key, d and dv
/// that differ, shared keys, more tokens than a block, fewer tokens than channels.
inline std::vector<LayerSpec> all_pairs_layers() {
    return {{2, 2, 40, 40, 32, 32, false, -1, -1, false},
            {4, 2, 37, 37, 21, 24, false, 29, 29, false},
            {1, 1, 5, 1, 16, 16, false, -1, -1, false},
            {1, 1, 1, 1, 7, 3, false, -1, -1, false},
            {2, 1, 197, 197, 64, 65, false, 190, 190, false},
            {1, 1, 23, 23, 41, 11, false, -1, -1, false},
            {1, 1, 300, 33, 13, 5, false, 299, -1, false}};
}

/// What a scheme says when it is asked for a layer; "" where it computes it.
inline std::string refusal(std::string_view scheme, const AttentionLayer& layer,
                           const std::vector<std::string>& assignments = {},
                           SchemeInputs inputs = {}) {
    if (inputs.trace_path.empty()) inputs.trace_path = "some/trace.h5";
    Settings settings = scheme_preset();
    for (const std::string& assignment : assignments) settings.overlay_assignment(assignment);
    try {
        run_scheme(*find_scheme(scheme).make(inputs, settings), layer);
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

}  // namespace attohm
