#include <fmt/format.h>

#include "src/base/hdf5_handle.hpp"

/// Types of the HDF5 layer: which they are and what they are called.
namespace attohm {

namespace {

std::string_view order_text(hid_t type) {
    return H5Tget_size(type) > 1 && H5Tget_order(type) == H5T_ORDER_BE ? "big-endian " : "";
}

}  // namespace

std::string type_text(hid_t type) {
    const std::size_t bits = 8 * H5Tget_size(type);
    switch (H5Tget_class(type)) {
        case H5T_FLOAT:
            if (bits == 16 && !is_float16(type) && order_text(type).empty())
                return "another 16-bit float";
            return fmt::format("{}float{}", order_text(type), bits);
        case H5T_INTEGER:
            return fmt::format("{}{}int{}", order_text(type),
                               H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "", bits);
        case H5T_STRING:
            return "text";
        case H5T_ENUM:
            return "enumeration";
        case H5T_COMPOUND:
            return "compound";
        default:
            return "another type";
    }
}

bool is_float32(hid_t type) {
    return H5Tequal(type, H5T_IEEE_F32LE) > 0;
}

bool is_float16(hid_t type) {
    if (H5Tget_class(type) != H5T_FLOAT || H5Tget_size(type) != 2) return false;
    std::size_t sign = 0;
    std::size_t exponent = 0;
    std::size_t exponent_bits = 0;
    std::size_t mantissa = 0;
    std::size_t mantissa_bits = 0;
    H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits);
    return H5Tget_order(type) == H5T_ORDER_LE && sign == 15 && exponent == 10 &&
           exponent_bits == 5 && mantissa == 0 && mantissa_bits == 10 && H5Tget_ebias(type) == 15;
}

H5Handle float16_type(const std::string& where) {
    H5Handle type = owned(H5Tcopy(H5T_IEEE_F32LE), H5Tclose, "cannot make a type", where);
    const bool made = H5Tset_fields(type.get(), 15, 10, 5, 0, 10) >= 0 &&
                      H5Tset_size(type.get(), 2) >= 0 && H5Tset_ebias(type.get(), 15) >= 0;
    ATTOHM_CHECK(made && is_float16(type.get()));
    return type;
}

H5Handle fixed_text_type(std::size_t size, const std::string& where) {
    H5Handle type = owned(H5Tcopy(H5T_C_S1), H5Tclose, "cannot make a type", where);
    H5Tset_size(type.get(), size == 0 ? 1 : size);
    H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    return type;
}

std::string text_from_fixed(std::string_view bytes, bool space_padded) {
    std::string_view text = bytes.substr(0, bytes.find('\0'));
    if (space_padded) text = text.substr(0, text.find_last_not_of(' ') + 1);
    return std::string(text);
}

H5Shape shape_of(hid_t space) {
    const int rank = H5Sget_simple_extent_ndims(space);
    std::vector<hsize_t> extents(static_cast<std::size_t>(rank < 0 ? 0 : rank));
    if (!extents.empty()) H5Sget_simple_extent_dims(space, extents.data(), nullptr);
    return {extents.begin(), extents.end()};
}

}  // namespace attohm
