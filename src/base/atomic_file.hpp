#pragma once

#include <string>
#include <string_view>

namespace attohm {

/// A file that appears whole or not at all: written beside its final path, flushed to the disk,
/// then renamed over it. A killed run leaves the old file or the new one, never half.
class AtomicFile {
  public:
    /// Creates the temporary file, so that a place that cannot be written to is found out before
    /// the work is done. Throws: UserError.
    explicit AtomicFile(std::string path);
    /// Without commit(): the temporary file is removed and what was at the path stays.
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    const std::string& path() const { return path_; }
    /// Where to write; in the same directory.
    const std::string& temporary_path() const { return temporary_; }
    /// Flushes the temporary file, renames it to the path and flushes the directory. Whoever wrote
    /// it has closed it. Throws: UserError.
    void commit();

  private:
    std::string path_;
    std::string target_;     ///< path_, or what it links to
    std::string temporary_;  ///< "" after commit
};

/// Writes a whole file atomically. Throws: UserError.
void write_file_atomically(const std::string& path, std::string_view content);

}  // namespace attohm
