#include "src/base/hdf5.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "src/base/hdf5_handle.hpp"

namespace attohm {

namespace {

constexpr std::size_t kContiguousBytes = 4096;

std::recursive_mutex& library_mutex() {
    static std::recursive_mutex mutex;
    return mutex;
}

herr_t collect_name(hid_t, const char* name, const H5L_info_t*, void* names) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
}

/// Group, dataset or neither; a path through something that is no group is neither.
H5O_type_t kind_of(hid_t file, const std::string& path) {
    if (path != "/") {
        for (std::size_t slash = 1; slash != std::string::npos;) {
            slash = path.find('/', slash);
            const std::string part = path.substr(0, slash);
            if (H5Lexists(file, part.c_str(), H5P_DEFAULT) <= 0) return H5O_TYPE_UNKNOWN;
            if (slash != std::string::npos) ++slash;
        }
        if (H5Oexists_by_name(file, path.c_str(), H5P_DEFAULT) <= 0) return H5O_TYPE_UNKNOWN;
    }
    H5O_info_t info;
    if (H5Oget_info_by_name2(file, path.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        return H5O_TYPE_UNKNOWN;
    return info.type;
}

std::string kind_text(H5O_type_t kind) {
    if (kind == H5O_TYPE_GROUP) return "a group";
    if (kind == H5O_TYPE_DATASET) return "a dataset";
    return "nothing";
}

std::vector<std::string> members(hid_t file, const std::string& path, H5O_type_t kind,
                                 const std::string& where) {
    const H5Handle group =
        owned(H5Gopen2(file, path.c_str(), H5P_DEFAULT), H5Gclose, "cannot open the group", where);
    std::vector<std::string> names;
    hsize_t position = 0;
    // In native order: the library's sorted table of a damaged group frees what it never filled.
    if (H5Literate(group.get(), H5_INDEX_NAME, H5_ITER_NATIVE, &position, collect_name, &names) < 0)
        fail_h5("cannot list the group", where);
    const std::string prefix = path == "/" ? path : path + "/";
    std::erase_if(names,
                  [&](const std::string& name) { return kind_of(file, prefix + name) != kind; });
    std::sort(names.begin(), names.end());
    return names;
}

herr_t first_reason(unsigned, const H5E_error2_t* error, void* text) {
    if (error->desc != nullptr) *static_cast<std::string*>(text) = error->desc;
    return 1;
}

}  // namespace

H5Lock::H5Lock() : lock_(library_mutex()) {
    // Each thread has its own error stack in a thread-safe library.
    thread_local bool silenced = false;
    if (!silenced) {
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
        silenced = true;
    }
}

std::string h5_reason() {
    std::string text;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_reason, &text);
    return text.empty() ? "a failure without a reason" : text;
}

void fail_h5(const std::string& what, const std::string& where) {
    throw UserError(what, where, "the HDF5 library's \"" + h5_reason() + "\"", "a sound HDF5 file");
}

H5Handle owned(hid_t id, H5Handle::Closer closer, const char* what, const std::string& where) {
    if (id < 0) fail_h5(what, where);
    return {id, closer};
}

std::string shape_text(const H5Shape& shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::size_t shape_elements(const H5Shape& shape) {
    std::size_t count = 1;
    for (const std::size_t extent : shape) count *= extent;
    return count;
}

H5Layout H5Layout::standard(const H5Shape& shape, std::size_t element_bytes,
                            std::size_t chunk_bytes) {
    H5Layout layout;
    if (shape_elements(shape) * element_bytes < kContiguousBytes) return layout;
    layout.chunk.assign(shape.size(), 1);
    layout.fletcher32 = true;
    std::size_t size = element_bytes;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        const std::size_t most = std::max<std::size_t>(
            1, std::min(shape[axis], chunk_bytes / std::max<std::size_t>(size, 1)));
        // Chunks of equal size, so that the last one is not mostly empty.
        const std::size_t chunks = std::max<std::size_t>(1, (shape[axis] + most - 1) / most);
        layout.chunk[axis] = std::max<std::size_t>(1, (shape[axis] + chunks - 1) / chunks);
        size *= layout.chunk[axis];
        if (layout.chunk[axis] < shape[axis]) break;
    }
    return layout;
}

H5File H5File::open(const std::string& path) {
    const H5Lock lock;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        throw UserError("cannot open the file", path, "no such file", "a readable HDF5 file");
    if (std::filesystem::is_directory(path, ignored))
        throw UserError("cannot open the file", path, "a directory", "a readable HDF5 file");
    H5File file;
    file.state_ = std::make_shared<State>();
    file.state_->shown = path;
    const H5Handle access =
        owned(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "cannot open the file", path);
    // Many ranks read one file, also on file systems that cannot lock.
    H5Pset_file_locking(access.get(), false, true);
    file.state_->file = H5Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
    if (file.state_->file.ok()) return file;
    const std::string reason = h5_reason();
    if (H5Fis_hdf5(path.c_str()) > 0)
        throw UserError("the file is truncated or damaged", path,
                        "the HDF5 library's \"" + reason + "\"", "a whole HDF5 file");
    throw UserError("not an HDF5 file (or damaged at its beginning)", path,
                    "the HDF5 library's \"" + reason + "\"", "a readable HDF5 file");
}

H5File H5File::create(const std::string& path, const std::string& shown_as) {
    const H5Lock lock;
    H5File file;
    file.state_ = std::make_shared<State>();
    file.state_->shown = shown_as.empty() ? path : shown_as;
    const std::string& shown = file.state_->shown;
    const H5Handle access =
        owned(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "cannot create the file", shown);
    const H5Handle creation =
        owned(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "cannot create the file", shown);
    H5Pset_libver_bounds(access.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    H5Pset_file_locking(access.get(), false, true);
    H5Pset_obj_track_times(creation.get(), false);
    file.state_->file = owned(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()),
                              H5Fclose, "cannot create the file", shown);
    return file;
}

H5Group H5File::root() const {
    return {state_, "/"};
}

void H5File::close() {
    const H5Lock lock;
    const bool flushed = !state_->file.ok() || H5Fflush(state_->file.get(), H5F_SCOPE_GLOBAL) >= 0;
    if (!flushed || !state_->file.close())
        throw UserError("cannot write the file", state_->shown,
                        "the HDF5 library's \"" + h5_reason() + "\"", "a disk with room");
}

std::string H5Group::absolute(std::string_view name) const {
    if (name.empty()) return path_;
    if (name.front() == '/') return std::string(name);
    return path_ == "/" ? "/" + std::string(name) : path_ + "/" + std::string(name);
}

std::string H5Group::where(std::string_view name) const {
    return state_->shown + ":" + absolute(name);
}

std::string H5Group::where_attribute(std::string_view name) const {
    return state_->shown + ":" + path_ + "@" + std::string(name);
}

bool H5Group::has_group(std::string_view name) const {
    const H5Lock lock;
    return kind_of(state_->file.get(), absolute(name)) == H5O_TYPE_GROUP;
}

bool H5Group::has_dataset(std::string_view name) const {
    const H5Lock lock;
    return kind_of(state_->file.get(), absolute(name)) == H5O_TYPE_DATASET;
}

std::vector<std::string> H5Group::groups() const {
    const H5Lock lock;
    return members(state_->file.get(), path_, H5O_TYPE_GROUP, where());
}

std::vector<std::string> H5Group::datasets() const {
    const H5Lock lock;
    return members(state_->file.get(), path_, H5O_TYPE_DATASET, where());
}

H5Group H5Group::group(std::string_view name) const {
    const H5Lock lock;
    const H5O_type_t kind = kind_of(state_->file.get(), absolute(name));
    if (kind != H5O_TYPE_GROUP)
        throw UserError("missing group", where(name), kind_text(kind), "a group");
    return {state_, absolute(name)};
}

H5Group H5Group::dataset(std::string_view name) const {
    const H5Lock lock;
    const H5O_type_t kind = kind_of(state_->file.get(), absolute(name));
    if (kind != H5O_TYPE_DATASET)
        throw UserError("missing dataset", where(name), kind_text(kind), "a dataset");
    return {state_, absolute(name)};
}

H5Group H5Group::create_group(std::string_view name) const {
    const H5Lock lock;
    const H5Handle creation =
        owned(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, "cannot create the group", where(name));
    H5Pset_obj_track_times(creation.get(), false);
    const H5Handle made = owned(H5Gcreate2(state_->file.get(), absolute(name).c_str(), H5P_DEFAULT,
                                           creation.get(), H5P_DEFAULT),
                                H5Gclose, "cannot create the group", where(name));
    return {state_, absolute(name)};
}

}  // namespace attohm
