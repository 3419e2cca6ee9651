#include "src/base/hdf5_chunks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "src/base/hdf5_filters.hpp"
#include "src/base/parallel.hpp"

namespace attohm {

namespace {

struct ChunkPlan {
    H5Shape chunk;                          ///< extents
    std::vector<H5Filter> filters;          ///< in the order they were applied
    std::vector<std::vector<hsize_t>> all;  ///< offsets of the chunks that the slab touches
};

std::optional<std::vector<H5Filter>> known_filters(hid_t creation) {
    std::vector<H5Filter> filters;
    const int count = H5Pget_nfilters(creation);
    for (int i = 0; i < count; ++i) {
        unsigned flags = 0;
        std::size_t values = 0;
        const H5Z_filter_t id = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values,
                                               nullptr, 0, nullptr, nullptr);
        if (id == H5Z_FILTER_DEFLATE)
            filters.push_back(H5Filter::deflate);
        else if (id == H5Z_FILTER_SHUFFLE)
            filters.push_back(H5Filter::shuffle);
        else if (id == H5Z_FILTER_FLETCHER32)
            filters.push_back(H5Filter::fletcher32);
        else
            return std::nullopt;
    }
    return filters;
}

std::size_t chunks_below(std::size_t end, std::size_t extent) {
    return (end + extent - 1) / extent;
}

/// Every multiple of the chunk's extents that the slab touches, last axis fastest.
std::vector<std::vector<hsize_t>> chunk_offsets(const H5Shape& shape, const H5Shape& chunk,
                                                const H5Slab& slab) {
    H5Shape low(shape.size(), 0);
    H5Shape high;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
        high.push_back(chunks_below(shape[axis], chunk[axis]));
    low[0] = slab.first / chunk[0];
    high[0] = chunks_below(slab.first + slab.count, chunk[0]);
    std::vector<std::vector<hsize_t>> all;
    H5Shape at = low;
    while (at[0] < high[0]) {
        std::vector<hsize_t>& offset = all.emplace_back();
        for (std::size_t axis = 0; axis < at.size(); ++axis)
            offset.push_back(at[axis] * chunk[axis]);
        std::size_t axis = at.size() - 1;
        while (++at[axis] == high[axis] && axis > 0) {
            at[axis] = low[axis];
            --axis;
        }
    }
    return all;
}

/// Nothing where the library itself has to read. The lock must be held.
std::optional<ChunkPlan> plan_chunks(hid_t dataset, const H5Shape& shape, const H5Slab& slab,
                                     const std::string& where) {
    if (shape.empty() || slab.count == 0 || shape_elements(shape) == 0) return std::nullopt;
    const H5Handle creation =
        owned(H5Dget_create_plist(dataset), H5Pclose, "cannot read the layout", where);
    if (H5Pget_layout(creation.get()) != H5D_CHUNKED) return std::nullopt;
    std::optional<std::vector<H5Filter>> filters = known_filters(creation.get());
    if (!filters) return std::nullopt;
    std::vector<hsize_t> extents(shape.size());
    H5Pget_chunk(creation.get(), static_cast<int>(extents.size()), extents.data());
    ChunkPlan plan{H5Shape(extents.begin(), extents.end()), std::move(*filters), {}};
    plan.all = chunk_offsets(shape, plan.chunk, slab);
    return plan;
}

/// Copies the part of a decoded chunk that lies in the slab, run by run of neighbours.
class Scatter {
  public:
    Scatter(const H5Shape& shape, const H5Shape& chunk, const H5Slab& slab)
        : shape_(shape), chunk_(chunk), slab_(slab) {
        // Trailing axes that a chunk holds whole belong to one run.
        split_ = shape.size() - 1;
        while (split_ > 0 && chunk[split_] == shape[split_]) {
            inner_ *= shape[split_];
            --split_;
        }
    }

