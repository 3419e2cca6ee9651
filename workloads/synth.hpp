#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "workloads/synth_shapes.hpp"
#include "workloads/trace_writer.hpp"

/// Synthetic traces: layers of any size, attention with the score statistics that are asked for.
namespace attohm {

/// How many of the tokens of each sample are real.
struct Lengths {
    enum class Kind : std::uint8_t { fixed, uniform, normal, list };
    Kind kind = Kind::fixed;
    /// Half width (uniform) or standard deviation (normal), over the tokens.
    /// Nothing: the widest uniform one; 0.1 for the normal one.
    std::optional<double> spread;
    std::vector<int> list;  ///< of the samples in turn, from the first again at the end
};

/// What to generate. Every fraction lies between 0 and 1.
struct SynthSpec {
    std::string name = "synthetic";
    std::string family = "other";
    int layers = 1;
    int heads = 1;
    int kv_heads = 0;  ///< 0 = heads
    int tokens = 0;    ///< per sample, padding included
    int head_dim = 64;
    int v_head_dim = 0;  ///< 0 = head_dim
    bool causal = false;
    KeyPattern pattern;
    int width = 0;         ///< of the tokens; 0: heads * head_dim
    int hidden = 0;        ///< of the MLP; 0: not said
    int class_tokens = 0;  ///< of the tokens, in front; says what they are, not how they are drawn
    /// Layers of several sizes or kinds; where given, they stand for layers ... hidden above.
    std::vector<LayerShape> shapes;

    double kept = 0.25;  ///< of the valid pairs, those with scale * q.k >= threshold
    /// Keys kept now and not at the query before, over the keys the query may see, mean over
    /// queries 1.. of /samples. Nothing: neighbouring queries get a correlation of 0.9 instead.
    std::optional<double> new_keys;
    /// Row concentration: effective keys 1 / sum p^2 of the exact softmax row (its participation
    /// ratio) over the keys the query may see, mean over queries.
    std::optional<double> effective_keys;
    /// Of the kept pairs, those at most `local_reach` from the query's own position.
    std::optional<double> local_share;
    int local_reach = 16;
    /// Mass of the exact softmax on the first `sinks` tokens, mean over queries.
    std::optional<double> sink_mass;
    int sinks = 1;
    double padding = 0.0;  ///< of the tokens
    Lengths lengths;

    /// Of graph layers; of x of linear, conv2d and graph layers what is not zero.
    double exponent = 2.5;
    double density = 1.0;

    int samples = 2;
    int calibration = 1;
    std::uint64_t seed = 1;
    StoredAs tensors = StoredAs::float32;
    bool shape_only = false;  ///< sizes, no tensors: the statistics above say nothing then
};

/// What came out, counted on the tensors of /samples as they are stored. Means over queries are
/// taken per head and layer, then over those.
struct SynthReport {
    double kept = 0.0;
    double new_keys = 0.0;
    double effective_keys = 0.0;
    double local_share = 0.0;
    double sink_mass = 0.0;
    double padding = 0.0;
    std::int64_t valid_pairs = 0;  ///< over samples, layers and query heads
    std::int64_t macs = 0;         ///< of one sample without padding, of the layers themselves
    std::vector<int> lengths;      ///< of /samples; empty where nothing is padded
};

/// The specification of a named shape (see synth_shapes.hpp); statistics are left as they are
/// above. Throws: UserError naming the known shapes.
SynthSpec synth_shape(const std::string& name);

/// All layers of a specification, with everything filled in. Throws: UserError for sizes out of
/// range.
std::vector<LayerShape> layers_of(const SynthSpec& spec);

/// Writes a trace with the asked statistics, each within 2 % (relative) over /samples. One
/// threshold per layer and query head.
///
/// Model: keys are Gaussian vectors with log-normal lengths around a common shift; the queries of a
/// head are a first-order autoregressive Gaussian process along the tokens plus a fixed direction,
/// so that scores are near-Gaussian with heavier tails and some keys are liked by all queries. Each
/// head has its own score spread, share of the fixed direction and shift. Where locality is asked
/// for, a part of the dimensions holds waves of the position, whose products form a bump of width
/// `local_reach` around the query's own place; where sinks are, another part holds a direction that
/// the first keys share and all queries point along. Solved per head on realised counts:
/// correlation of neighbouring queries (new keys), height of the bump (locality), spread of the
/// scores (concentration) and height of the sinks; the threshold is the realised quantile, in the
/// widest gap between neighbouring scores near it. v is Gaussian; out is exact attention. The same
/// specification gives the same tensors for any number of threads.
///
/// Not modelled: places on a grid (locality runs along the tokens), sinks or clusters elsewhere,
/// any relation between layers, heads or v and the scores; bias tensors.
/// Throws: UserError for sizes or fractions out of range, and for statistics that no trace of this
/// size can have, alone or together (naming what can be had).
SynthReport write_synthetic_trace(const SynthSpec& spec, const std::string& path);

}  // namespace attohm
