#pragma once

#include <vector>

#include "src/schemes/registry.hpp"
#include "src/schemes/threshold_settings.hpp"
#include "src/schemes/vitcod_masks.hpp"

/// ViTCoD: softmax attention over a fixed mask per layer and head, split into global keys (dense
/// columns) and a sparse rest; queries and keys travel compressed across the heads.
/// Source: HPCA 2023, arXiv 2210.09573; facts from github.com/GATECH-EIC/ViTCoD.
namespace attohm {

enum class VitcodCodec {
    none,     ///< queries and keys travel as they are
    lossless  ///< they travel compressed; the numbers are as if nothing were lost
};

struct VitcodSettings {
    bool masks_of_trace = true;
    double mass = 0.0;  ///< of masks derived from the average attention
    double global_share = 0.0;
    VitcodCodec codec = VitcodCodec::none;
    int operand_bits = 0;
    KeepSettings keep;
};
VitcodSettings load_vitcod_settings(const Settings& settings);

/// Heads that queries and keys of `heads` heads are compressed to: half of them, rounded up.
constexpr int vitcod_code_heads(int heads) {
    return (heads + 1) / 2;
}

/// What a mask leaves of a head.
struct VitcodPattern {
    std::int64_t globals = 0;     ///< keys, among the valid ones
    std::int64_t rest_pairs = 0;  ///< kept pairs of the other keys
};

class VitcodScheme final : public Scheme {
  public:
    /// Throws: UserError when the masks shall come from the trace and it has none.
    VitcodScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "vitcod"; }

    void calibrate(int layer, int head, std::span<const AttentionHead> samples) override;
    /// Throws: UserError for a head with other tokens than its mask, or with a bias.
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;
    /// The mask is fixed, so shapes are enough where it comes from the trace.
    bool shape_work(const HeadShape& shape, SampleContext& context) const override;

  private:
    MatrixView<const std::uint8_t> mask_of(int layer, int head) const;
    std::size_t ordinal(int layer, int head) const;
    void require_tokens(int layer, const HeadShape& shape, std::size_t tokens) const;
    void head_attention(const AttentionHead& head, MatrixView<float> out,
                        SampleContext& context) const;
    HeadWork work_of(const HeadShape& shape, const Selection& kept,
                     MatrixView<const std::uint8_t> mask) const;

    const SchemeInputs inputs_;
    const VitcodSettings settings_;
    /// By layer and head: from the average attention of the calibration samples.
    std::vector<Matrix<std::uint8_t>> derived_;
};

/// "decode q", "decode k" (where they travel compressed), "L global" over dense columns, "L rest"
/// over listed pairs, "softmax", "A". Empty for a head without queries or keys.
/// Args: code_heads: of `heads`; 0: queries and keys travel as they are.
OpList vitcod_ops(const HeadShape& shape, const VitcodPattern& pattern, int code_heads, int heads,
                  int bits);

SchemeEntry vitcod_entry();

}  // namespace attohm
