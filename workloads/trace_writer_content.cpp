#include "workloads/trace_writer_content.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace attohm {

static_assert(std::endian::native == std::endian::little, "hashed numbers are little-endian");

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

void ContentWriter::add_number(std::int64_t value) {
    hash_.add(std::as_bytes(std::span(&value, 1)));
}

void ContentWriter::add_text(const std::string& text) {
    hash_.add(text);
    hash_.add(std::string_view("\0", 1));
}

void ContentWriter::describe(const std::string& path, Attributes& attributes) {
    std::sort(attributes.begin(), attributes.end(),
              [](const Attribute& a, const Attribute& b) { return a.name < b.name; });
    add_text(path);
    for (const Attribute& attribute : attributes) {
        add_text(attribute.name);
        if (const auto* text = std::get_if<std::string>(&attribute.value)) {
            hash_.add("s");
            add_text(*text);
        } else if (const auto* real = std::get_if<double>(&attribute.value)) {
            hash_.add("f");
            hash_.add(std::as_bytes(std::span(real, 1)));
        } else {
            hash_.add("i");
            add_number(std::get<std::int64_t>(attribute.value));
        }
    }
}

void ContentWriter::add_elements(const char* dtype, const H5Shape& shape,
                                 std::span<const std::byte> bytes) {
    add_text(dtype);
    add_number(static_cast<std::int64_t>(shape.size()));
    for (const std::size_t extent : shape) add_number(static_cast<std::int64_t>(extent));
    hash_.add(bytes);
}

void ContentWriter::group(const std::string& path, Attributes attributes) {
    describe(path, attributes);
    set_attributes(root_.create_group(path), attributes);
}

void ContentWriter::floats(const std::string& path, const H5Shape& shape,
                           std::span<const float> values, Attributes attributes) {
    describe(path, attributes);
    add_elements("<f4", shape, std::as_bytes(values));
    root_.write(path, shape, values, H5Layout::standard(shape, sizeof(float)));
    set_attributes(root_.dataset(path), attributes);
}

void ContentWriter::halves(const std::string& path, const H5Shape& shape,
                           std::span<const std::uint16_t> values) {
    Attributes none;
    describe(path, none);
    add_elements("<f2", shape, std::as_bytes(values));
    root_.write_halves(path, shape, values, H5Layout::standard(shape, sizeof(std::uint16_t)));
}

void ContentWriter::integers(const std::string& path, const H5Shape& shape,
                             std::span<const std::int64_t> values) {
    Attributes none;
    describe(path, none);
    add_elements("<i8", shape, std::as_bytes(values));
    root_.write(path, shape, values, H5Layout::standard(shape, sizeof(std::int64_t)));
}

void ContentWriter::integers(const std::string& path, const H5Shape& shape,
                             std::span<const std::int32_t> values) {
    Attributes none;
    describe(path, none);
    add_elements("<i4", shape, std::as_bytes(values));
    root_.write(path, shape, values, H5Layout::standard(shape, sizeof(std::int32_t)));
}

void ContentWriter::bytes(const std::string& path, const H5Shape& shape,
                          std::span<const std::uint8_t> values) {
    Attributes none;
    describe(path, none);
    add_elements("|u1", shape, std::as_bytes(values));
    H5Layout layout = H5Layout::standard(shape, 1);
    if (!layout.chunk.empty()) layout.gzip = 6;
    root_.write(path, shape, values, layout);
}

}  // namespace attohm
