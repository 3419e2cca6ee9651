#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Files compiled into the program, so that it needs none at run time. CMake's
///     attohm_embed(attohm_crossbar crossbar_resources FILES cards/rram.yaml ...)
/// defines in that library
///     const attohm::Resources& attohm::crossbar_resources();
/// which a header of the library declares. Names are paths relative to the CMakeLists.txt.
namespace attohm {

struct EmbeddedFile {
    std::string_view name;
    std::string_view text;
};

class Resources {
  public:
    explicit Resources(std::span<const EmbeddedFile> entries) : entries_(entries) {}

    std::optional<std::string_view> find(std::string_view name) const {
        for (const EmbeddedFile& entry : entries_)
            if (entry.name == name) return entry.text;
        return std::nullopt;
    }

    /// Names that begin with `prefix`, in the order of the list in CMake.
    std::vector<std::string> names(std::string_view prefix = "") const {
        std::vector<std::string> found;
        for (const EmbeddedFile& entry : entries_)
            if (entry.name.starts_with(prefix)) found.emplace_back(entry.name);
        return found;
    }

  private:
    std::span<const EmbeddedFile> entries_;
};

}  // namespace attohm
