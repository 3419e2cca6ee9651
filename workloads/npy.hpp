#pragma once

#include <string>

#include "src/base/hdf5.hpp"
#include "workloads/element_source.hpp"

namespace attohm {

/// An array in NumPy's own file format (.npy, versions 1 to 3), C order, of one byte per element:
/// bool, uint8, int8. Throws: UserError for anything else.
/// Source: numpy.lib.format, "NPY format".
SourcePointer npy_source(const std::string& path);

}  // namespace attohm
