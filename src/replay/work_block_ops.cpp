#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/base/error.hpp"
#include "src/replay/work_block.hpp"

/// Operator lists of a block. Kinds, stages, roles and names are ordinals of texts in the file, so
/// that a file outlives the order of our lists.
namespace attohm {

namespace {

constexpr int kGzip = 4;
constexpr std::size_t kChunk = 1 << 16;

H5Layout compressed(std::size_t rows) {
    return rows == 0 ? H5Layout{} : H5Layout{{std::min(rows, kChunk)}, true, kGzip};
}

/// Operators and tensors of a list under their column names.
struct OpColumn {
    const char* name;
    const char* unit;
    const char* help;
    std::int64_t (*get)(const Operator&);
    void (*set)(Operator&, std::int64_t);
};
constexpr OpColumn kOpColumns[] = {
    {"kind", "1", "row of kinds",
     [](const Operator& o) { return static_cast<std::int64_t>(o.kind); }, nullptr},
    {"stage", "1", "row of stages",
     [](const Operator& o) { return static_cast<std::int64_t>(o.stage); }, nullptr},
    {"m", "1", "as its kind says", [](const Operator& o) { return o.m; },
     [](Operator& o, std::int64_t v) { o.m = v; }},
    {"n", "1", "as its kind says", [](const Operator& o) { return o.n; },
     [](Operator& o, std::int64_t v) { o.n = v; }},
    {"k", "1", "as its kind says", [](const Operator& o) { return o.k; },
     [](Operator& o, std::int64_t v) { o.k = v; }},
    {"nonzeros", "operation", "not known to be zero", [](const Operator& o) { return o.nonzeros; },
     [](Operator& o, std::int64_t v) { o.nonzeros = v; }},
    {"bits", "bit", "of the operands", [](const Operator& o) { return std::int64_t{o.bits}; },
     [](Operator& o, std::int64_t v) { o.bits = static_cast<int>(v); }},
    {"input0", "1", "tensor of its list, -1: none",
     [](const Operator& o) { return std::int64_t{o.inputs[0]}; },
     [](Operator& o, std::int64_t v) { o.inputs[0] = static_cast<TensorId>(v); }},
    {"input1", "1", "tensor of its list, -1: none",
     [](const Operator& o) { return std::int64_t{o.inputs[1]}; },
     [](Operator& o, std::int64_t v) { o.inputs[1] = static_cast<TensorId>(v); }},
    {"input2", "1", "tensor of its list, -1: none",
     [](const Operator& o) { return std::int64_t{o.inputs[2]}; },
     [](Operator& o, std::int64_t v) { o.inputs[2] = static_cast<TensorId>(v); }},
    {"output", "1", "tensor of its list", [](const Operator& o) { return std::int64_t{o.output}; },
     [](Operator& o, std::int64_t v) { o.output = static_cast<TensorId>(v); }},
};

struct TensorColumn {
    const char* name;
    const char* unit;
    const char* help;
    std::int64_t (*get)(const TensorInfo&);
    void (*set)(TensorInfo&, std::int64_t);
};
constexpr TensorColumn kTensorColumns[] = {
    {"role", "1", "row of roles",
     [](const TensorInfo& t) { return static_cast<std::int64_t>(t.role); }, nullptr},
    {"elements", "element", "dense size", [](const TensorInfo& t) { return t.elements; },
     [](TensorInfo& t, std::int64_t v) { t.elements = v; }},
    {"stored", "element", "held and moved", [](const TensorInfo& t) { return t.stored; },
     [](TensorInfo& t, std::int64_t v) { t.stored = v; }},
    {"bits", "bit", "of an element", [](const TensorInfo& t) { return std::int64_t{t.bits}; },
     [](TensorInfo& t, std::int64_t v) { t.bits = static_cast<int>(v); }},
    {"index_bits", "bit", "that say which elements are stored",
     [](const TensorInfo& t) { return t.index_bits; },
     [](TensorInfo& t, std::int64_t v) { t.index_bits = v; }},
    {"from_memory", "1", "1: lies in memory before",
     [](const TensorInfo& t) { return std::int64_t{t.from_memory}; },
     [](TensorInfo& t, std::int64_t v) { t.from_memory = v != 0; }},
    {"to_memory", "1", "1: lies in memory after",
     [](const TensorInfo& t) { return std::int64_t{t.to_memory}; },
     [](TensorInfo& t, std::int64_t v) { t.to_memory = v != 0; }},
    {"shared", "1", "1: the same for all instances",
     [](const TensorInfo& t) { return std::int64_t{t.shared}; },
     [](TensorInfo& t, std::int64_t v) { t.shared = v != 0; }},
};

std::string key_of(const OpList& list) {
    std::string key;
    for (const TensorInfo& tensor : list.tensors)
        for (const TensorColumn& column : kTensorColumns)
            key += fmt::format("{},", column.get(tensor));
    for (const Operator& op : list.ops) {
        key += fmt::format(";{},", op.name);
        for (const OpColumn& column : kOpColumns) key += fmt::format("{},", column.get(op));
    }
    return key;
}

/// Names of operators are static text: those of a file are kept as long as the program runs.
std::string_view static_text(const std::string& name) {
    static std::set<std::string> names;
    return *names.insert(name).first;
}

template <class Name>
std::vector<std::string> names_up_to(std::size_t count, const Name& name) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) names.emplace_back(name(i));
    return names;
}

