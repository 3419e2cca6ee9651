#include "src/replay/work_block.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/replay/work_columns.hpp"

namespace attohm {

namespace {

using Integers = std::vector<std::int64_t>;

/// Heads of all samples in order, with the ordinal of their sample.
struct BlockHeads {
    std::vector<const StoredHead*> heads;
    Integers samples;
};

BlockHeads heads_of(const std::vector<StoredSample>& samples) {
    BlockHeads all;
    for (const StoredSample& sample : samples)
        for (const StoredHead& head : sample.heads) {
            all.heads.push_back(&head);
            all.samples.push_back(sample.sample);
        }
    return all;
}

void write_heads(const H5Group& block, const BlockHeads& all, ListTable& lists) {
    const BlockTable table(block, "heads", "per sample, layer and head, in their order");
    table.integers("sample", "1", "ordinal in the trace", all.samples);
    for (const HeadColumn& column : head_columns()) {
        Integers values;
        for (const StoredHead* head : all.heads) values.push_back(column.get(head->work));
        table.integers(column.name, column.unit, column.help, values);
    }
    for (const HeadAmount& column : head_amounts()) {
        std::vector<double> values;
        for (const StoredHead* head : all.heads) {
            HeadWork work = head->work;
            values.push_back(column.at(work));
        }
        table.reals(column.name, column.unit, column.help, values);
    }
    Integers ordinals, rows, distances;
    for (const StoredHead* head : all.heads) {
        const bool kept = head->kept.has_value();
        ordinals.push_back(lists.ordinal(head->work.ops));
        rows.push_back(kept ? std::ssize(head->kept->kept) : -1);
        distances.push_back(kept ? std::ssize(head->kept->reuse) : 0);
    }
    table.integers("list", "1", "its operators: ordinal of a list, -1: none", ordinals);
    table.integers("rows", "query", "in the tables of rows; -1: the scheme selects nothing", rows);
    table.integers("distances", "1", "rows of the reuse table", distances);
}

std::string slots_name(int corelets) {
    return fmt::format("slots_{}", corelets);
}

void write_rows(const H5Group& block, const BlockHeads& all) {
    Integers kept, before, reuse, row_reuse;
    std::array<Integers, kSummaryCorelets.size()> slots;
    for (const StoredHead* head : all.heads) {
        if (!head->kept) continue;
        const SelectionSummary& s = *head->kept;
        kept.insert(kept.end(), s.kept.begin(), s.kept.end());
        before.insert(before.end(), s.before.begin(), s.before.end());
        reuse.insert(reuse.end(), s.reuse.begin(), s.reuse.end());
        // One capacity after another: like stands beside like.
        for (std::size_t bin = 0; bin < s.bins(); ++bin)
            for (std::size_t row = 0; row < s.rows(); ++row)
                row_reuse.push_back(s.row_reuse[row * s.bins() + bin]);
        for (std::size_t i = 0; i < slots.size(); ++i)
            for (std::size_t row = 0; row < s.rows(); ++row)
                slots[i].push_back(s.slots[i][row] - ceil_div(s.kept[row], kSummaryCorelets[i]));
    }
    const BlockTable rows(block, "rows", "per query of a head, heads in their order");
    rows.integers("kept", "key", "kept by the query", kept);
    rows.integers("before", "key", "of these that the query before kept too", before);
    for (std::size_t i = 0; i < slots.size(); ++i)
        rows.integers(slots_name(kSummaryCorelets[i]), "key",
                      fmt::format("of the most loaded of {} CORELETs, above an even share",
                                  kSummaryCorelets[i]),
                      slots[i]);
    rows.integers("reuse", "pair",
                  "of a head: per capacity of 32, 64, ... tokens up to the first that holds all "
                  "keys, per query: pairs that hit in it and in none before it",
                  row_reuse);
    const BlockTable distances(block, "reuse", "per reuse distance 1, 2, ... of a head");
    distances.integers("pairs", "pair", "that a buffer of so many tokens hits, a smaller one not",
                       reuse);
}

void write_layers(const H5Group& block, const std::vector<StoredSample>& samples,
                  ListTable& lists) {
    Integers owners, layers, after, ordinals, users;
    for (const StoredSample& sample : samples)
        for (const StoredLayer& layer : sample.layers) {
            owners.push_back(sample.sample);
            layers.push_back(layer.work.layer);
            after.push_back(static_cast<std::int64_t>(layer.after_heads));
            ordinals.push_back(lists.ordinal(layer.work.ops));
            users.push_back(static_cast<std::int64_t>(layer.user));
        }
    const BlockTable table(block, "layers", "per sample and layer: what is not attention");
    table.integers("sample", "1", "ordinal in the trace", owners);
    table.integers("layer", "1", "-1: before the first", layers);
    table.integers("after_heads", "head", "of the sample that came before", after);
    table.integers("list", "1", "its operators: ordinal of a list, -1: none", ordinals);
    // Most schemes run the network's own linear operators.
    if (std::any_of(users.begin(), users.end(), [](std::int64_t user) { return user != 0; }))
        table.integers("user", "1", "plans that run it: 0 all, 1 the scheme's own, 2 its baselines",
                       users);
}

/// Takes what belongs to one head after another from a column.
class Cursor {
  public:
    Cursor(const H5Group& table, std::string_view name)
        : where_(table.where(name)), values_(block_integers(table, name)) {}
    std::span<const std::int64_t> next(std::int64_t count) {
        if (count < 0 || count > std::ssize(values_) - at_) fail();
        at_ += count;
        return std::span(values_).subspan(static_cast<std::size_t>(at_ - count),
                                          static_cast<std::size_t>(count));
    }
    void must_be_empty() const {
        if (at_ != std::ssize(values_)) fail();
    }

