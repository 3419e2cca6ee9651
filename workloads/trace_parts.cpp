#include "workloads/trace_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "src/base/error.hpp"
#include "src/base/settings.hpp"

namespace attohm {

namespace {

std::string dtype_text(Dtype dtype) {
    switch (dtype) {
        case Dtype::float32:
            return "float32";
        case Dtype::float32_or_float16:
            return "float32 or float16";
        case Dtype::uint8:
            return "uint8";
        case Dtype::int32:
            return "int32";
        case Dtype::int64:
            return "int64";
    }
    return "";
}

bool dtype_matches(const std::string& found, Dtype dtype) {
    switch (dtype) {
        case Dtype::float32:
            return found == "float32";
        case Dtype::float32_or_float16:
            return found == "float32" || found == "float16";
        case Dtype::uint8:
            return found == "uint8" || found == "int8";
        case Dtype::int32:
            return found == "int32";
        case Dtype::int64:
            return found == "int64";
    }
    return false;
}

bool shape_matches(const H5Shape& found, const H5Shape& wanted) {
    return std::equal(found.begin(), found.end(), wanted.begin(), wanted.end(),
                      [](std::size_t a, std::size_t b) { return b == kAny || a == b; });
}

std::string wanted_text(const H5Shape& shape) {
    std::vector<std::string> parts;
    for (const std::size_t extent : shape)
        parts.push_back(extent == kAny ? "any" : std::to_string(extent));
    return fmt::format("[{}]", fmt::join(parts, ", "));
}

}  // namespace

int count_attribute(const H5Group& object, std::string_view name, int low,
                    std::optional<int> otherwise) {
    if (otherwise && !object.has_attribute(name)) return *otherwise;
    const std::int64_t value = object.integer(name);
    if (value < low || value > std::numeric_limits<int>::max())
        throw UserError("attribute out of range", object.where_attribute(name),
                        std::to_string(value), fmt::format("a whole number from {}", low));
    return static_cast<int>(value);
}

bool flag_attribute(const H5Group& object, std::string_view name, std::optional<bool> otherwise) {
    if (otherwise && !object.has_attribute(name)) return *otherwise;
    const std::int64_t value = object.integer(name);
    if (value != 0 && value != 1)
        throw UserError("unknown attribute value", object.where_attribute(name),
                        std::to_string(value), "0 or 1");
    return value == 1;
}

std::string word_attribute(const H5Group& object, std::string_view name,
                           const std::vector<std::string>& allowed,
                           std::optional<std::string> otherwise) {
    if (otherwise && !object.has_attribute(name)) return *otherwise;
    std::string word = object.text(name);
    if (std::find(allowed.begin(), allowed.end(), word) != allowed.end()) return word;
    const std::string guess = nearest(word, allowed);
    throw UserError("unknown attribute value", object.where_attribute(name), "\"" + word + "\"",
                    fmt::format("{}{}", fmt::join(allowed, ", "),
                                guess.empty() ? "" : " (did you mean \"" + guess + "\"?)"));
}

float real_attribute(const H5Group& object, std::string_view name, std::optional<float> otherwise) {
    if (otherwise && !object.has_attribute(name)) return *otherwise;
    return static_cast<float>(object.real(name));
}

std::string note_attribute(const H5Group& object, std::string_view name) {
    return object.has_attribute(name) ? object.text(name) : "";
}

H5DatasetInfo require_dataset(const H5Group& group, std::string_view name, Dtype dtype,
                              std::initializer_list<H5Shape> shapes) {
    H5DatasetInfo info = group.info(name);
    if (!dtype_matches(info.dtype, dtype))
        throw UserError("wrong data type", group.where(name), info.dtype,
                        dtype_text(dtype) + ", little-endian");
    for (const H5Shape& shape : shapes)
        if (shape_matches(info.shape, shape)) return info;
    std::vector<std::string> wanted;
    for (const H5Shape& shape : shapes) wanted.push_back(wanted_text(shape));
    throw UserError("wrong shape", group.where(name), shape_text(info.shape),
                    fmt::format("{}", fmt::join(wanted, " or ")));
}

std::string index_text(std::size_t position, const H5Shape& shape) {
    H5Shape index(shape.size());
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        index[axis] = position % shape[axis];
        position /= shape[axis];
    }
    return shape_text(index);
}

void require_finite(std::span<const float> values, const H5Shape& shape, const std::string& where,
                    std::size_t before) {
    constexpr std::uint32_t kExponent = 0x7f800000U;
    // Blocks without a branch inside, so that the sound case runs at memory speed.
    constexpr std::size_t kBlock = 4096;
    for (std::size_t first = 0; first < values.size(); first += kBlock) {
        const std::size_t last = std::min(values.size(), first + kBlock);
        std::uint32_t bad = 0;
        for (std::size_t i = first; i < last; ++i) {
            const std::uint32_t exponent = std::bit_cast<std::uint32_t>(values[i]) & kExponent;
            bad |= static_cast<std::uint32_t>(exponent == kExponent);
        }
        if (bad == 0) continue;
        std::size_t at = first;
        while ((std::bit_cast<std::uint32_t>(values[at]) & kExponent) != kExponent) ++at;
        throw UserError("a value is not finite", where,
                        fmt::format("{} at {}", values[at], index_text(before + at, shape)),
                        "finite numbers (forbidden keys belong into a mask)");
    }
}

void read_finite(const H5Group& group, std::string_view name, const H5Shape& shape,
                 std::span<float> out) {
    group.read(name, out);
    require_finite(out, shape, group.where(name));
}

std::vector<std::string> numbered(std::vector<std::string> names) {
    std::erase_if(names, [](const std::string& name) {
        return name.empty() || name.find_first_not_of("0123456789") != std::string::npos;
    });
    const auto without_zeros = [](const std::string& name) {
        return std::string_view(name).substr(std::min(name.find_first_not_of('0'), name.size()));
    };
    std::sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
        const std::string_view x = without_zeros(a);
        const std::string_view y = without_zeros(b);
        return x.size() != y.size() ? x.size() < y.size() : x < y;
    });
    return names;
}

void require_counted(const std::vector<std::string>& names, const H5Group& group) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::string& name = names[i];
        const std::string digits = name.substr(std::min(name.find_first_not_of('0'), name.size()));
        if (digits != (i == 0 ? "" : std::to_string(i)))
            throw UserError("groups are not numbered 0, 1, 2, ...", group.where(name), name,
                            fmt::format("number {}", i));
    }
}

}  // namespace attohm