std::size_t row_in(std::int64_t ordinal, std::size_t count, const H5Group& table,
                   std::string_view name) {
    if (ordinal < 0 || ordinal >= static_cast<std::int64_t>(count))
        throw UserError("no such row", table.where(name), fmt::format("{}", ordinal),
                        fmt::format("0 to {}", static_cast<std::int64_t>(count) - 1));
    return static_cast<std::size_t>(ordinal);
}

}  // namespace

BlockTable::BlockTable(const H5Group& block, std::string_view name, std::string_view scope)
    : group_(block.create_group(name)) {
    group_.set_text("scope", scope);
}

void BlockTable::integers(std::string_view name, std::string_view unit, std::string_view help,
                          const std::vector<std::int64_t>& values) const {
    const H5Shape shape = {values.size()};
    const bool narrow = std::all_of(values.begin(), values.end(), [](std::int64_t v) {
        return v == static_cast<std::int32_t>(v);
    });
    if (narrow) {
        const std::vector<std::int32_t> small(values.begin(), values.end());
        group_.write(name, shape, std::span<const std::int32_t>(small), compressed(values.size()));
    } else {
        group_.write(name, shape, std::span<const std::int64_t>(values), compressed(values.size()));
    }
    group_.dataset(name).set_text("unit", unit);
    group_.dataset(name).set_text("help", help);
}

void BlockTable::reals(std::string_view name, std::string_view unit, std::string_view help,
                       const std::vector<double>& values) const {
    group_.write(name, {values.size()}, std::span<const double>(values), compressed(values.size()));
    group_.dataset(name).set_text("unit", unit);
    group_.dataset(name).set_text("help", help);
}

void BlockTable::texts(std::string_view name, std::string_view help,
                       const std::vector<std::string>& values) const {
    if (values.empty()) return;
    group_.write_texts(name, values);
    group_.dataset(name).set_text("help", help);
}

std::vector<std::int64_t> block_integers(const H5Group& table, std::string_view name) {
    const H5DatasetInfo info = table.info(name);
    if (info.shape.size() != 1)
        throw UserError("wrong shape", table.where(name), shape_text(info.shape), "one axis");
    std::vector<std::int64_t> values(info.elements());
    if (!values.empty()) table.read(name, std::span<std::int64_t>(values));
    return values;
}

std::vector<std::int64_t> block_integers(const H5Group& table, std::string_view name,
                                         std::size_t rows) {
    std::vector<std::int64_t> values = block_integers(table, name);
    if (values.size() != rows)
        throw UserError("wrong number of rows", table.where(name), fmt::format("{}", values.size()),
                        fmt::format("{}", rows));
    return values;
}

std::int64_t ListTable::ordinal(const OpList& list) {
    if (list.empty() && list.tensors.empty()) return -1;
    const auto [entry, is_new] = seen_.emplace(key_of(list), std::ssize(lists_));
    if (is_new) lists_.push_back(list);
    return entry->second;
}

