#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "src/base/hdf5_handle.hpp"

/// Inside of the HDF5 layer: a dataset that is open.
namespace attohm {

/// An open dataset with its type and space.
struct OpenDataset {
    H5Handle dataset;
    H5Handle type;
    H5Handle space;
    std::string where;

    OpenDataset(hid_t file, const std::string& path, std::string place) : where(std::move(place)) {
        const char* what = "cannot open the dataset";
        dataset = owned(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose, what, where);
        type = owned(H5Dget_type(dataset.get()), H5Tclose, what, where);
        space = owned(H5Dget_space(dataset.get()), H5Sclose, what, where);
    }

    H5Shape shape() const { return shape_of(space.get()); }

    void require_size(std::size_t size) const {
        if (shape_elements(shape()) != size)
            throw UserError("wrong number of elements", where, shape_text(shape()),
                            fmt::format("{} elements", size));
    }
    [[noreturn]] void fail_type(const std::string& allowed) const {
        throw UserError("wrong data type", where, type_text(type.get()), allowed);
    }
    /// Args: memory, file: spaces; all of both unless given.
    void read(hid_t memory_type, void* out, hid_t memory = H5S_ALL, hid_t file = H5S_ALL) const {
        if (H5Dread(dataset.get(), memory_type, memory, file, H5P_DEFAULT, out) < 0)
            throw UserError("cannot read the dataset", where,
                            "damaged data or an unknown filter (\"" + h5_reason() + "\")",
                            "sound data, stock filters");
    }
    /// An integer type whose every value fits into a signed one of `size` bytes.
    bool fits_signed(std::size_t size) const {
        if (H5Tget_class(type.get()) != H5T_INTEGER) return false;
        const bool is_signed = H5Tget_sign(type.get()) != H5T_SGN_NONE;
        return H5Tget_size(type.get()) <= (is_signed ? size : size / 2);
    }
};

}  // namespace attohm
