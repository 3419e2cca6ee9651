#include "src/machine/schedule/pipeline.hpp"

#include <algorithm>

namespace attohm {

namespace {

void check_shape(const PipelineShape& shape) {
    ATTOHM_CHECK_LE(std::int64_t{0}, shape.load);
    ATTOHM_CHECK_LE(std::int64_t{0}, shape.compute);
    ATTOHM_CHECK_LE(std::int64_t{0}, shape.store);
    ATTOHM_CHECK_LE(std::int64_t{1}, shape.iterations);
    ATTOHM_CHECK(shape.buffers == 1 || shape.buffers == 2);
}

/// Load, compute, store, each on its own resource.
std::vector<TaskLoop> separate_loops(const PipelineShape& shape, const PipelineResources& on) {
    const std::int32_t back = shape.buffers;
    TaskLoop loop;
    loop.repeat = shape.iterations;
    loop.body = {
        Task{.resource = on.load, .cycles = shape.load, .after = {{1, back}}},
        Task{.resource = on.compute, .cycles = shape.compute, .after = {{0, 0}, {2, back}}},
        Task{.resource = on.store, .cycles = shape.store, .after = {{1, 0}}}};
    return {loop};
}

/// Load of this iteration, store of the one before, compute of this one: n + 1 iterations, of which
/// the first has nothing to store and the last nothing to load and to compute.
std::vector<TaskLoop> shared_loops(const PipelineShape& shape, const PipelineResources& on) {
    const std::int32_t back = shape.buffers;
    TaskLoop first;
    first.body = {
        Task{.resource = on.load, .cycles = shape.load, .after = {{2, back}}},
        Task{.resource = on.load, .after = {{2, 1}}},
        Task{.resource = on.compute, .cycles = shape.compute, .after = {{0, 0}, {1, back - 1}}}};
    TaskLoop middle = first;
    middle.entry = LoopEntry::continues;
    middle.repeat = shape.iterations - 1;
    middle.body[1].cycles = shape.store;
    TaskLoop last = middle;
    last.repeat = 1;
    last.body[0].cycles = last.body[2].cycles = 0;
    if (shape.iterations == 1) return {first, last};
    return {first, middle, last};
}

}  // namespace

std::vector<TaskLoop> pipeline_loops(const PipelineShape& shape,
                                     const PipelineResources& resources) {
    check_shape(shape);
    return shape.shared_port ? shared_loops(shape, resources) : separate_loops(shape, resources);
}

std::int64_t steady_state_cycles(const PipelineShape& shape) {
    check_shape(shape);
    const std::int64_t l = shape.load;
    const std::int64_t c = shape.compute;
    const std::int64_t s = shape.store;
    const std::int64_t n = shape.iterations;
    if (n == 1) return l + c + s;
    if (!shape.shared_port) {
        const std::int64_t step = shape.buffers == 2 ? std::max({l, c, s}) : c + std::max(l, s);
        return l + c + s + (n - 1) * step;
    }
    if (shape.buffers == 1) return n * (l + c + s);
    if (c >= l + s) return l + s + n * c;
    return (n - 1) * (l + s) + std::max({l + s, c + std::max(l, s), 2 * c});
}

}  // namespace attohm
