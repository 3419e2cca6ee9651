#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "src/base/hdf5_handle.hpp"

/// Attributes of the HDF5 layer.
namespace attohm {

namespace {

constexpr std::size_t kLongestText = 32768;

herr_t collect_attribute(hid_t, const char* name, const H5A_info_t*, void* names) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
}

std::string read_text_value(hid_t attribute, hid_t type, const std::string& where) {
    if (H5Tis_variable_str(type) > 0) {
        const H5Handle memory = owned(H5Tcopy(type), H5Tclose, "cannot read the attribute", where);
        char* text = nullptr;
        if (H5Aread(attribute, memory.get(), &text) < 0)
            fail_h5("cannot read the attribute", where);
        std::string copy = text == nullptr ? "" : text;
        H5free_memory(text);
        return copy;
    }
    std::vector<char> bytes(H5Tget_size(type));
    if (H5Aread(attribute, type, bytes.data()) < 0) fail_h5("cannot read the attribute", where);
    return text_from_fixed({bytes.data(), bytes.size()}, H5Tget_strpad(type) == H5T_STR_SPACEPAD);
}

std::int64_t read_integer_value(hid_t attribute, hid_t type, const std::string& where) {
    if (H5Tget_sign(type) == H5T_SGN_NONE && H5Tget_size(type) == sizeof(std::uint64_t)) {
        std::uint64_t value = 0;
        if (H5Aread(attribute, H5T_NATIVE_UINT64, &value) < 0)
            fail_h5("cannot read the attribute", where);
        if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            throw UserError("attribute out of range", where, std::to_string(value),
                            "an integer below 2^63");
        return static_cast<std::int64_t>(value);
    }
    std::int64_t value = 0;
    if (H5Aread(attribute, H5T_NATIVE_INT64, &value) < 0)
        fail_h5("cannot read the attribute", where);
    return value;
}

/// h5py stores booleans as an enumeration {FALSE, TRUE} of 8-bit integers.
std::int64_t read_boolean_value(hid_t attribute, hid_t type, const std::string& where) {
    std::int8_t value = 0;
    if (H5Tget_size(type) != 1 || H5Aread(attribute, type, &value) < 0)
        throw UserError("attribute of another kind", where, "enumeration",
                        "integer, float or text");
    return value;
}

void write_attribute(hid_t file, const std::string& object, std::string_view name, hid_t type,
                     const void* value, const std::string& where) {
    const H5Handle space =
        owned(H5Screate(H5S_SCALAR), H5Sclose, "cannot write the attribute", where);
    const H5Handle attribute =
        owned(H5Acreate_by_name(file, object.c_str(), std::string(name).c_str(), type, space.get(),
                                H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
              H5Aclose, "cannot write the attribute", where);
    if (H5Awrite(attribute.get(), type, value) < 0) fail_h5("cannot write the attribute", where);
}

std::string value_text(const H5Value& value) {
    return std::visit([](const auto& held) { return fmt::format("{}", held); }, value);
}

}  // namespace

bool H5Group::has_attribute(std::string_view name) const {
    const H5Lock lock;
    return H5Aexists_by_name(state_->file.get(), path_.c_str(), std::string(name).c_str(),
                             H5P_DEFAULT) > 0;
}

H5Value H5Group::value(std::string_view name) const {
    const H5Lock lock;
    const std::string place = where_attribute(name);
    if (!has_attribute(name)) throw UserError("missing attribute", place, "nothing", "a value");
    const H5Handle attribute =
        owned(H5Aopen_by_name(state_->file.get(), path_.c_str(), std::string(name).c_str(),
                              H5P_DEFAULT, H5P_DEFAULT),
              H5Aclose, "cannot read the attribute", place);
    const H5Handle type =
        owned(H5Aget_type(attribute.get()), H5Tclose, "cannot read the attribute", place);
    const H5Handle space =
        owned(H5Aget_space(attribute.get()), H5Sclose, "cannot read the attribute", place);
    if (H5Sget_simple_extent_npoints(space.get()) != 1)
        throw UserError("attribute is not one value", place,
                        type_text(type.get()) + " " + shape_text(shape_of(space.get())),
                        "a single value");
    switch (H5Tget_class(type.get())) {
        case H5T_INTEGER:
            return read_integer_value(attribute.get(), type.get(), place);
        case H5T_ENUM:
            return read_boolean_value(attribute.get(), type.get(), place);
        case H5T_STRING:
            return read_text_value(attribute.get(), type.get(), place);
        case H5T_FLOAT: {
            double value = 0.0;
            if (H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &value) < 0)
                fail_h5("cannot read the attribute", place);
            return value;
        }
        default:
            throw UserError("attribute of another kind", place, type_text(type.get()),
                            "integer, float or text");
    }
}

std::int64_t H5Group::integer(std::string_view name) const {
    const H5Value found = value(name);
    if (const auto* number = std::get_if<std::int64_t>(&found)) return *number;
    throw UserError("attribute is not an integer", where_attribute(name), value_text(found),
                    "an integer of any width");
}

double H5Group::real(std::string_view name) const {
    const H5Value found = value(name);
    if (const auto* number = std::get_if<std::int64_t>(&found)) return static_cast<double>(*number);
    if (const auto* number = std::get_if<double>(&found);
        number != nullptr && std::isfinite(*number))
        return *number;
    throw UserError("attribute is not a finite number", where_attribute(name), value_text(found),
                    "a number");
}

std::string H5Group::text(std::string_view name) const {
    H5Value found = value(name);
    if (auto* text = std::get_if<std::string>(&found)) return std::move(*text);
    throw UserError("attribute is not text", where_attribute(name), value_text(found), "text");
}

std::map<std::string, H5Value> H5Group::attributes() const {
    const H5Lock lock;
    const H5Handle object = owned(H5Oopen(state_->file.get(), path_.c_str(), H5P_DEFAULT), H5Oclose,
                                  "cannot open the object", where());
    std::vector<std::string> names;
    hsize_t position = 0;
    if (H5Aiterate2(object.get(), H5_INDEX_NAME, H5_ITER_NATIVE, &position, collect_attribute,
                    &names) < 0)
        fail_h5("cannot list the attributes", where());
    std::map<std::string, H5Value> values;
    for (const std::string& name : names) values.emplace(name, value(name));
    return values;
}

void H5Group::set_integer(std::string_view name, std::int64_t value) const {
    const H5Lock lock;
    write_attribute(state_->file.get(), path_, name, H5T_STD_I64LE, &value, where_attribute(name));
}

void H5Group::set_flag(std::string_view name, bool value) const {
    const H5Lock lock;
    const std::uint8_t flag = value ? 1 : 0;
    write_attribute(state_->file.get(), path_, name, H5T_STD_U8LE, &flag, where_attribute(name));
}

void H5Group::set_real(std::string_view name, double value) const {
    const H5Lock lock;
    write_attribute(state_->file.get(), path_, name, H5T_IEEE_F64LE, &value, where_attribute(name));
}

void H5Group::set_text(std::string_view name, std::string_view value) const {
    const H5Lock lock;
    ATTOHM_CHECK_LE(value.size(), kLongestText);
    const std::string place = where_attribute(name);
    const H5Handle type = fixed_text_type(value.size(), place);
    std::string padded(value);
    if (padded.empty()) padded.push_back('\0');
    write_attribute(state_->file.get(), path_, name, type.get(), padded.data(), place);
}

}  // namespace attohm
