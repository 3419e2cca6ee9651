#include "src/report/vega_files.hpp"

#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm {

namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 3> kFiles = {"vega.min.js", "vega-lite.min.js",
                                               "vega-embed.min.js"};

std::string missing_in(const fs::path& folder) {
    std::string missing;
    for (const char* file : kFiles)
        if (!fs::is_regular_file(folder / file))
            missing += (missing.empty() ? "" : ", ") + std::string(file);
    return missing;
}

}  // namespace

VegaFiles read_vega(const VegaPlaces& places) {
    std::vector<fs::path> folders;
    if (places.option)
        folders = {*places.option};
    else if (places.environment)
        folders = {*places.environment};
    else
        folders = {fs::path(places.binary_folder) / ".." / ".." / "vega",
                   fs::path(places.binary_folder) / ".." / "share" / "attohm" / "vega"};
    std::string looked;
    for (const fs::path& folder : folders) {
        const std::string missing = missing_in(folder);
        if (missing.empty()) {
            VegaFiles files;
            for (const char* file : kFiles)
                files.scripts.push_back(read_text_file((folder / file).string()));
            return files;
        }
        looked += fmt::format("{}no {} in {}", looked.empty() ? "" : "; ", missing,
                              folder.lexically_normal().string());
    }
    if (!places.option && !places.environment) return {{}, looked};
    throw UserError("the plot library of reports is missing",
                    places.option ? "--vega" : "ATTOHM_VEGA_DIR", looked,
                    "run scripts/setup (it fetches the three files), or name their folder with "
                    "--vega DIR");
}

std::string VegaFiles::warning() const {
    if (found()) return "";
    return fmt::format(
        "warning: plots are left out, the plot library is missing ({}): run scripts/setup (it "
        "fetches the three files), or name their folder with --vega DIR\n",
        missing);
}

std::string program_folder() {
    return fs::read_symlink("/proc/self/exe").parent_path().string();
}

}  // namespace attohm
