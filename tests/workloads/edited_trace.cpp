#include "tests/workloads/edited_trace.hpp"

#include <algorithm>
#include <cstring>

#include "src/base/error.hpp"

namespace attohm::testing {

namespace {

class MemorySource final : public ElementSource {
  public:
    MemorySource(H5Shape shape, H5RawType type, std::vector<std::byte> bytes)
        : shape_(std::move(shape)), type_(std::move(type)), bytes_(std::move(bytes)) {}
    const H5Shape& shape() const override { return shape_; }
    const H5RawType& type() const override { return type_; }
    int gzip() const override { return 0; }
    /// Whole sources only: they are small.
    void read(const H5Block& block, std::span<std::byte> out) const override {
        ATTOHM_CHECK(block.count == shape_);
        std::copy(bytes_.begin(), bytes_.end(), out.begin());
    }

  private:
    H5Shape shape_;
    H5RawType type_;
    std::vector<std::byte> bytes_;
};

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    return {bytes.begin(), bytes.end()};
}

template <class T>
CopyItem dataset_item(const std::string& path, const H5Shape& shape, std::vector<T> values) {
    CopyItem item;
    item.to = path;
    item.elements = [shape, values] { return memory_source(shape, values); };
    return item;
}

std::vector<std::uint8_t> pattern(std::size_t count, unsigned factor) {
    std::vector<std::uint8_t> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = (i * factor + i / 7) % 5 < 3 ? 1 : 0;
    return values;
}

}  // namespace

SourcePointer memory_source(const H5Shape& shape, std::vector<std::uint8_t> values) {
    return std::make_unique<MemorySource>(shape, H5RawType::uint8(), bytes_of(values));
}

SourcePointer memory_source(const H5Shape& shape, std::vector<float> values) {
    return std::make_unique<MemorySource>(shape, H5RawType::float32(), bytes_of(values));
}

void write_rich_trace(const std::string& path, bool weights) {
    const std::string plain = path + ".plain";
    Faults faults;
    faults.weights = weights;
    faults.missing = {"/model/thresholds/learned"};
    write_small_trace(plain, faults);
    const H5File file = H5File::open(plain);
    std::vector<CopyItem> items = all_items(file.root());
    std::vector<float> learned;
    for (int i = 0; i < 8; ++i) learned.push_back(0.125F * static_cast<float>(i) - 0.5F);
    items.push_back(dataset_item("/model/thresholds/learned", {2, 4}, learned));
    items.back().set["compares"] = std::string("scaled score");
    items.push_back({"/model/masks"});
    items.push_back(dataset_item("/model/masks/fixed", {2, 4, 5, 5}, pattern(200, 3)));
    items.push_back(dataset_item("/model/masks/shared", {2, 1, 5, 5}, pattern(50, 2)));
    items.push_back({"/notes", {}, {{"who", std::string("nobody")}, {"ratio", 0.25}}});
    items.push_back(dataset_item("/notes/numbers", {3}, std::vector<float>{1.0F, 2.0F, 4.0F}));
    items.push_back({"/samples/000001/extra", {}, {{"count", std::int64_t{7}}}});
    (void)write_copy(path, {file.root(), {}, "none", "by hand"}, std::move(items));
    std::remove(plain.c_str());
}

std::string first_difference(const std::string& a, const std::string& b) {
    const H5File x = H5File::open(a);
    const H5File y = H5File::open(b);
    const std::vector<CopyItem> left = all_items(x.root());
    const std::vector<CopyItem> right = all_items(y.root());
    for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
        if (left[i].to != right[i].to) return left[i].to + " against " + right[i].to;
        const std::string difference = difference_of(left[i], right[i]);
        if (!difference.empty()) return left[i].to + ": " + difference;
    }
    return left.size() == right.size() ? "" : "another number of objects";
}

std::string content_hash_of(const std::string& path) {
    return H5File::open(path).root().text("content_sha256");
}

std::vector<std::byte> raw_bytes(const std::string& path, const std::string& dataset) {
    return H5File::open(path).root().read_raw(dataset).bytes;
}

}  // namespace attohm::testing
