#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "src/base/float16.hpp"
#include "src/base/hdf5_chunks.hpp"
#include "src/base/hdf5_open_dataset.hpp"

/// Large tensors of the HDF5 layer: read in slabs of their first axis.
namespace attohm {

namespace {

/// What is read at once where the library reads, so that widening finds it in the cache.
constexpr std::size_t kBlockBytes = std::size_t{1} << 20U;

template <class T>
void put_same(void* out, std::size_t at, const std::byte* from, std::size_t count) {
    std::memcpy(static_cast<T*>(out) + at, from, count * sizeof(T));
}

void put_halves(void* out, std::size_t at, const std::byte* from, std::size_t count) {
    const auto* bits = reinterpret_cast<const std::uint16_t*>(from);
    widen_halves({bits, count}, {static_cast<float*>(out) + at, count});
}

/// An open dataset that takes the lock to be opened and closed, and leaves it in between.
class SharedDataset {
  public:
    SharedDataset(hid_t file, const std::string& path, const std::string& where) {
        const H5Lock lock;
        open_.emplace(file, path, where);
        shape_ = open_->shape();
    }
    SharedDataset(const SharedDataset&) = delete;
    SharedDataset& operator=(const SharedDataset&) = delete;
    ~SharedDataset() {
        const H5Lock lock;
        open_.reset();
    }
    const OpenDataset& operator*() const { return *open_; }
    const OpenDataset* operator->() const { return &*open_; }
    const H5Shape& shape() const { return shape_; }
    /// Elements of one index of the first axis.
    std::size_t plane() const {
        return shape_.empty() ? 1 : shape_elements({shape_.begin() + 1, shape_.end()});
    }
    /// All of it; a scalar counts as one index.
    H5Slab whole() const { return {0, shape_.empty() ? 1 : shape_[0]}; }

    void require(const H5Slab& slab, std::size_t elements) const {
        const std::size_t planes = whole().count;
        if (slab.first > planes || slab.count > planes - slab.first)
            throw UserError("no such part of the dataset", open_->where,
                            fmt::format("{} from {} on", slab.count, slab.first),
                            fmt::format("the {} of the first axis", planes));
        if (slab.count * plane() != elements)
            throw UserError("wrong number of elements", open_->where, shape_text(shape_),
                            fmt::format("{} elements", elements));
    }

    /// Lets the library read a slab, at most kBlockBytes at once, and hands it on.
    template <class T>
    void read_blocks(const H5Slab& slab, hid_t memory_type, H5PutElements put, void* out) const {
        const std::size_t row = std::max<std::size_t>(1, plane());
        const std::size_t rows = std::max<std::size_t>(1, kBlockBytes / (row * sizeof(T)));
        std::vector<T> block;
        for (std::size_t done = 0; done < slab.count; done += rows) {
            const H5Slab part{slab.first + done, std::min(rows, slab.count - done)};
            block.resize(part.count * plane());
            read_part(part, memory_type, block.data());
            put(out, done * plane(), reinterpret_cast<const std::byte*>(block.data()),
                block.size());
        }
    }
    void read_part(const H5Slab& slab, hid_t memory_type, void* out) const {
        const H5Lock lock;
        if (shape_.empty() || slab.count * plane() == 0) {
            if (shape_.empty()) open_->read(memory_type, out);
            return;
        }
        std::vector<hsize_t> start(shape_.size(), 0);
        std::vector<hsize_t> count(shape_.begin(), shape_.end());
        start[0] = slab.first;
        count[0] = slab.count;
        const H5Handle file = owned(H5Scopy(open_->space.get()), H5Sclose, "cannot select", "");
        H5Sselect_hyperslab(file.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(),
                            nullptr);
        const H5Handle memory =
            owned(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), H5Sclose,
                  "cannot select", open_->where);
        open_->read(memory_type, out, memory.get(), file.get());
    }

  private:
    std::optional<OpenDataset> open_;
    H5Shape shape_;
};

void read_floats(const SharedDataset& open, const H5Slab& slab, std::span<float> out) {
    bool half = false;
    {
        const H5Lock lock;
        half = is_float16(open->type.get());
        if (!half && !is_float32(open->type.get()))
            open->fail_type("float32 or float16, little-endian");
    }
    open.require(slab, out.size());
    const H5PutElements put = half ? put_halves : put_same<float>;
    if (read_chunks(open->dataset.get(), open->type.get(), open.shape(), slab, open->where, put,
                    out.data()))
        return;
    if (half)
        open.read_blocks<std::uint16_t>(slab, open->type.get(), put, out.data());
    else
        open.read_part(slab, open->type.get(), out.data());
}

void read_bytes(const SharedDataset& open, const H5Slab& slab, std::span<std::uint8_t> out) {
    {
        const H5Lock lock;
        const H5T_class_t kind = H5Tget_class(open->type.get());
        const bool byte = H5Tget_size(open->type.get()) == 1;
        if (!byte || (kind != H5T_INTEGER && kind != H5T_ENUM)) open->fail_type("uint8");
    }
    open.require(slab, out.size());
    if (read_chunks(open->dataset.get(), open->type.get(), open.shape(), slab, open->where,
                    put_same<std::uint8_t>, out.data()))
        return;
    open.read_part(slab, open->type.get(), out.data());
}

}  // namespace

void H5Group::read(std::string_view name, std::span<float> out) const {
    const SharedDataset open(state_->file.get(), dataset(name).path(), where(name));
    read_floats(open, open.whole(), out);
}

void H5Group::read(std::string_view name, std::span<std::uint8_t> out) const {
    const SharedDataset open(state_->file.get(), dataset(name).path(), where(name));
    read_bytes(open, open.whole(), out);
}

void H5Group::read_slab(std::string_view name, std::size_t first, std::size_t count,
                        std::span<float> out) const {
    const SharedDataset open(state_->file.get(), dataset(name).path(), where(name));
    read_floats(open, {first, count}, out);
}

void H5Group::read_slab(std::string_view name, std::size_t first, std::size_t count,
                        std::span<std::uint8_t> out) const {
    const SharedDataset open(state_->file.get(), dataset(name).path(), where(name));
    read_bytes(open, {first, count}, out);
}

}  // namespace attohm
