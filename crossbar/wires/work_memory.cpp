#include "crossbar/wires/work_memory.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstdlib>
#include <new>

namespace attohm {

namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{1} << 21;

}  // namespace

void WorkMemory::Free::operator()(double* p) const {
    std::free(p);
}

void WorkMemory::reserve(std::size_t count) {
    if (count <= capacity_ && data_) return;
    const std::size_t bytes = count * sizeof(double);
    const std::size_t alignment = bytes >= kHugePage ? kHugePage : kLine;
    const std::size_t rounded = (bytes + alignment) / alignment * alignment;
    data_.reset(static_cast<double*>(std::aligned_alloc(alignment, rounded)));
    if (!data_) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    if (alignment == kHugePage) static_cast<void>(madvise(data_.get(), rounded, MADV_HUGEPAGE));
#endif
    capacity_ = rounded / sizeof(double);
}

}  // namespace attohm
