#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "src/base/hdf5_open_dataset.hpp"

/// Datasets of the HDF5 layer.
namespace attohm {

static_assert(std::endian::native == std::endian::little, "files and memory share the byte order");

namespace {

void write_dataset(hid_t file, const std::string& path, hid_t type, const H5Shape& shape,
                   const void* values, std::size_t count, const H5Layout& layout,
                   const std::string& where) {
    ATTOHM_CHECK_EQ(shape_elements(shape), count);
    const char* what = "cannot write the dataset";
    const std::vector<hsize_t> extents(shape.begin(), shape.end());
    const H5Handle space = owned(
        shape.empty() ? H5Screate(H5S_SCALAR)
                      : H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
        H5Sclose, what, where);
    const H5Handle creation = h5_creation_properties(layout, shape, where);
    const H5Handle dataset = owned(
        H5Dcreate2(file, path.c_str(), type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
        H5Dclose, what, where);
    if (count > 0 && H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        throw UserError(what, where, "the HDF5 library's \"" + h5_reason() + "\"",
                        "a disk with room");
}

std::vector<std::string> texts_of(const OpenDataset& open) {
    if (H5Tget_class(open.type.get()) != H5T_STRING) open.fail_type("text");
    const std::size_t count = shape_elements(open.shape());
    std::vector<std::string> texts;
    if (count == 0) return texts;
    if (H5Tis_variable_str(open.type.get()) > 0) {
        std::vector<char*> pointers(count, nullptr);
        open.read(open.type.get(), pointers.data());
        for (const char* text : pointers) texts.emplace_back(text == nullptr ? "" : text);
        H5Dvlen_reclaim(open.type.get(), open.space.get(), H5P_DEFAULT, pointers.data());
        return texts;
    }
    const std::size_t size = H5Tget_size(open.type.get());
    const bool space_padded = H5Tget_strpad(open.type.get()) == H5T_STR_SPACEPAD;
    std::vector<char> bytes(count * size);
    open.read(open.type.get(), bytes.data());
    for (std::size_t i = 0; i < count; ++i)
        texts.push_back(text_from_fixed({bytes.data() + i * size, size}, space_padded));
    return texts;
}

/// A type as NumPy writes it.
std::string numpy_type(const OpenDataset& open) {
    const hid_t type = open.type.get();
    const std::size_t size = H5Tget_size(type);
    const H5T_class_t kind = H5Tget_class(type);
    const char order = size == 1 ? '|' : H5Tget_order(type) == H5T_ORDER_BE ? '>' : '<';
    if (kind == H5T_FLOAT) return fmt::format("{}f{}", order, size);
    if (kind == H5T_INTEGER)
        return fmt::format("{}{}{}", order, H5Tget_sign(type) == H5T_SGN_NONE ? 'u' : 'i', size);
    if (kind == H5T_ENUM && size == 1) return "|b1";
    if (kind == H5T_STRING && H5Tis_variable_str(type) <= 0) return fmt::format("|S{}", size);
    open.fail_type("numbers or text of fixed length");
}

}  // namespace

H5Handle h5_creation_properties(const H5Layout& layout, const H5Shape& shape,
                                const std::string& where) {
    H5Handle creation = owned(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "cannot create", where);
    H5Pset_obj_track_times(creation.get(), false);
    const bool chunked = !layout.chunk.empty() && shape_elements(shape) > 0;
    if (!chunked) return creation;
    ATTOHM_CHECK_EQ(layout.chunk.size(), shape.size());
    const std::vector<hsize_t> chunk(layout.chunk.begin(), layout.chunk.end());
    H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
    if (layout.gzip > 0) {
        H5Pset_shuffle(creation.get());
        H5Pset_deflate(creation.get(), static_cast<unsigned>(layout.gzip));
    }
    if (layout.fletcher32) H5Pset_fletcher32(creation.get());
    return creation;
}

H5DatasetInfo H5Group::info(std::string_view name) const {
    const H5Lock lock;
    const OpenDataset open(state_->file.get(), dataset(name).path(), where(name));
    return {open.shape(), type_text(open.type.get()), H5Dget_storage_size(open.dataset.get())};
}

void H5Group::read(std::string_view name, std::span<double> out) const {
    const H5Lock lock;
    const OpenDataset open(state_->file.get(), dataset(name).path(), where(name));
    if (H5Tget_class(open.type.get()) != H5T_FLOAT || H5Tget_size(open.type.get()) > sizeof(double))
        open.fail_type("float64, float32 or float16");
    open.require_size(out.size());
    open.read(H5T_NATIVE_DOUBLE, out.data());
}

void H5Group::read(std::string_view name, std::span<std::int32_t> out) const {
    const H5Lock lock;
    const OpenDataset open(state_->file.get(), dataset(name).path(), where(name));
    if (!open.fits_signed(sizeof(std::int32_t))) open.fail_type("int32");
    open.require_size(out.size());
    open.read(H5T_NATIVE_INT32, out.data());
}

void H5Group::read(std::string_view name, std::span<std::int64_t> out) const {
    const H5Lock lock;
    const OpenDataset open(state_->file.get(), dataset(name).path(), where(name));
    if (!open.fits_signed(sizeof(std::int64_t))) open.fail_type("int64");
    open.require_size(out.size());
    open.read(H5T_NATIVE_INT64, out.data());
}

std::vector<std::string> H5Group::read_texts(std::string_view name) const {
    const H5Lock lock;
    return texts_of(OpenDataset(state_->file.get(), dataset(name).path(), where(name)));
}

std::string H5Group::read_text(std::string_view name) const {
    const H5Lock lock;
    const OpenDataset open(state_->file.get(), dataset(name).path(), where(name));
    open.require_size(1);
    return texts_of(open)[0];
}

H5Group::Raw H5Group::read_raw(std::string_view name) const {
    const H5Lock lock;
    const OpenDataset open(state_->file.get(), dataset(name).path(), where(name));
    Raw raw;
    raw.dtype = numpy_type(open);
    raw.bytes.resize(shape_elements(open.shape()) * H5Tget_size(open.type.get()));
    if (!raw.bytes.empty()) open.read(open.type.get(), raw.bytes.data());
    return raw;
}

void H5Group::write(std::string_view name, const H5Shape& shape, std::span<const float> values,
                    const H5Layout& layout) const {
    const H5Lock lock;
    write_dataset(state_->file.get(), absolute(name), H5T_IEEE_F32LE, shape, values.data(),
                  values.size(), layout, where(name));
}

void H5Group::write(std::string_view name, const H5Shape& shape, std::span<const double> values,
                    const H5Layout& layout) const {
    const H5Lock lock;
    write_dataset(state_->file.get(), absolute(name), H5T_IEEE_F64LE, shape, values.data(),
                  values.size(), layout, where(name));
}

void H5Group::write(std::string_view name, const H5Shape& shape,
                    std::span<const std::uint8_t> values, const H5Layout& layout) const {
    const H5Lock lock;
    write_dataset(state_->file.get(), absolute(name), H5T_STD_U8LE, shape, values.data(),
                  values.size(), layout, where(name));
}

void H5Group::write(std::string_view name, const H5Shape& shape,
                    std::span<const std::int32_t> values, const H5Layout& layout) const {
    const H5Lock lock;
    write_dataset(state_->file.get(), absolute(name), H5T_STD_I32LE, shape, values.data(),
                  values.size(), layout, where(name));
}

void H5Group::write(std::string_view name, const H5Shape& shape,
                    std::span<const std::int64_t> values, const H5Layout& layout) const {
    const H5Lock lock;
    write_dataset(state_->file.get(), absolute(name), H5T_STD_I64LE, shape, values.data(),
                  values.size(), layout, where(name));
}

void H5Group::write_halves(std::string_view name, const H5Shape& shape,
                           std::span<const std::uint16_t> values, const H5Layout& layout) const {
    const H5Lock lock;
    const H5Handle type = float16_type(where(name));
    write_dataset(state_->file.get(), absolute(name), type.get(), shape, values.data(),
                  values.size(), layout, where(name));
}

void H5Group::write_texts(std::string_view name, const std::vector<std::string>& values) const {
    const H5Lock lock;
    std::size_t size = 1;
    for (const std::string& value : values) size = std::max(size, value.size());
    std::string bytes(size * values.size(), '\0');
    for (std::size_t i = 0; i < values.size(); ++i) values[i].copy(bytes.data() + i * size, size);
    const H5Handle type = fixed_text_type(size, where(name));
    write_dataset(state_->file.get(), absolute(name), type.get(), {values.size()}, bytes.data(),
                  values.size(), {}, where(name));
}

void H5Group::write_text(std::string_view name, std::string_view value) const {
    const H5Lock lock;
    std::string bytes(value);
    if (bytes.empty()) bytes.push_back('\0');
    const H5Handle type = fixed_text_type(bytes.size(), where(name));
    write_dataset(state_->file.get(), absolute(name), type.get(), {}, bytes.data(), 1, {},
                  where(name));
}

}  // namespace attohm
