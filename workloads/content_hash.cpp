#include "workloads/content_hash.hpp"

#include <bit>
#include <vector>

#include "src/base/progress.hpp"

namespace attohm {

static_assert(std::endian::native == std::endian::little, "hashed numbers are little-endian");

namespace {

bool is_single_number(const H5RawAttribute& raw) {
    const bool number = !raw.type.numpy.starts_with("|S") && !raw.type.numpy.starts_with("|V");
    return number && shape_elements(raw.shape) == 1;
}

}  // namespace

void ContentHash::text(std::string_view text) {
    hash_.add(text);
    hash_.add(std::string_view("\0", 1));
}

void ContentHash::number(std::int64_t value) {
    hash_.add(std::as_bytes(std::span(&value, 1)));
}

void ContentHash::value(const H5Value& value) {
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

void ContentHash::sizes(std::string_view dtype, const H5Shape& shape) {
    text(dtype);
    number(static_cast<std::int64_t>(shape.size()));
    for (const std::size_t extent : shape) number(static_cast<std::int64_t>(extent));
}

void ContentHash::attribute(const H5Group& object, const std::string& name,
                            const StoredAttribute& attribute) {
    text(name);
    if (const auto* words = std::get_if<H5Value>(&attribute)) return value(*words);
    const auto& raw = std::get<H5RawAttribute>(attribute);
    if (is_single_number(raw)) return value(object.value(name));
    hash_.add("a");
    sizes(raw.type.numpy, raw.shape);
    hash_.add(raw.bytes);
}

void ContentHash::dataset(const ElementSource& source, const Also& also) {
    const std::size_t size = source.type().bytes;
    sizes(source.type().numpy, source.shape());
    // Texts come whole.
    const bool texts = source.type().numpy.starts_with("|S");
    const std::size_t limit = texts ? shape_elements(source.shape()) * size : kBlockBytes;
    std::vector<std::byte> bytes;
    for_each_block(source.shape(), size, limit, [&](const H5Block& block) {
        bytes.resize(block.elements() * size);
        source.read(block, bytes);
        hash_.add(bytes);
        if (also) also(block, bytes);
    });
}

std::string content_sha256(const H5Group& root) {
    const std::vector<StoredObject> objects = stored_objects(root);
    Progress progress("hash", "objects", static_cast<std::int64_t>(objects.size()));
    ContentHash hash;
    for (const StoredObject& stored : objects) {
        hash.path(stored.path);
        for (const std::string& name : attribute_names(stored.object))
            hash.attribute(stored.object, name, read_attribute(stored.object, name));
        if (stored.is_dataset) hash.dataset(*stored_source(stored.object));
        progress.tick();
    }
    return hash.hex();
}

}  // namespace attohm
