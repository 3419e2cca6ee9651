#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "src/work/work.hpp"
#include "workloads/trace.hpp"

/// The hook interface that schemes implement. The forward pass calls every hook; each is exact by
/// default. A scheme is immutable after `prepare` and `calibrate`, and is used from many threads;
/// all that changes while a sample runs lives in the SampleContext.
namespace attohm {

/// Counts of decisions over valid pairs. FP = kept by the reference, pruned by the candidate.
struct DecisionCounts {
    std::int64_t valid = 0;       ///< pairs that mask, causality and padding allow
    std::int64_t ref_kept = 0;    ///< kept by `threshold` (float scores)
    std::int64_t quant_kept = 0;  ///< kept by `threshold-q` (integer codes)
    std::int64_t hw_kept = 0;     ///< kept by the comparators (before the empty-row rule)
    std::int64_t fp_total = 0, fk_total = 0;    ///< hardware against `threshold`
    std::int64_t fp_quant = 0, fk_quant = 0;    ///< `threshold-q` against `threshold`
    std::int64_t fp_analog = 0, fk_analog = 0;  ///< hardware against `threshold-q`
    double fp_expected = 0.0,
           fk_expected = 0.0;        ///< sum of P over the read draws, against `threshold`
    double decision_variance = 0.0;  ///< sum p(1-p) over valid pairs
};

/// Histogram of (score - threshold) / sigma, sigma = standard deviation of the scaled score of this
/// layer and head over the calibration samples. Equal bins over [-kEyeRange, kEyeRange], ends open.
struct ScoreEye {
    static constexpr int kBins = 80;
    static constexpr double kRange = 4.0;
    std::vector<std::int64_t> kept = std::vector<std::int64_t>(kBins, 0);
    std::vector<std::int64_t> pruned = std::vector<std::int64_t>(kBins, 0);
    std::vector<std::int64_t> false_prune = std::vector<std::int64_t>(kBins, 0);
    std::vector<std::int64_t> false_keep = std::vector<std::int64_t>(kBins, 0);
};

/// Rare but legal events, counted per head.
struct HeadEvents {
    std::int64_t q_clipped = 0, k_clipped = 0, v_clipped = 0;  ///< 8-bit codes out of range
    std::int64_t q_low_clipped = 0;        ///< codes of the word-line copy of q out of range
    std::int64_t threshold_clamped = 0;    ///< thresholds outside the DAC's range
    std::int64_t sense_clipped = 0;        ///< outputs beyond the sense full scale
    std::int64_t column_clipped = 0;       ///< physical column currents beyond sense.i_max_A
    std::int64_t conductance_floored = 0;  ///< programming draws below the floor
    std::int64_t cells = 0;                ///< cells written, the base of the two rates
    std::int64_t stuck_cells = 0;
    std::int64_t level_errors = 0;  ///< K MSBs sensed as another level than written
    std::int64_t borderline = 0;    ///< |score - threshold| <= 1e-5 |q||k| scale
};

/// What a scheme reports of one head.
struct HeadReport {
    int sample = 0;
    int layer = 0;
    int head = 0;
    DecisionCounts decisions;
    HeadEvents events;
    ScoreEye eye;
    std::int64_t rows = 0;            ///< valid queries
    std::int64_t empty_rows = 0;      ///< rows the comparators (or the threshold) left empty
    std::int64_t top1_lost = 0;       ///< rows whose exact top-1 key was falsely pruned
    std::int64_t kept_pairs = 0;      ///< after the empty-row rule
    double mass_dropped = 0.0;        ///< sum over rows of the exact softmax mass of pruned keys
    double offset_sigma_score = 0.0;  ///< 1 sigma of comparator offset in units of the scaled score
    double offset_sigma_V = 0.0;
    double volts_per_score = 0.0;  ///< volts at the comparator per unit of the scaled score
    double threshold = 0.0;        ///< in scaled-score units, margin included
    double lsb_score = 0.0;        ///< one integer score step in units of the scaled score
    double noise_sigma_score =
        0.0;                   ///< rms random read noise at the comparator, scaled-score units
    double score_sigma = 0.0;  ///< sigma of the eye
};

/// Everything that changes while one sample runs. One per sample and thread.
struct SampleContext {
    int sample = 0;  ///< ordinal in the file: part of every random key
    bool calibration = false;
    Work work;
    std::vector<HeadReport> reports;
    SelectionSink* selections = nullptr;  ///< null: nobody asked
};

/// Which tokens go on into a block.
struct TokenStep {
    Matrix<float> x;       ///< [N', W]
    std::vector<int> ids;  ///< original token of each row; -1 - p for package p
};

struct SparseMatrix;

class Scheme {
  public:
    virtual ~Scheme() = default;
    virtual std::string_view name() const = 0;

    /// Once, before anything else; may quantise, decompose or mask weights.
    /// `weights` is null for open-loop traces.
    virtual std::shared_ptr<const Weights> prepare(const ModelInfo&,
                                                   std::shared_ptr<const Weights> weights) {
        return weights;
    }
    /// Once per (layer, head), layers in order, with the same head of every calibration sample.
    virtual void calibrate(int /*layer*/, int /*head*/, std::span<const AttentionHead>) {}

    /// Before a block: which tokens go on. Returns false when all do (nothing is copied).
    virtual bool tokens(int /*layer*/, MatrixView<const float> /*x*/, std::span<const int> /*ids*/,
                        SampleContext&, TokenStep& /*next*/) const {
        return false;
    }
    /// A linear layer of the network ("q", "k", "v", "o", "up", "gate", "down", "patch", "head"),
    /// y = x w^T + b, bias included. "patch" comes with layer -1, "head" with the number of layers.
    /// Returns false for the exact product.
    virtual bool linear(int /*layer*/, std::string_view /*name*/, const LinearWeights&,
                        MatrixView<const float> /*x*/, MatrixView<float> /*y*/,
                        SampleContext&) const {
        return false;
    }
    /// The attention of one layer: out[h] for every head, heads in any order.
    /// out: [n_q, heads.size() * dv], heads[i] in columns i*dv .. (i+1)*dv. Padded rows are set to
    /// 0.
    virtual void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                           SampleContext&) const;
    /// A whole block replaced. Returns false when the block runs as usual.
    virtual bool block(int /*layer*/, MatrixView<float> /*x*/, SampleContext&) const {
        return false;
    }
    /// A graph layer y = A x (see graph.hpp). Returns false for the exact product.
    virtual bool graph(int /*layer*/, const SparseMatrix& /*a*/, MatrixView<const float> /*x*/,
                       MatrixView<float> /*y*/, SampleContext&) const {
        return false;
    }
};

/// Exact softmax attention of one head in float32: out = softmax(scale q.k^T + bias) v over the
/// keys that mask, causality and padding allow; a row with no allowed key and padded rows are 0.
/// Args: head: views [n_q,d], [n_k,d], [n_k,dv]; out: [n_q,dv], any stride.
void exact_attention(const AttentionHead& head, MatrixView<float> out);

}  // namespace attohm
