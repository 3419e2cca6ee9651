#include "workloads/trace_writer_content.hpp"

namespace attohm {

namespace {

void set_attributes(const H5Group& object, const ContentWriter::Attributes& attributes) {
    for (const ContentWriter::Attribute& attribute : attributes) {
        if (const auto* text = std::get_if<std::string>(&attribute.value))
            object.set_text(attribute.name, *text);
        else if (const auto* real = std::get_if<double>(&attribute.value))
            object.set_real(attribute.name, *real);
        else if (attribute.is_flag)
            object.set_flag(attribute.name, std::get<std::int64_t>(attribute.value) != 0);
        else
            object.set_integer(attribute.name, std::get<std::int64_t>(attribute.value));
    }
}

}  // namespace

void ContentWriter::group(const std::string& path, const Attributes& attributes) {
    set_attributes(root_.create_group(path), attributes);
}

void ContentWriter::floats(const std::string& path, const H5Shape& shape,
                           std::span<const float> values, const Attributes& attributes) {
    root_.write(path, shape, values, H5Layout::standard(shape, sizeof(float)));
    set_attributes(root_.dataset(path), attributes);
}

void ContentWriter::halves(const std::string& path, const H5Shape& shape,
                           std::span<const std::uint16_t> values) {
    root_.write_halves(path, shape, values, H5Layout::standard(shape, sizeof(std::uint16_t)));
}

void ContentWriter::integers(const std::string& path, const H5Shape& shape,
                             std::span<const std::int64_t> values) {
    root_.write(path, shape, values, H5Layout::standard(shape, sizeof(std::int64_t)));
}

void ContentWriter::integers(const std::string& path, const H5Shape& shape,
                             std::span<const std::int32_t> values) {
    root_.write(path, shape, values, H5Layout::standard(shape, sizeof(std::int32_t)));
}

void ContentWriter::bytes(const std::string& path, const H5Shape& shape,
                          std::span<const std::uint8_t> values) {
    H5Layout layout = H5Layout::standard(shape, 1);
    if (!layout.chunk.empty()) layout.gzip = 6;
    root_.write(path, shape, values, layout);
}

}  // namespace attohm
