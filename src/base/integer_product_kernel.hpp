#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/matrix.hpp"

namespace attohm {

/// Keys per block of the narrow kernel; packed keys are padded to a multiple of it.
constexpr std::size_t kProductKeys = 64;

/// Product in 16-bit arithmetic; every partial sum must fit 16 bits. `packed` is [d, padded keys].
void narrow_product(MatrixView<const float> queries, const Matrix<std::int16_t>& packed,
                    MatrixView<float> products);

}  // namespace attohm