  private:
    [[noreturn]] void fail() const {
        throw UserError("wrong number of rows", where_, fmt::format("{}", values_.size()),
                        "as many as the heads of the block say");
    }
    std::string where_;
    Integers values_;
    std::int64_t at_ = 0;
};

std::vector<std::uint32_t> narrowed(std::span<const std::int64_t> values) {
    return {values.begin(), values.end()};
}

/// Rows of heads, in their order.
class RowReader {
  public:
    explicit RowReader(const H5Group& block)
        : kept_(block.group("rows"), "kept"),
          before_(block.group("rows"), "before"),
          row_reuse_(block.group("rows"), "reuse"),
          reuse_(block.group("reuse"), "pairs") {
        for (const int corelets : kSummaryCorelets)
            slots_.emplace_back(block.group("rows"), slots_name(corelets));
    }
    SelectionSummary next(const HeadWork& work, std::int64_t rows, std::int64_t distances) {
        SelectionSummary s;
        s.kept = narrowed(kept_.next(rows));
        s.reuse = narrowed(reuse_.next(distances));
        s.before = narrowed(before_.next(rows));
        const std::size_t bins = summary_bins(work.shape.n_k);
        const auto reuse = row_reuse_.next(rows * static_cast<std::int64_t>(bins));
        s.row_reuse.resize(reuse.size());
        for (std::size_t bin = 0; bin < bins; ++bin)
            for (std::size_t row = 0; row < s.rows(); ++row)
                s.row_reuse[row * bins + bin] =
                    static_cast<std::uint32_t>(reuse[bin * s.rows() + row]);
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            s.slots[i] = narrowed(slots_[i].next(rows));
            for (std::size_t row = 0; row < s.rows(); ++row)
                s.slots[i][row] +=
                    static_cast<std::uint32_t>(ceil_div(s.kept[row], kSummaryCorelets[i]));
        }
        return s;
    }
    void must_be_empty() const {
        kept_.must_be_empty();
        before_.must_be_empty();
        row_reuse_.must_be_empty();
        reuse_.must_be_empty();
        for (const Cursor& slots : slots_) slots.must_be_empty();
    }

