#pragma once

#include <string_view>

namespace attohm {

/// Version of the program, from the project() line of CMakeLists.txt, e.g. "0.1.0".
std::string_view version();

}  // namespace attohm
