#include "workloads/element_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/error.hpp"
#include "src/base/float16.hpp"
#include "workloads/trace_parts.hpp"

namespace attohm {

namespace {

class StoredSource final : public ElementSource {
  public:
    explicit StoredSource(const H5Group& dataset) : reader_(dataset) {}
    const H5Shape& shape() const override { return reader_.shape(); }
    const H5RawType& type() const override { return reader_.type(); }
    int gzip() const override { return reader_.gzip(); }
    void read(const H5Block& block, std::span<std::byte> out) const override {
        reader_.read(block, out);
    }

  private:
    H5RawReader reader_;
};

class ChosenSource final : public ElementSource {
  public:
    ChosenSource(SourcePointer inner, AxisChoices choices)
        : inner_(std::move(inner)), choices_(std::move(choices)), shape_(inner_->shape()) {
        ATTOHM_CHECK_LE(choices_.size(), shape_.size());
        for (std::size_t axis = 0; axis < choices_.size(); ++axis) {
            if (choices_[axis].empty()) continue;
            ATTOHM_CHECK_LT(choices_[axis].back(), shape_[axis]);
            shape_[axis] = choices_[axis].size();
        }
    }
    const H5Shape& shape() const override { return shape_; }
    const H5RawType& type() const override { return inner_->type(); }
    int gzip() const override { return inner_->gzip(); }

    /// Index by index on the axes that were chosen from, in C order.
    void read(const H5Block& block, std::span<std::byte> out) const override {
        H5Block part = block;
        for (std::size_t axis = 0; axis < choices_.size(); ++axis) part.count[axis] = 1;
        const std::size_t bytes = part.elements() * type().bytes;
        H5Shape position(choices_.size(), 0);
        for (std::size_t done = 0; done < out.size(); done += bytes) {
            for (std::size_t axis = 0; axis < choices_.size(); ++axis) {
                const std::size_t at = block.start[axis] + position[axis];
                part.start[axis] = choices_[axis].empty() ? at : choices_[axis][at];
            }
            inner_->read(part, out.subspan(done, bytes));
            for (std::size_t axis = choices_.size(); axis-- > 0;) {
                if (++position[axis] < block.count[axis]) break;
                position[axis] = 0;
            }
        }
    }

  private:
    SourcePointer inner_;
    AxisChoices choices_;
    H5Shape shape_;
};

/// One float type read as the other.
class ConvertedSource : public ElementSource {
  public:
    ConvertedSource(SourcePointer inner, H5RawType type)
        : inner_(std::move(inner)), type_(std::move(type)) {}
    const H5Shape& shape() const override { return inner_->shape(); }
    const H5RawType& type() const override { return type_; }
    int gzip() const override { return inner_->gzip(); }

  protected:
    const ElementSource& inner() const { return *inner_; }

  private:
    SourcePointer inner_;
    H5RawType type_;
};

/// Index in the dataset of the `flat`-th element of a block.
std::string element_text(const H5Block& block, std::size_t flat) {
    H5Shape index(block.count.size());
    for (std::size_t axis = index.size(); axis-- > 0;) {
        index[axis] = block.start[axis] + flat % block.count[axis];
        flat /= block.count[axis];
    }
    return shape_text(index);
}

class HalfSource final : public ConvertedSource {
  public:
    HalfSource(SourcePointer inner, std::string where)
        : ConvertedSource(std::move(inner), H5RawType::float16()), where_(std::move(where)) {}

    void read(const H5Block& block, std::span<std::byte> out) const override {
        std::vector<float> values(block.elements());
        inner().read(block, std::as_writable_bytes(std::span(values)));
        const std::span bits(reinterpret_cast<std::uint16_t*>(out.data()), values.size());
        narrow_to_halves(values, bits);
        for (std::size_t i = 0; i < bits.size(); ++i)
            if ((bits[i] & 0x7c00U) == 0x7c00U)
                throw UserError("a value is too large for float16", where_,
                                fmt::format("{} at {}", values[i], element_text(block, i)),
                                "values up to 65504, or float32 tensors");
    }

  private:
    std::string where_;
};

class FloatSource final : public ConvertedSource {
  public:
    explicit FloatSource(SourcePointer inner)
        : ConvertedSource(std::move(inner), H5RawType::float32()) {}

    void read(const H5Block& block, std::span<std::byte> out) const override {
        std::vector<std::uint16_t> bits(block.elements());
        inner().read(block, std::as_writable_bytes(std::span(bits)));
        widen_halves(bits, {reinterpret_cast<float*>(out.data()), bits.size()});
    }
};

}  // namespace

SourcePointer stored_source(const H5Group& dataset) {
    return std::make_unique<StoredSource>(dataset);
}

SourcePointer chosen_source(SourcePointer inner, AxisChoices choices) {
    return std::make_unique<ChosenSource>(std::move(inner), std::move(choices));
}

SourcePointer half_source(SourcePointer inner, std::string where) {
    if (inner->type().numpy != "<f4") return inner;
    return std::make_unique<HalfSource>(std::move(inner), std::move(where));
}

SourcePointer float_source(SourcePointer inner) {
    if (inner->type().numpy != "<f2") return inner;
    return std::make_unique<FloatSource>(std::move(inner));
}

void for_each_block(const H5Shape& shape, std::size_t element_bytes, std::size_t bytes,
                    const std::function<void(const H5Block&)>& step) {
    if (shape_elements(shape) == 0) return;
    // Axes from `axis` + 1 on are taken whole, those before one index at a time.
    std::size_t inside = element_bytes;
    std::size_t axis = shape.size();
    while (axis > 0 && inside * shape[axis - 1] <= bytes) inside *= shape[--axis];
    H5Block block{H5Shape(shape.size(), 0), shape};
    if (axis == 0) return step(block);
    --axis;
    const std::size_t rows = std::max<std::size_t>(1, bytes / inside);
    for (std::size_t before = 0; before < axis; ++before) block.count[before] = 1;
    for (;;) {
        for (std::size_t first = 0; first < shape[axis]; first += rows) {
            block.start[axis] = first;
            block.count[axis] = std::min(rows, shape[axis] - first);
            step(block);
        }
        std::size_t next = axis;
        while (next > 0 && ++block.start[next - 1] == shape[next - 1]) block.start[--next] = 0;
        if (next == 0) return;
    }
}

}  // namespace attohm
