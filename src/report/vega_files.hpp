#pragma once

#include <optional>
#include <string>
#include <vector>

namespace attohm {

/// The plot library, read whole: vega, vega-lite, vega-embed, in the order in which they load.
struct VegaFiles {
    std::vector<std::string> scripts;
};

/// Where the library may be: what the user named, else what the environment names, else the build
/// tree and the install tree of the program.
struct VegaPlaces {
    std::optional<std::string> option;       ///< --vega DIR
    std::optional<std::string> environment;  ///< ATTOHM_VEGA_DIR
    std::string binary_folder;               ///< of the running program
};

/// A folder that was named is the only one looked at.
/// Throws: UserError that names the folders, what is missing, and scripts/setup.
VegaFiles read_vega(const VegaPlaces& places);

/// Folder of the running program.
std::string program_folder();

}  // namespace attohm
