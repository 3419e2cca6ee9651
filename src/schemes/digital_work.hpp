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

/// Sets the padded rows of a head to 0.
void clear_padding(const AttentionHead& head, MatrixView<float> out);

}  // namespace attohm
