#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "src/base/hdf5.hpp"
#include "src/replay/result.hpp"

/// results.h5, format "attohm-result": one result at the root, or many under /settings/000000, ...
namespace attohm {

/// Writes beside, flushes, renames: an existing file is never damaged.
/// Throws: UserError when the file cannot be written.
void write_result(const std::string& path, const Result& result);
/// The same for a result that is found while the file is written. Args: run: may add what it
/// streams to the root, then returns the result.
void write_result(const std::string& path, const std::function<Result(const H5Group& root)>& run);
void write_results(const std::string& path, const std::vector<Result>& results,
                   const std::string& sweep_yaml);

/// Throws: UserError for a file that is missing, damaged, or not a result.
std::vector<Result> read_results(const std::string& path);

/// What a results file came from, without its numbers.
struct ResultOrigin {
    std::string sweep_yaml;       ///< empty: a single result
    std::string trace_id;         ///< of the first result
    std::set<std::string> files;  ///< the user's device cards and all machines, resolved
};
/// Throws: UserError as read_results.
ResultOrigin read_origin(const std::string& path);

/// One JSON object with the summary of a result (numbers carry their unit in the key).
std::string result_json(const Result& result);

}  // namespace attohm