    void copy(const std::vector<hsize_t>& offset, const std::byte* from, std::size_t element_bytes,
              H5PutElements put, void* out) const {
        H5Shape begin(split_ + 1);
        H5Shape end(split_ + 1);
        for (std::size_t axis = 0; axis <= split_; ++axis) {
            begin[axis] = offset[axis];
            end[axis] = std::min<std::size_t>(offset[axis] + chunk_[axis], shape_[axis]);
        }
        begin[0] = std::max(begin[0], slab_.first);
        end[0] = std::min(end[0], slab_.first + slab_.count);
        const std::size_t run = (end[split_] - begin[split_]) * inner_;
        H5Shape at = begin;
        while (true) {
            put(out, index_in_slab(at), from + index_in_chunk(at, offset) * element_bytes, run);
            // The next row of the axes before the run's.
            std::size_t axis = split_;
            while (axis > 0 && ++at[axis - 1] == end[axis - 1]) {
                at[axis - 1] = begin[axis - 1];
                --axis;
            }
            if (axis == 0) return;
        }
    }

  private:
    std::size_t index_in_slab(const H5Shape& at) const {
        std::size_t index = at[0] - slab_.first;
        for (std::size_t axis = 1; axis <= split_; ++axis) index = index * shape_[axis] + at[axis];
        return index * inner_;
    }
    std::size_t index_in_chunk(const H5Shape& at, const std::vector<hsize_t>& offset) const {
        std::size_t index = 0;
        for (std::size_t axis = 0; axis <= split_; ++axis)
            index = index * chunk_[axis] + (at[axis] - offset[axis]);
        return index * inner_;
    }

    const H5Shape& shape_;
    const H5Shape& chunk_;
    H5Slab slab_;
    std::size_t split_ = 0;  ///< the run goes over this axis and all after it
    std::size_t inner_ = 1;  ///< elements of one index of it
};

/// Returns: false when the chunk was never written.
bool fetch_chunk(hid_t dataset, const std::vector<hsize_t>& offset, std::uint32_t& skipped,
                 std::vector<std::byte>& bytes, const std::string& where) {
    const H5Lock lock;
    hsize_t size = 0;
    if (H5Dget_chunk_storage_size(dataset, offset.data(), &size) < 0 || size == 0) return false;
    bytes.resize(size);
    if (H5Dread_chunk(dataset, H5P_DEFAULT, offset.data(), &skipped, bytes.data()) < 0)
        throw UserError("cannot read the dataset", where, "damaged data (\"" + h5_reason() + "\")",
                        "sound data");
    return true;
}

}  // namespace

bool read_chunks(hid_t dataset, hid_t type, const H5Shape& shape, const H5Slab& slab,
                 const std::string& where, H5PutElements put, void* out) {
    std::optional<ChunkPlan> plan;
    std::size_t element_bytes = 0;
    {
        const H5Lock lock;
        plan = plan_chunks(dataset, shape, slab, where);
        element_bytes = H5Tget_size(type);
    }
    if (!plan) return false;
    const std::size_t chunk_bytes = shape_elements(plan->chunk) * element_bytes;
    const Scatter scatter(shape, plan->chunk, slab);
    std::vector<std::uint8_t> missing(plan->all.size(), 0);
    parallel_for(plan->all.size(), [&](std::size_t i) {
        thread_local H5ChunkBuffers buffers;
        const std::vector<hsize_t>& offset = plan->all[i];
        std::uint32_t skipped = 0;
        if (!fetch_chunk(dataset, offset, skipped, buffers.bytes, where)) {
            missing[i] = 1;
            return;
        }
        if (!h5_decode_chunk(plan->filters, skipped, element_bytes, chunk_bytes, buffers))
            throw UserError("cannot read the dataset", where,
                            fmt::format("damaged data in the chunk at {}",
                                        shape_text(H5Shape(offset.begin(), offset.end()))),
                            "sound data");
        scatter.copy(offset, buffers.bytes.data(), element_bytes, put, out);
    });
    return std::find(missing.begin(), missing.end(), 1) == missing.end();
}

}  // namespace attohm
