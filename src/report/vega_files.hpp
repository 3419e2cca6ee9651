#pragma once

#include <optional>
#include <string>
#include <vector>

namespace attohm {

/// The plot library, read whole: vega, vega-lite, vega-embed, in the order in which they load.
struct VegaFiles {
    std::vector<std::string> scripts;  ///< empty: none, and `missing` says what and where
    std::string missing{};

    bool found() const { return !scripts.empty(); }
    /// One line for stderr that names what is missing and the command that fetches it.
    std::string warning() const;
};

/// Where the library may be: what the user named, else what the environment names, else the build
/// tree and the install tree of the program.
struct VegaPlaces {
    std::optional<std::string> option;       ///< --vega DIR
    std::optional<std::string> environment;  ///< ATTOHM_VEGA_DIR
    std::string binary_folder;               ///< of the running program
};

/// A folder that was named is the only one looked at. Without the library pages are written with a
/// notice in place of each plot.
/// Throws: UserError for a folder that was named and has not all files; names what is missing, and
///   scripts/setup.
VegaFiles read_vega(const VegaPlaces& places);

/// Folder of the running program.
std::string program_folder();

}  // namespace attohm
