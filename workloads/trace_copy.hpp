#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "workloads/element_source.hpp"

/// New traces out of stored ones: what `slice`, `merge`, `convert` and the mask importer share. The
/// new file is written beside its path, object by object in ascending order of their paths and part
/// by part, and renamed when it is whole. The same inputs give the same bytes.
namespace attohm {

/// A group or a dataset of the new file.
struct CopyItem {
    std::string to;                           ///< absolute path
    std::optional<H5Group> from = {};         ///< whose attributes go over
    std::map<std::string, H5Value> set = {};  ///< attributes with other values, and new ones
    /// Opens the elements when their turn comes; none: a group.
    std::function<SourcePointer()> elements = {};
};

/// How datasets of 4 KiB and more are stored.
struct CopyLayout {
    std::optional<int> gzip = {};                     ///< level for all; none: as each was
    std::size_t chunk_bytes = H5Layout::kChunkBytes;  ///< 0: contiguous, without checksums
};

/// Everything below the root of a file, in ascending order of the paths.
/// Throws: UserError for groups that contain themselves.
std::vector<CopyItem> all_items(const H5Group& root);

/// What a new trace says of itself.
struct CopyOrigin {
    H5Group root;                             ///< whose root attributes go over
    std::map<std::string, H5Value> set = {};  ///< of them, with other values
    std::string derived_from;                 ///< trace ids of the inputs
    std::string derived_by;                   ///< in words
};

struct CopyOutcome {
    std::string path;
    std::string trace_id;
    std::int64_t samples = 0;
    std::int64_t calibration_samples = 0;
    std::uint64_t bytes_before = 0;  ///< of all inputs
    std::uint64_t bytes_after = 0;
    std::vector<std::string> notes;  ///< what was left out, and why
};

/// Writes a trace. Args: verify: called with the temporary file when it is whole; what it throws
/// keeps the file from appearing.
/// Returns: path, trace_id and bytes_after.
CopyOutcome write_copy(const std::string& path, const CopyOrigin& origin,
                       std::vector<CopyItem> items, const CopyLayout& layout = {},
                       const std::function<void(const std::string& temporary)>& verify = {});

/// Whether two objects have the same attributes and, as datasets, the same elements.
/// Returns: what differs, in words; "" when nothing does.
std::string difference_of(const CopyItem& a, const CopyItem& b);

std::string to_text(const CopyOutcome& outcome);

/// "4.2 MB"
std::string bytes_text(std::uint64_t bytes);

}  // namespace attohm
