#pragma once

#include "src/base/settings.hpp"
#include "src/work/op_builder.hpp"
#include "src/work/work.hpp"
#include "workloads/scheme.hpp"

/// What schemes on digital units share.
namespace attohm {

/// Work of one head on digital units. Args: kept_pairs: (query, key) pairs that were computed.
HeadWork digital_work(const HeadShape& shape, OpList ops, int bits, std::int64_t kept_pairs);

/// Hands the Work of a head that selects nothing to whoever asked, and keeps it.
void file_work(HeadWork work, SampleContext& context);

/// Operand width under `key`. Throws: UserError outside 2..32.
int load_operand_bits(const Settings& settings, std::string_view key);

/// What a scheme computes that needs every valid pair, for the messages of its refusals.
struct AllPairsRule {
    std::string_view scheme;
    std::string_view method;  ///< "the linear form that sums over all keys"
    std::string_view trace_path;

    /// Throws: UserError naming scheme and layer. Args: what: "a mask".
    [[noreturn]] void refuse(int layer, std::string_view what) const;
    /// Throws: UserError where the head is causal, masked or biased.
    void require(const AttentionHead& head) const;
    /// Throws: UserError where some pairs of valid tokens are not allowed.
    void require(const HeadShape& shape) const;
    /// Throws: UserError for a causal model.
    void require(const ModelInfo& model) const;
};

/// Sums over the first `rows` rows, column by column, in double. Args: absolute: of |x|.
std::vector<double> column_sums(MatrixView<const float> x, std::size_t rows, bool absolute = false);

/// Shape of the sum over `rows` tokens of each of `columns` columns. It never has one row of the
/// operator per query: no plan may cut by queries what needs them all.
OpShape token_sums(std::int64_t columns, std::int64_t rows);

/// Sets the padded rows of a head to 0.
void clear_padding(const AttentionHead& head, MatrixView<float> out);

}  // namespace attohm
