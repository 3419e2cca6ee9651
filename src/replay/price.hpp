#pragma once

#include <string>
#include <vector>

#include "src/replay/result.hpp"
#include "src/work/stored_work.hpp"

/// Prices the stored work of a result on other machines: no trace, no numerics.
namespace attohm {

/// Keys that change what work costs and nothing that was computed.
const std::vector<std::string>& pricing_keys();

/// What is priced otherwise than in the run.
struct PriceChanges {
    std::vector<std::string> machines;     ///< names or files; empty: those of the experiment
    std::vector<std::string> assignments;  ///< "key=value", of pricing_keys()
};

/// The result at `path` with other prices: everything that was computed is carried over, the
/// experiment has the changed keys. Parallel over samples; the same bytes for any number of
/// threads. Args: work: takes the work on its way, so that the new result can be priced again.
/// Throws: UserError for a file without stored work or with several results, a key that would
///   change what was computed, machines that cannot run the scheme's plan, and what cannot be
///   priced without the Selections (bank conflicts; `sld` with queries that overflow the buffer).
Result price_result(const std::string& path, const PriceChanges& changes, WorkSink& work);

}  // namespace attohm
