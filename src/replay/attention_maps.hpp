#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/base/settings.hpp"
#include "workloads/trace_reader.hpp"

/// `attohm trace view`: softmax probabilities of chosen heads as small pictures, with the keys that
/// a scheme keeps. Memory does not grow with the square of the tokens.
namespace attohm {

struct AttentionMapSpec {
    int sample = 0;
    std::vector<int> layers;
    std::vector<int> heads;          ///< query heads
    std::vector<int> windows = {0};  ///< of each head, where a layer has windows
    /// Cells along the longer side, at most; larger heads show the largest probability of each
    /// cell.
    std::size_t most_cells = 512;
};

/// What a scheme made of one head, pairs counted after the rule for empty rows.
struct MapDecisions {
    std::int64_t kept = 0;
    double mass = 0.0;  ///< softmax probability on kept keys, mean over the rows
    /// Against the scheme `threshold` under the same settings; nothing where a scheme has none.
    std::optional<std::int64_t> falsely_pruned = {};
    std::optional<std::int64_t> falsely_kept = {};
};

struct AttentionMap {
    static constexpr double kFloor = 1e-6;  ///< the smallest probability that is told apart
    static constexpr std::uint8_t kKept = 1, kFalselyPruned = 2, kFalselyKept = 4;

    int layer = 0;
    int head = 0;
    int window = 0;
    int windows = 1;  ///< of the layer
    int n_q = 0, n_k = 0, valid_q = 0, valid_k = 0;
    std::size_t step = 1;  ///< queries and keys of a cell along each side
    std::size_t rows = 0, cols = 0;
    /// [rows, cols] 0: no allowed pair; 1 to 255: the largest probability of the cell, logarithmic
    /// from kFloor (and below) to 1.
    std::vector<std::uint8_t> level;
    /// [rows, cols] what holds for any pair of the cell; empty where no scheme selects.
    std::vector<std::uint8_t> marks;
    std::int64_t pairs = 0;     ///< allowed
    double entropy_bits = 0.0;  ///< of a row, mean over the valid rows
    double largest = 0.0;       ///< largest probability of a row, mean over the valid rows
    std::optional<MapDecisions> decisions = {};
};

struct AttentionMaps {
    std::string trace_id, trace_name, scheme;  ///< scheme: "" = none
    int sample = 0;
    std::vector<AttentionMap> maps;
    std::vector<std::string> notes;
};

/// Args: settings: of an experiment whose scheme runs on each head (open loop); null: none. They
///   are marked as read.
/// Throws: UserError for a trace without stored layers, and as `replay` does.
AttentionMaps attention_maps(const TraceReader& reader, const AttentionMapSpec& spec,
                             const Settings* settings);

}  // namespace attohm