void ListTable::write(const H5Group& block) const {
    std::vector<std::int64_t> op_owner, tensor_owner, op_names;
    std::vector<const Operator*> ops;
    std::vector<const TensorInfo*> tensors;
    std::map<std::string, std::int64_t> seen;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < lists_.size(); ++i) {
        for (const Operator& op : lists_[i].ops) {
            ops.push_back(&op);
            op_owner.push_back(static_cast<std::int64_t>(i));
            const auto [entry, is_new] = seen.emplace(std::string(op.name), std::ssize(names));
            if (is_new) names.emplace_back(op.name);
            op_names.push_back(entry->second);
        }
        for (const TensorInfo& tensor : lists_[i].tensors) {
            tensors.push_back(&tensor);
            tensor_owner.push_back(static_cast<std::int64_t>(i));
        }
    }
    const BlockTable op_table(block, "operators", "per operator of a list");
    op_table.integers("list", "1", "ordinal of its list", op_owner);
    op_table.integers("name", "1", "row of names", op_names);
    for (const OpColumn& column : kOpColumns) {
        std::vector<std::int64_t> values;
        for (const Operator* op : ops) values.push_back(column.get(*op));
        op_table.integers(column.name, column.unit, column.help, values);
    }
    op_table.texts("names", "of operators", names);
    op_table.texts("kinds", "of operators",
                   names_up_to(static_cast<std::size_t>(OpKind::count_), [](std::size_t i) {
                       return op_kind_info(static_cast<OpKind>(i)).name;
                   }));
    op_table.texts("stages", "of the network",
                   names_up_to(static_cast<std::size_t>(Stage::count_),
                               [](std::size_t i) { return stage_name(static_cast<Stage>(i)); }));
    const BlockTable tensor_table(block, "tensors", "per tensor of a list");
    tensor_table.integers("list", "1", "ordinal of its list", tensor_owner);
    for (const TensorColumn& column : kTensorColumns) {
        std::vector<std::int64_t> values;
        for (const TensorInfo* tensor : tensors) values.push_back(column.get(*tensor));
        tensor_table.integers(column.name, column.unit, column.help, values);
    }
    tensor_table.texts("roles", "of tensors",
                       names_up_to(static_cast<std::size_t>(TensorRole::count_), [](std::size_t i) {
                           return tensor_role_name(static_cast<TensorRole>(i));
                       }));
}

namespace {

Stage stage_of(const std::string& name, const std::string& where) {
    std::vector<std::string> known;
    for (std::size_t i = 0; i < static_cast<std::size_t>(Stage::count_); ++i) {
        if (stage_name(static_cast<Stage>(i)) == name) return static_cast<Stage>(i);
        known.emplace_back(stage_name(static_cast<Stage>(i)));
    }
    throw UserError("unknown stage", where, name, fmt::format("{}", fmt::join(known, ", ")));
}

/// The list of an ordinal, which may be the next one.
OpList& list_at(std::vector<OpList>& lists, std::int64_t ordinal, const H5Group& table) {
    row_in(ordinal, lists.size() + 1, table, "list");
    if (ordinal == std::ssize(lists)) lists.emplace_back();
    return lists[static_cast<std::size_t>(ordinal)];
}

void read_tensors(const H5Group& block, std::vector<OpList>& lists) {
    const H5Group table = block.group("tensors");
    const std::vector<std::int64_t> owners = block_integers(table, "list");
    const std::vector<std::string> roles = table.read_texts("roles");
    std::vector<TensorInfo> tensors(owners.size());
    for (const TensorColumn& column : kTensorColumns) {
        const auto values = block_integers(table, column.name, tensors.size());
        for (std::size_t i = 0; i < values.size(); ++i)
            if (column.set != nullptr)
                column.set(tensors[i], values[i]);
            else
                tensors[i].role =
                    tensor_role(roles[row_in(values[i], roles.size(), table, column.name)],
                                table.where("roles"));
    }
    for (std::size_t i = 0; i < owners.size(); ++i)
        list_at(lists, owners[i], table).tensors.push_back(tensors[i]);
}

void read_operators(const H5Group& block, std::vector<OpList>& lists) {
    const H5Group table = block.group("operators");
    const std::vector<std::int64_t> owners = block_integers(table, "list");
    const std::vector<std::int64_t> name_rows = block_integers(table, "name", owners.size());
    const auto texts = [&](std::string_view name) {
        return table.has_dataset(name) ? table.read_texts(name) : std::vector<std::string>();
    };
    const std::vector<std::string> names = texts("names"), kinds = texts("kinds"),
                                   stages = texts("stages");
    std::vector<Operator> ops(owners.size());
    for (const OpColumn& column : kOpColumns) {
        const auto values = block_integers(table, column.name, ops.size());
        const bool is_kind = std::string_view(column.name) == "kind";
        for (std::size_t i = 0; i < values.size(); ++i)
            if (column.set != nullptr)
                column.set(ops[i], values[i]);
            else if (is_kind)
                ops[i].kind = op_kind(kinds[row_in(values[i], kinds.size(), table, column.name)],
                                      table.where("kinds"));
            else
                ops[i].stage =
                    stage_of(stages[row_in(values[i], stages.size(), table, column.name)],
                             table.where("stages"));
    }
    for (std::size_t i = 0; i < owners.size(); ++i) {
        ops[i].name = static_text(names[row_in(name_rows[i], names.size(), table, "name")]);
        list_at(lists, owners[i], table).ops.push_back(ops[i]);
    }
}

}  // namespace

std::vector<OpList> read_lists(const H5Group& block) {
    std::vector<OpList> lists;
    read_tensors(block, lists);
    read_operators(block, lists);
    return lists;
}

}  // namespace attohm
