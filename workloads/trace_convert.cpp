#include <fmt/format.h>

#include <filesystem>
#include <set>
#include <utility>

#include "src/base/error.hpp"
#include "src/base/version.hpp"
#include "workloads/trace_check.hpp"
#include "workloads/trace_edit.hpp"
#include "workloads/trace_file.hpp"

namespace attohm {

namespace {

/// Paths of the tensors that may be float16: q, k, v, out of attention, x of other layers.
std::set<std::string> tensor_paths(const TraceFile& file) {
    std::set<std::string> paths;
    for (const auto* entries : {&file.samples(), &file.calibration()})
        for (const SampleEntry& entry : *entries)
            for (std::size_t i = 0; i < entry.layer_names.size(); ++i) {
                const std::string layer =
                    file.sample_group(entry).path() + "/layers/" + entry.layer_names[i] + "/";
                if (entry.layer_kinds[i] != "attention") {
                    paths.insert(layer + "x");
                    continue;
                }
                for (const char* name : {"q", "k", "v", "out"}) paths.insert(layer + name);
            }
    return paths;
}

std::string described(const ConvertSpec& spec) {
    std::string by = fmt::format("attohm {} trace convert", version());
    if (spec.tensors) by += *spec.tensors == StoredAs::float16 ? " --float16" : " --float32";
    if (spec.layout.chunk_bytes == 0) by += " --chunk none";
    if (spec.layout.chunk_bytes > 0 && spec.layout.chunk_bytes != H5Layout::kChunkBytes)
        by += fmt::format(" --chunk {}", spec.layout.chunk_bytes);
    if (spec.layout.gzip) by += fmt::format(" --gzip {}", *spec.layout.gzip);
    return by;
}

void change_type(CopyItem& item, StoredAs tensors) {
    const std::string where = item.from->where();
    item.elements = [open = item.elements, tensors, where] {
        return tensors == StoredAs::float16 ? half_source(open(), where) : float_source(open());
    };
}

/// Rounding moves scores: where they are large, `out` is no longer their attention.
void require_still_true(const std::string& temporary, const std::string& shown) {
    const TraceCheck check = check_trace(temporary);
    if (check.good()) return;
    std::string first = check.problems.front();
    for (std::size_t at = 0; (at = first.find(temporary, at)) != std::string::npos;)
        first.replace(at, temporary.size(), shown);
    throw UserError("the trace does not keep the format in float16", shown,
                    fmt::format("{} problem(s), first: {}", check.problems.size(), first),
                    "float32 for this trace");
}

}  // namespace

CopyOutcome convert_trace(const std::string& input, const ConvertSpec& spec,
                          const std::string& output) {
    if (spec.layout.chunk_bytes == 0 && spec.layout.gzip.value_or(0) > 0)
        throw UserError("contiguous datasets cannot be compressed", "--gzip",
                        std::to_string(*spec.layout.gzip), "0, or chunks");
    Problems problems(Problems::On::throw_first);
    const TraceFile file(input, problems);
    std::vector<CopyItem> items = all_items(file.root());
    if (spec.tensors) {
        const std::set<std::string> paths = tensor_paths(file);
        for (CopyItem& item : items)
            if (item.elements && paths.contains(item.to)) change_type(item, *spec.tensors);
    }
    const std::uint64_t before = std::filesystem::file_size(input);
    std::function<void(const std::string&)> verify;
    if (spec.tensors == StoredAs::float16 && !file.shape_only())
        verify = [&](const std::string& temporary) { require_still_true(temporary, output); };
    CopyOutcome outcome = write_copy(output, {file.root(), {}, file.trace_id(), described(spec)},
                                     std::move(items), spec.layout, verify);
    outcome.samples = static_cast<std::int64_t>(file.samples().size());
    outcome.calibration_samples = static_cast<std::int64_t>(file.calibration().size());
    outcome.bytes_before = before;
    return outcome;
}

}  // namespace attohm
