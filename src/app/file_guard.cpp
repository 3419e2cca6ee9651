#include "src/app/file_guard.hpp"

#include <filesystem>

#include "src/base/error.hpp"

namespace attohm {

void refuse_to_replace(const std::string& input, const std::string& output) {
    std::error_code not_there;
    if (!std::filesystem::equivalent(input, output, not_there)) return;
    throw UserError("the output would replace an input", output, "the file that is read",
                    "another file");
}

void refuse_to_overwrite(const std::string& output) {
    std::error_code not_there;
    if (!std::filesystem::exists(output, not_there)) return;
    throw UserError("the output is there already", output, "an earlier result",
                    "--force to replace it, or another file");
}

}  // namespace attohm
