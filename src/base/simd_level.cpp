#include "src/base/simd_level.hpp"

#include <array>

namespace attohm {
namespace {

constexpr std::array kLevels{SimdLevel::baseline, SimdLevel::v3, SimdLevel::v4};

bool processor_has(SimdLevel level) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (level == SimdLevel::v4) return __builtin_cpu_supports("x86-64-v4") != 0;
    if (level == SimdLevel::v3) return __builtin_cpu_supports("x86-64-v3") != 0;
#endif
    return level == SimdLevel::baseline;
}

std::size_t count_available() {
    std::size_t count = 1;
    while (count < kLevels.size() && processor_has(kLevels[count])) ++count;
    return count;
}

}  // namespace

std::span<const SimdLevel> available_simd_levels() {
    static const std::size_t count = count_available();
    return std::span(kLevels).first(count);
}

SimdLevel best_simd_level() {
    return available_simd_levels().back();
}

std::string_view simd_level_name(SimdLevel level) {
    switch (level) {
        case SimdLevel::v4:
            return "x86-64-v4";
        case SimdLevel::v3:
            return "x86-64-v3";
        case SimdLevel::baseline:
            break;
    }
    return "x86-64";
}

}  // namespace attohm
