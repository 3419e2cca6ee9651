#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "workloads/trace_writer.hpp"

/// Synthetic traces: attention layers of any size whose pruning statistics are asked for.
namespace attohm {

/// What to generate. Every fraction lies between 0 and 1.
struct SynthSpec {
    std::string name = "synthetic";
    int layers = 1;
    int heads = 1;
    int kv_heads = 0;  ///< 0 = heads
    int tokens = 0;    ///< per sample, padding included
    int head_dim = 64;
    int v_head_dim = 0;  ///< 0 = head_dim
    bool causal = false;
    int class_tokens = 0;  ///< of the tokens, in front; says what they are, not how they are drawn
    double kept = 0.25;    ///< of the valid pairs, those with scale * q.k >= threshold
    /// Keys kept now and not at the query before, over the keys the query may see, mean over
    /// queries 1.. of /samples. Nothing: neighbouring queries get a correlation of 0.9 instead.
    std::optional<double> new_keys;
    double padding = 0.0;  ///< of the tokens
    int samples = 2;
    int calibration = 1;
    std::uint64_t seed = 1;
    StoredAs tensors = StoredAs::float32;
};

/// What came out, counted on the scores of /samples as they are stored.
struct SynthReport {
    double kept = 0.0;
    double new_keys = 0.0;
    double padding = 0.0;
    std::int64_t valid_pairs = 0;  ///< over samples, layers and query heads
};

/// The sizes of a published model: bert-base-384, bert-base-4096, deit-t, deit-s, deit-b,
/// gpt2-l-1024, flat-bert, flat-trxl, flat-xlm, flat-t5. Throws: UserError naming the known shapes.
SynthSpec synth_shape(const std::string& name);
std::vector<std::string> synth_shape_names();

/// Writes a trace whose kept fraction, new keys and padding are those of the specification, each
/// within 2 % (relative) over /samples. One threshold per layer and query head.
///
/// Model: keys are Gaussian vectors with log-normal lengths around a common shift; the queries of a
/// head are a first-order autoregressive Gaussian process along the tokens plus a fixed direction,
/// so that scores are near-Gaussian with heavier tails and some keys are liked by all queries. Each
/// head has its own score spread, share of the fixed direction and shift. The correlation of
/// neighbouring queries is solved per head on the realised counts; the threshold is the realised
/// quantile, in the widest gap between neighbouring scores near it. v is Gaussian; out is exact
/// attention. The same specification gives the same tensors for any number of threads.
///
/// Not modelled: kept keys clustered around the query's own position, attention sinks, any relation
/// between layers, heads or v and the scores.
/// Throws: UserError for sizes or fractions out of range, and for new keys or padding that no trace
/// of
///   this size can have (naming the range).
SynthReport write_synthetic_trace(const SynthSpec& spec, const std::string& path);

}  // namespace attohm
