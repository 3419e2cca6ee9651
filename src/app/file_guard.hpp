#pragma once

#include <string>

namespace attohm {

/// A slip of the keyboard must not cost a captured trace or a measured file.
/// Throws: UserError where both are the same file.
void refuse_to_replace(const std::string& input, const std::string& output);

/// Nor hours of computing. Throws: UserError where the file is there.
void refuse_to_overwrite(const std::string& output);

}  // namespace attohm
