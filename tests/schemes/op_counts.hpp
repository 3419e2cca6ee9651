#pragma once

#include <string>
#include <vector>

#include "src/work/operators.hpp"
#include "src/work/selection.hpp"

/// Sums over operator lists, for comparison with the closed forms of papers.
namespace attohm {

/// Dense count of all operators of a kind (of one stage where given).
inline std::int64_t dense_sum(const OpList& list, OpKind kind, Stage stage = Stage::count_) {
    std::int64_t sum = 0;
    for (const Operator& op : list.ops)
        if (op.kind == kind && (stage == Stage::count_ || op.stage == stage))
            sum += op.dense_count();
    return sum;
}

/// The operators of a name, in order.
inline std::vector<Operator> named(const OpList& list, std::string_view name) {
    std::vector<Operator> found;
    for (const Operator& op : list.ops)
        if (op.name == name) found.push_back(op);
    return found;
}

inline std::vector<std::string> names_of(const OpList& list) {
    std::vector<std::string> names;
    for (const Operator& op : list.ops) names.emplace_back(op.name);
    return names;
}

inline HeadShape square_shape(int n, int d, int dv) {
    HeadShape shape;
    shape.n_q = shape.n_k = shape.valid_q = shape.valid_k = n;
    shape.d = d;
    shape.dv = dv;
    shape.allowed_pairs = static_cast<std::int64_t>(n) * n;
    return shape;
}

}  // namespace attohm
