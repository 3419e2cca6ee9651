#include "src/base/blas.hpp"

#include <cblas.h>

#include <algorithm>

namespace attohm {

namespace {

/// Threads of OpenBLAS would add in another order; our own loops are the parallel ones.
void pin_to_one_thread() {
    static const bool pinned = [] {
        openblas_set_num_threads(1);
        return true;
    }();
    (void)pinned;
}

blasint leading(std::size_t stride, std::size_t cols) {
    return static_cast<blasint>(std::max({stride, cols, std::size_t{1}}));
}

void sgemm(CBLAS_TRANSPOSE transpose_b, float alpha, MatrixView<const float> a,
           MatrixView<const float> b, float beta, MatrixView<float> c) {
    if (c.empty()) return;
    pin_to_one_thread();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, transpose_b, static_cast<blasint>(c.rows),
                static_cast<blasint>(c.cols), static_cast<blasint>(a.cols), alpha, a.data,
                leading(a.stride, a.cols), b.data, leading(b.stride, b.cols), beta, c.data,
                leading(c.stride, c.cols));
}

}  // namespace

void sgemm_nt(float alpha, MatrixView<const float> a, MatrixView<const float> b, float beta,
              MatrixView<float> c) {
    ATTOHM_CHECK_EQ(a.cols, b.cols);
    ATTOHM_CHECK_EQ(c.rows, a.rows);
    ATTOHM_CHECK_EQ(c.cols, b.rows);
    sgemm(CblasTrans, alpha, a, b, beta, c);
}

void sgemm_nn(float alpha, MatrixView<const float> a, MatrixView<const float> b, float beta,
              MatrixView<float> c) {
    ATTOHM_CHECK_EQ(a.cols, b.rows);
    ATTOHM_CHECK_EQ(c.rows, a.rows);
    ATTOHM_CHECK_EQ(c.cols, b.cols);
    sgemm(CblasNoTrans, alpha, a, b, beta, c);
}

std::string blas_core_type() {
    return openblas_get_corename();
}

}  // namespace attohm
