#pragma once

#include <optional>
#include <vector>

#include "src/schemes/selection_scheme.hpp"

/// A3: a greedy search over keys sorted by column finds candidates, whose exact scores then face a
/// threshold below the row's largest.
/// Source: HPCA 2020 (mechanism recalled).
namespace attohm {

struct A3Settings {
    std::optional<double>
        iterations;                ///< of a query, as a fraction of its keys; nothing: no search
    double smallest_weight = 0.0;  ///< of the largest of the row
    int operand_bits = 0;
};
A3Settings load_a3_settings(const Settings& settings);

/// Keys of a head by column in ascending order; ties: the lower key first.
class SortedKeys {
  public:
    explicit SortedKeys(const AttentionHead& head);
    std::size_t keys() const { return order_.cols(); }
    std::size_t columns() const { return order_.rows(); }
    /// [keys] of a column.
    const std::uint32_t* order(std::size_t column) const { return order_.row(column); }
    const float* values(std::size_t column) const { return values_.row(column); }

  private:
    Matrix<std::uint32_t> order_;  ///< [d, valid_k]
    Matrix<float> values_;         ///< [d, valid_k]
};

/// One query at a time: of all products q_i k_ji, the largest and the smallest not yet taken, again
/// and again; positive ones of the largest and negative ones of the smallest add to the key.
/// Taking one after another from the ends of sorted columns takes the largest there are: all above
/// the last of them, which is found among those above a guess that is sure not to be too high.
class GreedySearch {
  public:
    GreedySearch(const AttentionHead& head, const SortedKeys& sorted)
        : head_(head), sorted_(sorted) {}
    /// greedy[j] after so many iterations, of all valid keys; what is forbidden costs as much.
    void run(std::size_t query, std::int64_t iterations, std::span<double> greedy);

  private:
    struct Product {
        double value;  ///< times the sign
        std::uint32_t key;
    };
    void take(std::size_t query, std::size_t count, double sign, std::span<double> greedy);
    void collect(std::size_t query, double sign, double least);
    double sure_guess(std::size_t query, std::size_t count, double sign);

    const AttentionHead& head_;
    const SortedKeys& sorted_;
    std::vector<Product> found_;  ///< positive, by column, largest first
    std::vector<double> ranked_;
    double guess_ = 0.0;  ///< the last one taken of the last query, of a q of length 1
};

class A3Scheme final : public SelectionScheme {
  public:
    A3Scheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "a3"; }

  private:
    void head_attention(const AttentionHead& head, MatrixView<float> out,
                        SampleContext& context) const override;

    const A3Settings settings_;
};

/// What a search found.
struct A3Counts {
    std::int64_t iterations = 0;  ///< of one query; 0: no search
    std::int64_t candidates = 0;  ///< pairs
    std::int64_t scored = 0;      ///< pairs whose exact score was computed
    std::int64_t kept_pairs = 0;
};

/// "sort keys", "products", "queues", "greedy", "candidates", "pack candidates" (left out where
/// there is no search), "L" over candidates, "post", "pack" (Stage::selection), then "softmax" and
/// "A" over kept pairs. Empty for a head without queries or keys.
OpList a3_ops(const HeadShape& shape, int operand_bits, const A3Counts& counts);

SchemeEntry a3_entry();

}  // namespace attohm
