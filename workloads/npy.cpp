#include "workloads/npy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <utility>

#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kLongestHeader = 65536;

[[noreturn]] void refuse(const std::string& path, const std::string& got) {
    throw UserError("not a NumPy array of bytes", path, got,
                    "a .npy file of bool, uint8 or int8 in C order");
}

struct Header {
    H5Shape shape;
    std::streamoff data = 0;  ///< where the elements begin
};

/// The text after "'key':" in the header's dictionary.
std::string_view value_of(std::string_view header, std::string_view key, const std::string& path) {
    const std::string mark = "'" + std::string(key) + "':";
    const std::size_t at = header.find(mark);
    if (at == std::string_view::npos) refuse(path, "a header without " + std::string(key));
    std::string_view rest = header.substr(at + mark.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    return rest;
}

H5Shape parse_shape(std::string_view text, const std::string& path) {
    const std::size_t end = text.find(')');
    if (!text.starts_with('(') || end == std::string_view::npos)
        refuse(path, "a header without a shape");
    H5Shape shape;
    text = text.substr(1, end - 1);
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        std::string_view part = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
        if (part.empty()) continue;
        const std::optional<std::int64_t> extent = parse_integer(part);
        if (!extent || *extent < 0) refuse(path, "a shape of \"" + std::string(part) + "\"");
        shape.push_back(static_cast<std::size_t>(*extent));
    }
    return shape;
}

Header read_header(std::ifstream& stream, const std::string& path) {
    std::string start(8, '\0');
    stream.read(start.data(), 8);
    if (!stream || !start.starts_with(kMagic)) refuse(path, "another beginning");
    const int major = static_cast<unsigned char>(start[6]);
    if (major < 1 || major > 3) refuse(path, fmt::format("format version {}", major));
    std::string size_bytes(major == 1 ? 2 : 4, '\0');
    stream.read(size_bytes.data(), static_cast<std::streamsize>(size_bytes.size()));
    std::size_t size = 0;
    for (std::size_t i = size_bytes.size(); i-- > 0;)
        size = size * 256 + static_cast<unsigned char>(size_bytes[i]);
    if (!stream || size > kLongestHeader) refuse(path, "a damaged header");
    std::string text(size, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(size));
    if (!stream) refuse(path, "a truncated header");
    const std::string_view dtype = value_of(text, "descr", path);
    bool known = false;
    for (const char* name : {"'|b1'", "'|u1'", "'|i1'"}) known = known || dtype.starts_with(name);
    if (!known) refuse(path, "type " + std::string(dtype.substr(0, dtype.find(','))));
    if (!value_of(text, "fortran_order", path).starts_with("False")) refuse(path, "Fortran order");
    return {parse_shape(value_of(text, "shape", path), path), stream.tellg()};
}

class NpySource final : public ElementSource {
  public:
    explicit NpySource(const std::string& path)
        : path_(path), stream_(path, std::ios::binary), type_(H5RawType::uint8()) {
        if (!stream_)
            throw UserError("cannot open the file", path, "no such readable file", "a .npy file");
        header_ = read_header(stream_, path);
        stream_.seekg(0, std::ios::end);
        const auto found = static_cast<std::uint64_t>(stream_.tellg() - header_.data);
        if (found != shape_elements(header_.shape))
            refuse(path, fmt::format("{} bytes for shape {}", found, shape_text(header_.shape)));
    }
    const H5Shape& shape() const override { return header_.shape; }
    const H5RawType& type() const override { return type_; }
    int gzip() const override { return 0; }

    /// Blocks as for_each_block makes them: contiguous in the file.
    void read(const H5Block& block, std::span<std::byte> out) const override {
        std::size_t first = 0;
        for (std::size_t axis = 0; axis < header_.shape.size(); ++axis)
            first = first * header_.shape[axis] + block.start[axis];
        stream_.clear();
        stream_.seekg(header_.data + static_cast<std::streamoff>(first));
        stream_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
        if (!stream_) refuse(path_, "a read error");
    }

  private:
    std::string path_;
    mutable std::ifstream stream_;
    H5RawType type_;
    Header header_;
};

}  // namespace

SourcePointer npy_source(const std::string& path) {
    return std::make_unique<NpySource>(path);
}

}  // namespace attohm
