#include "src/machine/plans/row_tiles.hpp"

#include <algorithm>

#include "src/base/error.hpp"

namespace attohm {

RowCut::RowCut(const OpList& list, std::int64_t rows, std::span<const std::int64_t> kept_begin)
    : list_(list), rows_(rows), kept_begin_(kept_begin), of_rows_(list.tensors.size(), false) {
    ATTOHM_CHECK_LT(0, rows);
    if (!kept_begin.empty())
        ATTOHM_CHECK_EQ(static_cast<std::int64_t>(kept_begin.size()), rows + 1);
    classify();
}

void RowCut::classify() {
    for (std::size_t t = 0; t < list_.tensors.size(); ++t)
        of_rows_[t] = list_.tensors[t].from_memory && list_.tensors[t].role == TensorRole::q;
    for (const Operator& op : list_.ops) {
        const auto reads_rows = [&](TensorId id) {
            return id != kNoTensor && of_rows_[static_cast<std::size_t>(id)];
        };
        if (!std::any_of(op.inputs.begin(), op.inputs.end(), reads_rows)) continue;
        const TensorInfo& out = list_.tensors[static_cast<std::size_t>(op.output)];
        possible_ = possible_ && op.m == rows_;
        of_rows_[static_cast<std::size_t>(op.output)] = true;
        // A table that is added to every score has a row per query too.
        if (op.kind != OpKind::add && op.kind != OpKind::multiply) continue;
        for (const TensorId id : op.inputs) {
            if (id == kNoTensor) continue;
            const TensorInfo& in = list_.tensors[static_cast<std::size_t>(id)];
            if (in.from_memory && in.elements == out.elements)
                of_rows_[static_cast<std::size_t>(id)] = true;
        }
    }
    for (std::size_t t = 0; t < list_.tensors.size(); ++t)
        possible_ = possible_ && (!of_rows_[t] || list_.tensors[t].elements % rows_ == 0);
}

bool RowCut::is_sparse(const Operator& op) const {
    const auto sparse = [&](TensorId id) {
        if (id == kNoTensor) return false;
        const TensorInfo& tensor = list_.tensors[static_cast<std::size_t>(id)];
        return tensor.stored != tensor.elements;
    };
    return sparse(op.output) || std::any_of(op.inputs.begin(), op.inputs.end(), sparse);
}

std::int64_t RowCut::share(std::int64_t whole, RowRange range, bool sparse) const {
    const bool by_kept = sparse && !kept_begin_.empty() && kept_begin_.back() > 0;
    // Shares of neighbours end where the next begins, so that they add up.
    const auto before = [&](std::int64_t row) {
        const std::int64_t part = by_kept ? kept_begin_[static_cast<std::size_t>(row)] : row;
        const std::int64_t all = by_kept ? kept_begin_.back() : rows_;
        return whole / all * part + whole % all * part / all;
    };
    return before(range.to) - before(range.from);
}

OpList RowCut::tile(RowRange range) const {
    ATTOHM_CHECK(0 <= range.from && range.from < range.to && range.to <= rows_);
    if (range == RowRange{0, rows_}) return list_;
    ATTOHM_CHECK(possible_);
    OpList tile = list_;
    for (Operator& op : tile.ops) {
        if (of_head(op.output)) continue;
        op.nonzeros = share(op.nonzeros, range, is_sparse(op));
        op.m = range.rows();
    }
    for (std::size_t t = 0; t < tile.tensors.size(); ++t) {
        if (!of_rows_[t]) continue;
        TensorInfo& tensor = tile.tensors[t];
        const bool sparse = tensor.stored != tensor.elements;
        tensor.elements = share(tensor.elements, range, false);
        tensor.stored = sparse ? share(tensor.stored, range, true) : tensor.elements;
        tensor.index_bits = share(tensor.index_bits, range, sparse);
    }
    return tile;
}

PlacedList place_rows(const Engine& engine, const std::string& machine, const RowCut& cut,
                      RowRange range, bool loads_kv) {
    PlacedList placed = place(engine, machine, cut.tile(range), loads_kv);
    for (std::size_t t = 0; t < placed.list.tensors.size(); ++t)
        placed.of_head.push_back(cut.of_head(static_cast<TensorId>(t)));
    if (range.from == 0) return placed;
    for (std::size_t t = 0; t < placed.of_head.size(); ++t)
        if (placed.of_head[t]) placed.load_bits[t] = placed.store_bits[t] = 0;
    for (std::size_t i = 0; i < placed.ops.size(); ++i) {
        PlacedOp& op = placed.ops[i];
        if (!cut.of_head(placed.list.ops[i].output)) continue;
        op.cycles = op.operations = op.useful = op.rows = 0;
        std::fill(op.read_bits.begin(), op.read_bits.end(), 0);
        std::fill(op.write_bits.begin(), op.write_bits.end(), 0);
    }
    return placed;
}

}  // namespace attohm
