#pragma once

#include <string_view>

namespace attohm {

/// The project's version, as CMake declares it.
std::string_view version();

}  // namespace attohm
