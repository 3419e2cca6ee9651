#include "src/base/version.hpp"

namespace attohm {

std::string_view version() {
    return ATTOHM_VERSION;
}

}  // namespace attohm
