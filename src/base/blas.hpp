#pragma once

#include <string>

#include "src/base/matrix.hpp"

/// Row-major matrix products by OpenBLAS on one thread: the shape of a call follows from the
/// experiment, never from threads or batch, because OpenBLAS's bits depend on the shape.
namespace attohm {

/// c = alpha a b^T + beta c.
/// Args: a: [m, k]; b: [n, k]; c: [m, n]; any strides. With beta = 0, c need not be initialised.
void sgemm_nt(float alpha, MatrixView<const float> a, MatrixView<const float> b, float beta,
              MatrixView<float> c);

/// c = alpha a b + beta c.
/// Args: a: [m, k]; b: [k, n]; c: [m, n]; any strides. With beta = 0, c need not be initialised.
void sgemm_nn(float alpha, MatrixView<const float> a, MatrixView<const float> b, float beta,
              MatrixView<float> c);

/// c = a b^T.
inline void sgemm_nt(MatrixView<const float> a, MatrixView<const float> b, MatrixView<float> c) {
    sgemm_nt(1.0F, a, b, 0.0F, c);
}

/// c = a b.
inline void sgemm_nn(MatrixView<const float> a, MatrixView<const float> b, MatrixView<float> c) {
    sgemm_nn(1.0F, a, b, 0.0F, c);
}

/// The kernel set that OpenBLAS chose for this processor, e.g. "SkylakeX". Results of two kernel
/// sets may differ in the last bits, so every result records it.
std::string blas_core_type();

}  // namespace attohm
