#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

/// Parallel loops over independent indices. What a loop computes may depend on the index only,
/// never on the thread, so that the result is the same for any number of threads.
namespace attohm {

/// Number of threads of all later loops; until set, one per processor available.
/// Throws: UserError unless at least 1.
void set_threads(int count);
int threads();

namespace detail {
void run_parallel(std::size_t n, void (*body)(void*, std::size_t), void* context);
}

/// Calls f(index) for every index in [0, n), in any order and from several threads; a loop inside a
/// loop runs serially. Throws: what f threw, of several the one with the lowest index, after all
/// threads have stopped; indices above it may not have run.
template <class F>
void parallel_for(std::size_t n, F&& f) {
    using Body = std::remove_reference_t<F>;
    detail::run_parallel(
        n, [](void* context, std::size_t i) { (*static_cast<Body*>(context))(i); },
        const_cast<void*>(static_cast<const void*>(std::addressof(f))));
}

}  // namespace attohm
