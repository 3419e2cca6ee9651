#pragma once

#include "src/schemes/registry.hpp"
#include "src/schemes/salo_keys.hpp"

/// SALO: softmax attention over a sliding window, a dilated window and global tokens, on an array
/// whose elements keep the offset between query and key.
/// Source: DAC 2022, arXiv 2206.14550; facts from github.com/sjtu-zhao-lab/SALO at 07252a8.
namespace attohm {

enum class SaloArithmetic {
    real,  ///< float32, exponential in base e
    fixed  ///< the elements' fixed point, exponential in base 2
};

struct SaloSettings {
    SaloPattern pattern;
    SaloArithmetic arithmetic = SaloArithmetic::real;
    int columns = 0;  ///< keys of one pass; longer rows are merged
    int operand_bits = 0;
};
SaloSettings load_salo_settings(const Settings& settings);

class SaloScheme final : public Scheme {
  public:
    SaloScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "salo"; }

    /// Throws: UserError for a layer with a bias; in fixed point for one of which the width is not
    /// 64 or the scale not 1/8, as the elements scale by a shift of three bits.
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;
    /// Windows are fixed, so shapes are enough. Throws: UserError where the trace forbids pairs
    /// that the windows want.
    bool shape_work(const HeadShape& shape, SampleContext& context) const override;

  private:
    void require_head(const AttentionHead& head) const;
    void head_attention(const AttentionHead& head, MatrixView<float> out,
                        SampleContext& context) const;

    const std::string trace_path_;
    const SaloSettings settings_;
};

/// Scores, softmax and weighted sums of the pairs in windows ("L window"), with global keys
/// ("L global keys") and of global queries ("L global queries"), and the merging of the passes that
/// a row takes ("merge"). Empty for a head without queries or keys.
OpList salo_ops(const SaloSettings& settings, const HeadShape& shape);

SchemeEntry salo_entry();

}  // namespace attohm
