#include "src/base/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "src/base/error.hpp"

namespace attohm {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what, const std::string& path, int error) {
    throw UserError(what, path, std::strerror(error),
                    "a directory that may be written to, with room");
}

/// Opens, flushes and closes; the way to flush what another writer wrote.
void flush_to_disk(const std::string& what, const std::string& path, int flags) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC);
    if (fd < 0) fail("cannot flush the " + what, path, errno);
    const int status = fsync(fd);
    const int error = errno;
    close(fd);
    // Some file systems cannot flush a directory; they say EINVAL.
    if (status != 0 && error != EINVAL) fail("cannot flush the " + what, path, error);
}

std::string directory_of(const std::string& path) {
    const std::string directory = fs::path(path).parent_path().string();
    return directory.empty() ? "." : directory;
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), target_(path_) {
    std::error_code ignored;
    if (fs::is_symlink(path_, ignored)) target_ = fs::weakly_canonical(path_, ignored).string();
    if (path_.empty() || target_.empty())
        throw UserError("no output file", path_, "an empty path", "a file path");
    if (fs::exists(target_, ignored) && !fs::is_regular_file(target_, ignored))
        throw UserError("cannot write the file", path_,
                        fs::is_directory(target_, ignored) ? "a directory" : "not a regular file",
                        "a new file or one to replace");
    std::string name = target_ + ".XXXXXX.part";
    const int fd = mkostemps(name.data(), 5, O_CLOEXEC);
    if (fd < 0) fail("cannot write the file", path_, errno);
    // mkostemps makes it private; give it what any new file gets.
    const mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    close(fd);
    temporary_ = std::move(name);
}

AtomicFile::~AtomicFile() {
    if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::commit() {
    ATTOHM_CHECK(!temporary_.empty());
    flush_to_disk("file", temporary_, O_RDONLY);
    if (rename(temporary_.c_str(), target_.c_str()) != 0)
        fail("cannot write the file", path_, errno);
    temporary_.clear();
    flush_to_disk("directory", directory_of(target_), O_RDONLY | O_DIRECTORY);
}

void write_file_atomically(const std::string& path, std::string_view content) {
    AtomicFile file(path);
    std::ofstream stream(file.temporary_path(), std::ios::binary | std::ios::trunc);
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
    stream.close();
    if (!stream) fail("cannot write the file", path, errno);
    file.commit();
}

}  // namespace attohm
