#pragma once

#include <cstdint>

namespace attohm {

/// ceil(a / b) of non-negative a and positive b.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

}  // namespace attohm
