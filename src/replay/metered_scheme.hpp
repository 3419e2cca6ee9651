#pragma once

#include <map>
#include <vector>

#include "src/replay/result.hpp"
#include "src/work/linear_work.hpp"
#include "workloads/scheme.hpp"

/// A scheme with a meter on its attention: every hook goes through, and each head's output is
/// compared with exact attention (and with a threshold reference) on the same q, k, v.
namespace attohm {

struct HeadFidelity {
    int layer = 0;
    int head = 0;
    Fidelity to_exact;
    std::optional<Fidelity> to_threshold;
};

/// Adds the rows 0 .. rows-1 of `out` against `reference`.
void add_fidelity(MatrixView<const float> out, MatrixView<const float> reference, std::size_t rows,
                  Fidelity& fidelity);

/// One per sample and thread. Throws what the inner scheme throws.
class MeteredScheme final : public Scheme {
  public:
    /// Args: threshold: the `threshold` scheme under the same settings, or null; compare: whether
    /// outputs are compared at all.
    MeteredScheme(const Scheme& inner, const Scheme* threshold, bool compare = true)
        : inner_(inner), threshold_(threshold), compare_(compare) {}

    std::string_view name() const override { return inner_.name(); }
    bool tokens(int layer, MatrixView<const float> x, std::span<const int> ids,
                SampleContext& context, TokenStep& next) const override {
        return inner_.tokens(layer, x, ids, context, next);
    }
    bool linear(int layer, std::string_view name, const LinearWeights& weights,
                MatrixView<const float> x, MatrixView<float> y,
                SampleContext& context) const override {
        linears_[layer].push_back({std::string(name), static_cast<std::int64_t>(x.rows),
                                   static_cast<std::int64_t>(x.cols),
                                   static_cast<std::int64_t>(y.cols)});
        return inner_.linear(layer, name, weights, x, y, context);
    }
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;
    bool block(int layer, MatrixView<float> x, SampleContext& context) const override {
        return inner_.block(layer, x, context);
    }
    bool graph(int layer, const SparseMatrix& a, MatrixView<const float> x, MatrixView<float> y,
               SampleContext& context) const override {
        return inner_.graph(layer, a, x, y, context);
    }

    /// Heads in the order in which they ran.
    const std::vector<HeadFidelity>& fidelity() const { return fidelity_; }
    /// Linear operators that the network ran, by layer ("patch": -1, "head": number of layers).
    const std::map<int, std::vector<LinearShape>>& linears() const { return linears_; }

  private:
    const Scheme& inner_;
    const Scheme* threshold_;
    bool compare_;
    mutable std::vector<HeadFidelity> fidelity_;
    mutable std::map<int, std::vector<LinearShape>> linears_;
};

}  // namespace attohm
