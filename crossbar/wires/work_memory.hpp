#pragma once

#include <cstddef>
#include <memory>

/// One block of uninitialised doubles for a solve, cache-line aligned; large ones ask for huge
/// pages, because touching fresh memory page by page costs more than the arithmetic of a small
/// array.
namespace attohm {

class WorkMemory {
  public:
    /// Makes room for `count` doubles; what was there is lost.
    void reserve(std::size_t count);
    double* data() { return data_.get(); }
    const double* data() const { return data_.get(); }

  private:
    struct Free {
        void operator()(double* p) const;
    };
    std::unique_ptr<double[], Free> data_;
    std::size_t capacity_ = 0;
};

}  // namespace attohm
