#include "workloads/content_hash.hpp"

namespace attohm {

void ContentHash::text(std::string_view text) {
    hash_.add(text);
    hash_.add(std::string_view("\0", 1));
}

void ContentHash::number(std::int64_t value) {
    hash_.add(std::as_bytes(std::span(&value, 1)));
}

void ContentHash::attribute(std::string_view name, const H5Value& value) {
    text(name);
    if (const auto* words = std::get_if<std::string>(&value)) {
        hash_.add("s");
        text(*words);
    } else if (const auto* real = std::get_if<double>(&value)) {
        hash_.add("f");
        hash_.add(std::as_bytes(std::span(real, 1)));
    } else {
        hash_.add("i");
        number(std::get<std::int64_t>(value));
    }
}

void ContentHash::attribute(std::string_view name, std::string_view dtype, const H5Shape& shape,
                            std::span<const std::byte> bytes) {
    text(name);
    hash_.add("a");
    dataset(dtype, shape);
    elements(bytes);
}

void ContentHash::dataset(std::string_view dtype, const H5Shape& shape) {
    text(dtype);
    number(static_cast<std::int64_t>(shape.size()));
    for (const std::size_t extent : shape) number(static_cast<std::int64_t>(extent));
}

}  // namespace attohm
