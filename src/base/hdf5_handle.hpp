#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "src/base/error.hpp"
#include "src/base/hdf5.hpp"

/// Inside of the HDF5 layer: owned identifiers, the lock, the library's own words for a failure.
namespace attohm {

/// Holds the one lock and keeps the library from printing.
class H5Lock {
  public:
    H5Lock();

  private:
    std::unique_lock<std::recursive_mutex> lock_;
};

/// An identifier of the library with the function that closes it.
class H5Handle {
  public:
    using Closer = herr_t (*)(hid_t);
    H5Handle() = default;
    H5Handle(hid_t id, Closer closer) : id_(id), closer_(closer) {}
    H5Handle(H5Handle&& other) noexcept : id_(other.id_), closer_(other.closer_) { other.id_ = -1; }
    H5Handle& operator=(H5Handle&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(closer_, other.closer_);
        return *this;
    }
    ~H5Handle() {
        if (id_ >= 0) closer_(id_);
    }
    hid_t get() const { return id_; }
    bool ok() const { return id_ >= 0; }
    /// Closes now; false when the library could not.
    bool close() {
        const hid_t id = id_;
        id_ = -1;
        return id < 0 || closer_(id) >= 0;
    }

  private:
    hid_t id_ = -1;
    Closer closer_ = nullptr;
};

struct H5File::State {
    std::string shown;  ///< path that messages name
    H5Handle file;

    ~State() {
        const H5Lock lock;
        file.close();
    }
};

/// The innermost message of the library about the last failure.
std::string h5_reason();

/// A call that must not fail on a sound file.
[[noreturn]] void fail_h5(const std::string& what, const std::string& where);
H5Handle owned(hid_t id, H5Handle::Closer closer, const char* what, const std::string& where);

/// What a type is called in messages: "float32", "big-endian float64", "uint8", "text", ...
std::string type_text(hid_t type);
bool is_float32(hid_t type);
bool is_float16(hid_t type);
/// An owned copy of our float16 type (the library has none before 1.14.4).
H5Handle float16_type(const std::string& where);
/// An owned fixed-length UTF-8 type.
H5Handle fixed_text_type(std::size_t size, const std::string& where);
/// Strings as fixed-length memory holds them: up to the first NUL, padding removed.
std::string text_from_fixed(std::string_view bytes, bool space_padded);

H5Shape shape_of(hid_t space);

/// Creation properties of a dataset's layout.
H5Handle h5_creation_properties(const H5Layout& layout, const H5Shape& shape,
                                const std::string& where);

}  // namespace attohm
