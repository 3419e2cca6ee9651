#pragma once

#include "src/schemes/digital_work.hpp"
#include "src/schemes/registry.hpp"

/// EcoFormer: queries and keys become codes of b signs by a kernelised hash; attention is linear in
/// their inner products, which need additions only.
/// Source: NeurIPS 2022, arXiv 2209.09004; ziplab/EcoFormer
/// pvt/performer.py, pvt/hashing/ksh.py, pvt/get_energy.py.
namespace attohm {

enum class EcoformerHash : std::uint8_t {
    trace,  ///< the learned one, of one projection that queries and keys share
    random  ///< signs of random projections, of queries and of keys
};
/// What is added to the codes' product so that no similarity is negative, beta = b + 1.
enum class EcoformerBias : std::uint8_t {
    released,  ///< beta v_i, as the published code does and its weights were trained
    exact      ///< beta sum_j v_j, what the denominator stands for
};

struct EcoformerSettings {
    EcoformerHash hash = EcoformerHash::trace;
    std::uint64_t hash_seed = 0;
    EcoformerBias bias = EcoformerBias::released;
    int anchors = 0;                ///< m
    int code_bits = 0;              ///< b
    std::vector<int> exact_layers;  ///< that keep softmax attention
    int operand_bits = 0;

    bool shared() const { return hash == EcoformerHash::trace; }
    bool keeps_softmax(int layer) const;
};
EcoformerSettings load_ecoformer_settings(const Settings& settings);

/// The learned hash of one head.
struct KernelHash {
    MatrixView<const float> anchors;  ///< [m, d]
    std::span<const float> mean;      ///< [m]
    MatrixView<const float> a;        ///< [b, m]
};

/// Codes [n, b] of the first n rows: signs of kappa A^T, kappa = exp(-D2 / 2 sigma) - mean, D2 the
/// squared distances of x / |x| from the anchors, sigma their mean over these tokens and anchors.
/// sign(0) = 0; a row of zeros stays where it is. In double.
Matrix<float> kernel_codes(MatrixView<const float> x, std::size_t n, const KernelHash& hash);

/// Codes [n, b] of the first n rows: signs of x R. Args: projections: R [d, b]. In double.
Matrix<float> projection_codes(MatrixView<const float> x, std::size_t n,
                               MatrixView<const float> projections);
/// R of one head: standard normal, from the seed, layer and head alone.
Matrix<float> random_projections(std::uint64_t seed, int layer, int head, std::size_t d, int bits);

/// out_i = (B_i (B'^T V) + beta v_i or beta sum_j v_j) / (B_i sum_j B'_j + beta N), beta = b + 1.
/// Time and memory linear in the tokens. Sums of codes in double, the others in float32.
/// Args: q_codes: [valid_q, b]; k_codes: [valid_k, b]; out: [n_q, dv], padded rows become 0.
void code_attention(const AttentionHead& head, const Matrix<float>& q_codes,
                    const Matrix<float>& k_codes, EcoformerBias bias, MatrixView<float> out);

class EcoformerScheme final : public Scheme {
  public:
    /// Throws: UserError for a causal model.
    EcoformerScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "ecoformer"; }

    /// Throws: UserError for causal, masked or biased heads, where the trace lacks the hash of this
    /// layer, where queries and keys differ under a learned hash, and where the released bias has
    /// no value of the query's own token.
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;
    bool shape_work(const HeadShape& shape, SampleContext& context) const override;
    /// Shared queries and keys are projected once.
    void linear_shapes(int layer, int heads, std::vector<LinearShape>& shapes) const override;

  private:
    AllPairsRule rule() const;
    void require_own_value(int layer, int queries, int keys) const;
    void require_shared(const AttentionHead& head) const;
    void head_attention(const AttentionHead& head, MatrixView<float> out) const;
    void record(const HeadShape& shape, SampleContext& context) const;

    const ModelInfo model_;
    const std::string trace_path_;
    const ExtraWeights extra_;
    const EcoformerSettings settings_;
};

/// What the hardware does. Hash (stage selection): learned "norm", "D2", "sigma", "kappa scale",
/// "kappa exp", "kappa centre", "project", "sign", once for both; random "project", "sign" of
/// queries and of keys. Attention: "B V", "B sum", "B B V", "B B sum" are additions; "V sum" of the
/// exact form; "beta v", "add bias", "add N", "Z". Empty for a head without queries or keys.
OpList ecoformer_ops(const HeadShape& shape, const EcoformerSettings& settings);

SchemeEntry ecoformer_entry();

}  // namespace attohm
