#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "src/base/error.hpp"
#include "src/base/version.hpp"
#include "workloads/path_moves.hpp"
#include "workloads/trace_edit.hpp"
#include "workloads/trace_file.hpp"

namespace attohm {

namespace {

/// Whether an object belongs to one sample, or holds samples.
bool is_of_samples(const TraceFile& file, const std::string& path) {
    for (const auto& [parent, entries] : {std::pair{std::string("/samples"), &file.samples()},
                                          {std::string("/calibration"), &file.calibration()}}) {
        if (path == parent) return true;
        if (!path.starts_with(parent + "/")) continue;
        const std::size_t first = parent.size() + 1;
        const std::string name = path.substr(first, path.find('/', first) - first);
        for (const SampleEntry& entry : *entries)
            if (entry.name == name) return true;
    }
    return false;
}

/// What is outside the samples, by path.
std::map<std::string, const CopyItem*> shared_items(const TraceFile& file,
                                                    const std::vector<CopyItem>& items) {
    std::map<std::string, const CopyItem*> shared;
    for (const CopyItem& item : items)
        if (!is_of_samples(file, item.to)) shared.emplace(item.to, &item);
    return shared;
}

[[noreturn]] void refuse(const TraceFile& file, const std::string& path, const std::string& got,
                         const TraceFile& first) {
    throw UserError("the traces are not of one model", file.root().where(path), got,
                    "the same as in " + first.path());
}

/// Throws: UserError for the first path at which the files differ outside the samples.
void require_same(const TraceFile& first, const std::vector<CopyItem>& first_items,
                  const TraceFile& file, const std::vector<CopyItem>& items) {
    if (first.shape_only() != file.shape_only())
        refuse(file, "/@shape_only", file.shape_only() ? "1" : "0", first);
    const auto wanted = shared_items(first, first_items);
    const auto found = shared_items(file, items);
    for (const auto& [path, item] : wanted) {
        const auto other = found.find(path);
        if (other == found.end()) refuse(file, path, "nothing", first);
        const std::string difference = difference_of(*item, *other->second);
        if (!difference.empty()) refuse(file, path, difference, first);
    }
    for (const auto& [path, item] : found)
        if (!wanted.contains(path)) refuse(file, path, "an object that is only here", first);
}

/// Numbers the samples of one parent on from `next`.
void renumber(const std::string& parent, const std::vector<SampleEntry>& entries,
              std::int64_t& next, PathMoves& moves) {
    for (const SampleEntry& entry : entries)
        moves.move(parent + entry.name, fmt::format("{}{:06}", parent, next++));
}

}  // namespace

CopyOutcome merge_traces(const std::vector<std::string>& inputs, const std::string& output) {
    ATTOHM_CHECK(!inputs.empty());
    Problems problems(Problems::On::throw_first);
    std::vector<std::unique_ptr<TraceFile>> files;
    std::vector<CopyItem> first_items;
    std::vector<CopyItem> items;
    std::set<std::string> there;
    std::vector<std::string> ids;
    CopyOutcome counts;
    bool one_dtype = true;
    for (const std::string& input : inputs) {
        files.push_back(std::make_unique<TraceFile>(input, problems));
        const TraceFile& file = *files.back();
        std::vector<CopyItem> own = all_items(file.root());
        if (files.size() == 1)
            first_items = own;
        else
            require_same(*files.front(), first_items, file, own);
        PathMoves moves;
        renumber("/samples/", file.samples(), counts.samples, moves);
        renumber("/calibration/", file.calibration(), counts.calibration_samples, moves);
        // What the files share goes over once.
        for (CopyItem& item : moves.apply(std::move(own)))
            if (there.insert(item.to).second) items.push_back(std::move(item));
        counts.bytes_before += std::filesystem::file_size(input);
        ids.push_back(file.trace_id());
        one_dtype =
            one_dtype && file.origin().capture_dtype == files.front()->origin().capture_dtype;
    }
    CopyOrigin origin{files.front()->root(),
                      {},
                      fmt::format("{}", fmt::join(ids, ", ")),
                      fmt::format("attohm {} trace merge", version())};
    if (!one_dtype) origin.set["capture_dtype"] = std::string("mixed");
    CopyOutcome outcome = write_copy(output, origin, std::move(items));
    outcome.samples = counts.samples;
    outcome.calibration_samples = counts.calibration_samples;
    outcome.bytes_before = counts.bytes_before;
    return outcome;
}

}  // namespace attohm
