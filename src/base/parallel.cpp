#include "src/base/parallel.hpp"

#include <omp.h>

#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <string>

#include "src/base/error.hpp"

namespace attohm {

namespace {

std::atomic<int> thread_count{0};

/// Keeps the exception with the lowest index.
class FirstFailure {
  public:
    /// Indices above a failed one need not run; those below have begun before it.
    bool is_behind(std::size_t index) const {
        return index > index_.load(std::memory_order_relaxed);
    }
    void record(std::size_t index) {
        const std::scoped_lock lock(mutex_);
        if (index >= index_.load(std::memory_order_relaxed)) return;
        index_.store(index, std::memory_order_relaxed);
        error_ = std::current_exception();
    }
    void rethrow() const {
        if (error_) std::rethrow_exception(error_);
    }

  private:
    std::atomic<std::size_t> index_{std::numeric_limits<std::size_t>::max()};
    std::mutex mutex_;
    std::exception_ptr error_;
};

}  // namespace

void set_threads(int count) {
    if (count < 1)
        throw UserError("not a number of threads", "--threads", std::to_string(count),
                        "a whole number of at least 1");
    thread_count = count;
}

int threads() {
    const int count = thread_count;
    return count > 0 ? count : omp_get_num_procs();
}

void detail::run_parallel(std::size_t n, void (*body)(void*, std::size_t), void* context) {
    if (n <= 1 || threads() == 1 || omp_in_parallel() != 0) {
        for (std::size_t i = 0; i < n; ++i) body(context, i);
        return;
    }
    FirstFailure failure;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads())
    for (std::size_t i = 0; i < n; ++i) {
        if (failure.is_behind(i)) continue;
        try {
            body(context, i);
        } catch (...) {
            failure.record(i);
        }
    }
    failure.rethrow();
}

}  // namespace attohm
