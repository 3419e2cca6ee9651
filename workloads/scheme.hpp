#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/work/linear_work.hpp"
#include "src/work/work.hpp"
#include "workloads/head_report.hpp"
#include "workloads/trace.hpp"

/// The hook interface that schemes implement. The forward pass calls every hook; each is exact by
/// default. A scheme is immutable after `prepare` and `calibrate`, and is used from many threads;
/// all that changes while a sample runs lives in the SampleContext.
namespace attohm {

/// What a scheme carries from layer to layer of one sample; only the scheme that made it reads it.
struct SampleState {
    virtual ~SampleState() = default;
};

/// Everything that changes while one sample runs. One per sample and thread.
struct SampleContext {
    int sample = 0;  ///< ordinal in the file: part of every random key
    bool calibration = false;
    Work work;
    std::vector<HeadReport> reports;
    SelectionSink* selections = nullptr;  ///< null: nobody asked
    /// Made by a scheme in the first layer of a closed loop; open loop has one context per head.
    std::shared_ptr<SampleState> state;
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
    /// A linear layer of the network ("q", "k", "v", "o", "up", "gate", "down", "patch", "pooler",
    /// "head"), y = x w^T + b, bias included. "patch" comes with layer -1, "pooler" and "head" with
    /// the number of layers.
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
    /// The Work of a head of which only the shape is known, handed over as `attention` does.
    /// Returns false where decisions depend on values, so that there is none.
    virtual bool shape_work(const HeadShape&, SampleContext&) const { return false; }
    /// The linear operators of a block as this scheme runs them, for what machines price: it may
    /// leave out or reshape those of the network ("q", "k", "v", "o", "up", "gate", "down").
    /// Args: heads: of the layer.
    virtual void linear_shapes(int /*layer*/, int /*heads*/,
                               std::vector<LinearShape>& /*shapes*/) const {}
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