  private:
    Cursor kept_, before_, row_reuse_, reuse_;
    std::vector<Cursor> slots_;
};

const OpList& list_at(const std::vector<OpList>& lists, std::int64_t ordinal,
                      const H5Group& table) {
    static const OpList kNone;
    if (ordinal == -1) return kNone;
    if (ordinal < 0 || ordinal >= std::ssize(lists))
        throw UserError("no such list of operators", table.where("list"),
                        fmt::format("{}", ordinal), fmt::format("-1 to {}", std::ssize(lists) - 1));
    return lists[static_cast<std::size_t>(ordinal)];
}

std::vector<HeadWork> read_head_works(const H5Group& table, std::size_t count) {
    std::vector<HeadWork> works(count);
    for (const HeadColumn& column : head_columns()) {
        const Integers values = block_integers(table, column.name, count);
        for (std::size_t i = 0; i < count; ++i) column.set(works[i], values[i]);
    }
    std::vector<double> amounts(count);
    for (const HeadAmount& column : head_amounts()) {
        table.read(column.name, std::span<double>(amounts));
        for (std::size_t i = 0; i < count; ++i) column.at(works[i]) = amounts[i];
    }
    return works;
}

/// The sample with that ordinal; a new one where it differs from the last.
StoredSample& sample_at(std::vector<StoredSample>& samples, std::int64_t ordinal) {
    if (samples.empty() || samples.back().sample != ordinal) {
        samples.emplace_back();
        samples.back().sample = static_cast<int>(ordinal);
    }
    return samples.back();
}

void read_heads(const H5Group& block, const std::vector<OpList>& lists,
                std::vector<StoredSample>& samples) {
    const H5Group table = block.group("heads");
    const Integers owners = block_integers(table, "sample");
    const std::size_t count = owners.size();
    std::vector<HeadWork> works = read_head_works(table, count);
    const Integers ordinals = block_integers(table, "list", count);
    const Integers row_counts = block_integers(table, "rows", count);
    const Integers distances = block_integers(table, "distances", count);
    RowReader rows(block);
    for (std::size_t i = 0; i < count; ++i) {
        StoredHead head{std::move(works[i]), std::nullopt};
        head.work.ops = list_at(lists, ordinals[i], table);
        if (row_counts[i] >= 0) {
            head.kept = rows.next(head.work, row_counts[i], distances[i]);
            check_summary(head.work, *head.kept);
        }
        sample_at(samples, owners[i]).heads.push_back(std::move(head));
    }
    rows.must_be_empty();
}

void read_layers(const H5Group& block, const std::vector<OpList>& lists,
                 std::vector<StoredSample>& samples) {
    const H5Group table = block.group("layers");
    const Integers owners = block_integers(table, "sample");
    const Integers layers = block_integers(table, "layer", owners.size());
    const Integers after = block_integers(table, "after_heads", owners.size());
    const Integers ordinals = block_integers(table, "list", owners.size());
    const Integers users = table.has_dataset("user") ? block_integers(table, "user", owners.size())
                                                     : Integers(owners.size(), 0);
    // Without heads of attention the layers say which samples there are.
    const bool headless = samples.empty();
    std::size_t at = 0;
    for (std::size_t i = 0; i < owners.size(); ++i) {
        if (headless && (samples.empty() || samples.back().sample < owners[i]))
            (void)sample_at(samples, owners[i]);
        while (at < samples.size() && samples[at].sample != owners[i]) ++at;
        if (at == samples.size() || after[i] < 0 || after[i] > std::ssize(samples[at].heads))
            throw UserError("a layer of no sample", table.where("sample"),
                            fmt::format("{}", owners[i]), "samples of the block in their order");
        if (users[i] < 0 || users[i] > static_cast<std::int64_t>(LayerUser::baselines))
            throw UserError("a layer for no plan", table.where("user"), fmt::format("{}", users[i]),
                            "0 (all), 1 (the scheme's own), 2 (its baselines)");
        samples[at].layers.push_back(
            {static_cast<std::size_t>(after[i]),
             {static_cast<int>(layers[i]), list_at(lists, ordinals[i], table)},
             static_cast<LayerUser>(users[i])});
    }
}

}  // namespace

void write_work_block(const H5Group& block, const std::vector<StoredSample>& samples) {
    const BlockHeads all = heads_of(samples);
    ListTable lists;
    write_heads(block, all, lists);
    write_rows(block, all);
    write_layers(block, samples, lists);
    lists.write(block);
}

std::vector<StoredSample> read_work_block(const H5Group& block) {
    try {
        const std::vector<OpList> lists = read_lists(block);
        for (const OpList& list : lists) check_op_list(list);
        std::vector<StoredSample> samples;
        read_heads(block, lists, samples);
        read_layers(block, lists, samples);
        return samples;
    } catch (const InvariantError& error) {
        throw UserError("the stored work contradicts itself", block.where(), error.what(),
                        "work as `attohm run` writes it");
    }
}

}  // namespace attohm
