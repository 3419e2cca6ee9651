#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "src/base/matrix.hpp"
#include "src/base/random.hpp"
#include "workloads/synth.hpp"

/// One head of a synthetic trace: its content for given settings of its process, and the search for
/// the settings and the threshold that give what was asked.
namespace attohm {

/// Where a head stands, and in which sample and window.
struct SynthPlace {
    int layer = 0;  ///< ordinal among the attention layers
    int head = 0;
    int kv_head = 0;
    int sample = 0;
    bool calibration = false;
    int window = 0;
};

/// What the search of one head settles; the content of every sample follows from it and the seed.
struct QueryProcess {
    double fixed_share = 0.0;  ///< of the variance of q that all queries of a head have in common
    double correlation = 0.0;  ///< between the other parts of neighbouring queries
    double bump = 0.0;         ///< height around the own position, over the head's score spread
    double gain = 1.0;         ///< on the head's score spread
    double sink = 0.0;         ///< added to the scaled score of a sink
};

/// The position, in keys, at which a query stands.
double query_position(const AttentionSize& size, int query);

/// The tensors of a head, drawn from keyed streams; rounded to float16 where the trace stores that.
class SynthContent {
  public:
    SynthContent(const SynthSpec& spec, const AttentionSize& size);

    /// The head's own inclination to a fixed direction, before anything was asked.
    double fixed_share(const SynthPlace& place) const;
    /// q [n_q, d].
    void queries(const SynthPlace& place, const QueryProcess& process, MatrixView<float> q) const;
    /// k [n_k, d], v [n_k, dv] of the kv head.
    void keys(const SynthPlace& place, MatrixView<float> k) const;
    void values(const SynthPlace& place, MatrixView<float> v) const;

  private:
    enum class Part : std::uint64_t { style, query, query_direction, key, key_shift, value, waves };
    Stream stream(Part part, int layer, int head) const;
    Stream sample_stream(Part part, int head, const SynthPlace& place) const;
    void store(MatrixView<float> x) const;
    double spread(const SynthPlace& place) const;
    void local_queries(const SynthPlace& place, double height, MatrixView<float> q) const;
    std::vector<double> frequencies(const SynthPlace& place) const;

    const SynthSpec* spec_;
    AttentionSize size_;
    std::size_t waves_ = 0;      ///< pairs of dimensions that hold the position
    std::size_t sink_dims_ = 0;  ///< dimensions that hold sinks, the last ones
    std::size_t content_ = 0;    ///< dimensions of the rest, the first ones
};

/// What one head is to have over all samples.
struct SynthTarget {
    std::int64_t kept = 0;           ///< pairs
    std::optional<double> new_keys;  ///< mean over queries
    double first_angle = 0.0;        ///< where the search starts: arc cosine of the correlation
    std::vector<int> valid;          ///< real tokens of every sample
};

/// What it got.
struct SynthHead {
    QueryProcess process;
    float threshold = 0.0F;
    std::int64_t kept = 0;
    double new_keys = 0.0;
    double local_share = 0.0;
    double effective_keys = 0.0;
    double sink_mass = 0.0;
    double local_low = 0.0, local_high = 1.0;  ///< what the search saw at either end
};

SynthHead solve_head(const SynthSpec& spec, const AttentionSize& size, const SynthPlace& place,
                     const SynthTarget& target);

/// New keys per valid key of a stationary Gaussian score process: P(now >= h, before < h), with h
/// the quantile of the kept fraction and cos(angle) the correlation of neighbours. Exact: integral
/// over 0..angle of exp(-h^2 / (1 + cos phi)) / (2 pi) dphi. Source: derivative of the bivariate
/// normal distribution in its correlation, Plackett, Biometrika 41 (1954) 351,
/// doi:10.1093/biomet/41.3-4.351.
double gaussian_new_keys(double kept, double angle);

/// The angle at which `gaussian_new_keys` gives `new_keys`; pi where it gives less.
double gaussian_angle(double kept, double new_keys);

}  // namespace attohm
