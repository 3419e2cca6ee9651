#include "src/base/hdf5_raw.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "src/base/hdf5_open_dataset.hpp"

namespace attohm {

struct H5RawAccess {
    static hid_t file(const H5Group& group) { return group.state_->file.get(); }
};

namespace {

/// Closes a type under the lock.
struct HeldType {
    explicit HeldType(H5Handle owned_type) : type(std::move(owned_type)) {}
    HeldType(const HeldType&) = delete;
    HeldType& operator=(const HeldType&) = delete;
    ~HeldType() {
        const H5Lock lock;
        (void)type.close();
    }
    H5Handle type;
};

hid_t id_of(const H5RawType& type) {
    return static_cast<const HeldType*>(type.handle.get())->type.get();
}

H5RawType held(H5Handle type, std::string numpy) {
    H5RawType raw;
    raw.bytes = H5Tget_size(type.get());
    raw.numpy = std::move(numpy);
    raw.handle = std::make_shared<const HeldType>(std::move(type));
    return raw;
}

std::string numpy_name(hid_t type) {
    const std::size_t size = H5Tget_size(type);
    const H5T_class_t kind = H5Tget_class(type);
    const char order = size == 1 ? '|' : H5Tget_order(type) == H5T_ORDER_BE ? '>' : '<';
    if (kind == H5T_FLOAT) return fmt::format("{}f{}", order, size);
    if (kind == H5T_INTEGER)
        return fmt::format("{}{}{}", order, H5Tget_sign(type) == H5T_SGN_NONE ? 'u' : 'i', size);
    if (kind == H5T_ENUM && size == 1) return "|b1";
    if (kind == H5T_STRING) return fmt::format("|S{}", size);
    return fmt::format("|V{}", size);
}

/// A copy that lives outside of its file.
H5RawType copied_type(hid_t type, const std::string& where) {
    const bool varies = H5Tdetect_class(type, H5T_VLEN) > 0 || H5Tis_variable_str(type) > 0;
    if (varies || H5Tdetect_class(type, H5T_REFERENCE) > 0)
        throw UserError("data that cannot be copied to another file", where, type_text(type),
                        "numbers, texts, and records of numbers");
    return held(owned(H5Tcopy(type), H5Tclose, "cannot copy the type", where), numpy_name(type));
}

std::vector<hsize_t> extents_of(const H5Shape& shape) {
    return {shape.begin(), shape.end()};
}

H5Handle space_of(const H5Shape& shape, const std::string& where) {
    const std::vector<hsize_t> extents = extents_of(shape);
    const int rank = static_cast<int>(extents.size());
    return owned(
        rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, extents.data(), nullptr),
        H5Sclose, "cannot make a space", where);
}

/// The block selected in a file's space.
H5Handle selected(hid_t space, const H5Block& block, const std::string& where) {
    H5Handle chosen = owned(H5Scopy(space), H5Sclose, "cannot select", where);
    if (block.count.empty()) return chosen;
    const std::vector<hsize_t> start = extents_of(block.start);
    const std::vector<hsize_t> count = extents_of(block.count);
    if (H5Sselect_hyperslab(chosen.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(),
                            nullptr) < 0)
        fail_h5("cannot select", where);
    return chosen;
}

int gzip_level(hid_t dataset, const std::string& where) {
    const H5Handle creation =
        owned(H5Dget_create_plist(dataset), H5Pclose, "cannot read the layout", where);
    const int filters = H5Pget_nfilters(creation.get());
    for (int i = 0; i < filters; ++i) {
        unsigned flags = 0;
        std::size_t count = 1;
        std::array<unsigned, 1> values{};
        unsigned config = 0;
        const H5Z_filter_t filter = H5Pget_filter2(creation.get(), static_cast<unsigned>(i), &flags,
                                                   &count, values.data(), 0, nullptr, &config);
        if (filter == H5Z_FILTER_DEFLATE) return static_cast<int>(values[0]);
    }
    return 0;
}

herr_t collect_attribute_name(hid_t, const char* name, const H5A_info_t*, void* names) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
}

}  // namespace

H5RawType H5RawType::float16() {
    const H5Lock lock;
    return held(float16_type(""), "<f2");
}

H5RawType H5RawType::float32() {
    const H5Lock lock;
    return held(owned(H5Tcopy(H5T_IEEE_F32LE), H5Tclose, "cannot make a type", ""), "<f4");
}

H5RawType H5RawType::uint8() {
    const H5Lock lock;
    return held(owned(H5Tcopy(H5T_STD_U8LE), H5Tclose, "cannot make a type", ""), "|u1");
}

H5RawType H5RawType::text(std::size_t size) {
    const H5Lock lock;
    return held(fixed_text_type(size, ""), fmt::format("|S{}", std::max<std::size_t>(1, size)));
}

struct H5RawReader::Open {
    Open(const H5Group& group) : dataset(H5RawAccess::file(group), group.path(), group.where()) {}
    OpenDataset dataset;
};

H5RawReader::H5RawReader(const H5Group& dataset) {
    const H5Lock lock;
    open_ = std::make_unique<Open>(dataset);
    const OpenDataset& open = open_->dataset;
    if (H5Sget_simple_extent_type(open.space.get()) == H5S_NULL)
        throw UserError("a dataset without a shape", open.where, "an empty space",
                        "a scalar or an array");
    shape_ = open.shape();
    gzip_ = gzip_level(open.dataset.get(), open.where);
    if (H5Tis_variable_str(open.type.get()) > 0)
        read_texts(dataset);
    else
        type_ = copied_type(open.type.get(), open.where);
}

