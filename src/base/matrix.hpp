#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "src/base/error.hpp"

namespace attohm {

/// Cache-line aligned storage, so that vector kernels never straddle lines at the start of a
/// matrix.
template <class T>
struct AlignedAllocator {
    using value_type = T;
    static constexpr std::size_t kAlignment = 64;
    AlignedAllocator() = default;
    template <class U>
    AlignedAllocator(const AlignedAllocator<U>&) {}
    T* allocate(std::size_t n) {
        return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{kAlignment}));
    }
    void deallocate(T* p, std::size_t) { ::operator delete (p, std::align_val_t{kAlignment}); }
    template <class U>
    bool operator==(const AlignedAllocator<U>&) const {
        return true;
    }
};

/// Leaves new elements as they are: for storage that is written before it is read.
template <class T>
struct UninitialisedAllocator : AlignedAllocator<T> {
    UninitialisedAllocator() = default;
    template <class U>
    UninitialisedAllocator(const UninitialisedAllocator<U>&) {}
    template <class U>
    struct rebind {
        using other = UninitialisedAllocator<U>;
    };
    template <class U, class... Args>
    void construct(U* p, Args&&... args) {
        if constexpr (sizeof...(Args) == 0) {
            ::new (static_cast<void*>(p)) U;
        } else {
            ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
        }
    }
};

template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

/// Row-major view of a dense matrix; `T` may be const. Rows are `stride` elements apart.
template <class T>
struct MatrixView {
    T* data = nullptr;
    std::size_t rows = 0;
    std::size_t cols = 0;
    std::size_t stride = 0;

    MatrixView() = default;
    MatrixView(T* data_, std::size_t rows_, std::size_t cols_, std::size_t stride_)
        : data(data_), rows(rows_), cols(cols_), stride(stride_) {}
    MatrixView(T* data_, std::size_t rows_, std::size_t cols_)
        : MatrixView(data_, rows_, cols_, cols_) {}
    /// A mutable view is also a read-only one.
    template <class U>
    requires std::is_same_v<const U, T> MatrixView(const MatrixView<U>& other)
        : MatrixView(other.data, other.rows, other.cols, other.stride) {}

    T* row(std::size_t i) const { return data + i * stride; }
    T& operator()(std::size_t i, std::size_t j) const { return data[i * stride + j]; }
    bool empty() const { return rows == 0 || cols == 0; }
    MatrixView columns(std::size_t first, std::size_t count) const {
        return {data + first, rows, count, stride};
    }
    MatrixView top(std::size_t count) const { return {data, count, cols, stride}; }
    MatrixView rows_from(std::size_t first, std::size_t count) const {
        return {data + first * stride, count, cols, stride};
    }
};

/// Owning row-major matrix without padding between rows.
template <class T>
class Matrix {
  public:
    Matrix() = default;
    Matrix(std::size_t rows, std::size_t cols, T value = T{})
        : rows_(rows), cols_(cols), data_(rows * cols, value) {}

    std::size_t rows() const { return rows_; }
    std::size_t cols() const { return cols_; }
    std::size_t size() const { return data_.size(); }
    bool empty() const { return data_.empty(); }
    T* data() { return data_.data(); }
    const T* data() const { return data_.data(); }
    T* row(std::size_t i) { return data_.data() + i * cols_; }
    const T* row(std::size_t i) const { return data_.data() + i * cols_; }
    T& operator()(std::size_t i, std::size_t j) { return data_[i * cols_ + j]; }
    const T& operator()(std::size_t i, std::size_t j) const { return data_[i * cols_ + j]; }
    MatrixView<T> view() { return {data_.data(), rows_, cols_}; }
    MatrixView<const T> view() const { return {data_.data(), rows_, cols_}; }
    /// Changes the shape; what it held is lost, and what it holds is not defined until it is
    /// written.
    void resize(std::size_t rows, std::size_t cols) {
        rows_ = rows;
        cols_ = cols;
        data_.clear();
        data_.resize(rows * cols);
    }

  private:
    std::size_t rows_ = 0;
    std::size_t cols_ = 0;
    std::vector<T, UninitialisedAllocator<T>> data_;
};

}  // namespace attohm