H5RawReader::~H5RawReader() {
    const H5Lock lock;
    open_.reset();
}

void H5RawReader::read_texts(const H5Group& dataset) {
    const std::vector<std::string> texts = dataset.read_texts("");
    std::size_t size = 1;
    for (const std::string& text : texts) size = std::max(size, text.size());
    type_ = H5RawType::text(size);
    texts_.resize(size * texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i)
        std::memcpy(texts_.data() + i * size, texts[i].data(), texts[i].size());
}

void H5RawReader::read(const H5Block& block, std::span<std::byte> out) const {
    ATTOHM_CHECK_EQ(out.size(), block.elements() * type_.bytes);
    if (out.empty()) return;
    if (!texts_.empty()) {
        // Few and small: only whole tables of them are asked for.
        ATTOHM_CHECK_EQ(out.size(), texts_.size());
        std::copy(texts_.begin(), texts_.end(), out.begin());
        return;
    }
    const H5Lock lock;
    const OpenDataset& open = open_->dataset;
    const H5Handle memory = space_of(block.count, open.where);
    const H5Handle file = selected(open.space.get(), block, open.where);
    open.read(id_of(type_), out.data(), memory.get(), file.get());
}

struct H5RawWriter::Open {
    H5RawType type;
    H5Handle space;
    H5Handle dataset;
    std::string where;
};

H5RawWriter::H5RawWriter(const H5Group& root, std::string_view path, const H5RawType& type,
                         const H5Shape& shape, const H5Layout& layout) {
    const H5Lock lock;
    const std::string where = root.where(path);
    H5Handle space = space_of(shape, where);
    const H5Handle creation = h5_creation_properties(layout, shape, where);
    H5Handle dataset =
        owned(H5Dcreate2(H5RawAccess::file(root), std::string(path).c_str(), id_of(type),
                         space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
              H5Dclose, "cannot write the dataset", where);
    open_ = std::make_unique<Open>(Open{type, std::move(space), std::move(dataset), where});
}

H5RawWriter::~H5RawWriter() {
    const H5Lock lock;
    open_.reset();
}

void H5RawWriter::write(const H5Block& block, std::span<const std::byte> values) const {
    ATTOHM_CHECK_EQ(values.size(), block.elements() * open_->type.bytes);
    if (values.empty()) return;
    const H5Lock lock;
    const H5Handle memory = space_of(block.count, open_->where);
    const H5Handle file = selected(open_->space.get(), block, open_->where);
    if (H5Dwrite(open_->dataset.get(), id_of(open_->type), memory.get(), file.get(), H5P_DEFAULT,
                 values.data()) < 0)
        throw UserError("cannot write the dataset", open_->where,
                        "the HDF5 library's \"" + h5_reason() + "\"", "a disk with room");
}

std::vector<std::string> attribute_names(const H5Group& object) {
    const H5Lock lock;
    const H5Handle opened =
        owned(H5Oopen(H5RawAccess::file(object), object.path().c_str(), H5P_DEFAULT), H5Oclose,
              "cannot open the object", object.where());
    std::vector<std::string> names;
    hsize_t position = 0;
    if (H5Aiterate2(opened.get(), H5_INDEX_NAME, H5_ITER_NATIVE, &position, collect_attribute_name,
                    &names) < 0)
        fail_h5("cannot list the attributes", object.where());
    std::sort(names.begin(), names.end());
    return names;
}

H5RawAttribute read_raw_attribute(const H5Group& object, std::string_view name) {
    const H5Lock lock;
    const std::string where = object.where_attribute(name);
    const char* what = "cannot read the attribute";
    const H5Handle attribute =
        owned(H5Aopen_by_name(H5RawAccess::file(object), object.path().c_str(),
                              std::string(name).c_str(), H5P_DEFAULT, H5P_DEFAULT),
              H5Aclose, what, where);
    const H5Handle type = owned(H5Aget_type(attribute.get()), H5Tclose, what, where);
    const H5Handle space = owned(H5Aget_space(attribute.get()), H5Sclose, what, where);
    if (H5Sget_simple_extent_type(space.get()) == H5S_NULL)
        throw UserError("an attribute without a value", where, "an empty space", "a value");
    H5RawAttribute raw{copied_type(type.get(), where), shape_of(space.get()), {}};
    raw.bytes.resize(shape_elements(raw.shape) * raw.type.bytes);
    if (!raw.bytes.empty() && H5Aread(attribute.get(), id_of(raw.type), raw.bytes.data()) < 0)
        fail_h5(what, where);
    return raw;
}

void write_raw_attribute(const H5Group& object, std::string_view name,
                         const H5RawAttribute& attribute) {
    const H5Lock lock;
    const std::string where = object.where_attribute(name);
    const char* what = "cannot write the attribute";
    const H5Handle space = space_of(attribute.shape, where);
    const H5Handle made =
        owned(H5Acreate_by_name(H5RawAccess::file(object), object.path().c_str(),
                                std::string(name).c_str(), id_of(attribute.type), space.get(),
                                H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
              H5Aclose, what, where);
    if (!attribute.bytes.empty() &&
        H5Awrite(made.get(), id_of(attribute.type), attribute.bytes.data()) < 0)
        fail_h5(what, where);
}

}  // namespace attohm
