#include "workloads/trace_copy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/progress.hpp"
#include "workloads/content_hash.hpp"

namespace attohm {

namespace {

/// Root attributes that belong to one file, not to its content.
const std::set<std::string> kOwnAttributes = {"content_sha256", "complete"};

std::map<std::string, StoredAttribute> attributes_of(const CopyItem& item) {
    std::map<std::string, StoredAttribute> all;
    for (const auto& [name, value] : item.set) all.emplace(name, value);
    if (!item.from) return all;
    for (const std::string& name : attribute_names(*item.from))
        if (!all.contains(name)) all.emplace(name, read_attribute(*item.from, name));
    return all;
}

void set_value(const H5Group& object, const std::string& name, const H5Value& value) {
    if (const auto* text = std::get_if<std::string>(&value))
        object.set_text(name, *text);
    else if (const auto* real = std::get_if<double>(&value))
        object.set_real(name, *real);
    else
        object.set_integer(name, std::get<std::int64_t>(value));
}

void set_attribute(const H5Group& object, const std::string& name,
                   const StoredAttribute& attribute) {
    if (const auto* value = std::get_if<H5Value>(&attribute))
        set_value(object, name, *value);
    else
        write_raw_attribute(object, name, std::get<H5RawAttribute>(attribute));
}

/// The file under way.
class CopyWriter {
  public:
    CopyWriter(H5Group root, CopyLayout layout) : root_(std::move(root)), layout_(layout) {}

    void write(const CopyItem& item) {
        if (item.elements) {
            // The attributes come first in the hash, but need the dataset in the file.
            const SourcePointer source = item.elements();
            const H5RawWriter writer(root_, item.to, source->type(), source->shape(),
                                     layout_of(*source));
            attributes(root_.dataset(item.to), item);
            hash_.dataset(*source, [&](const H5Block& block, std::span<const std::byte> bytes) {
                writer.write(block, bytes);
            });
        } else {
            attributes(root_.create_group(item.to), item);
        }
    }
    std::string hash() const { return hash_.hex(); }

  private:
    H5Layout layout_of(const ElementSource& source) const {
        if (layout_.chunk_bytes == 0) return {};
        H5Layout layout =
            H5Layout::standard(source.shape(), source.type().bytes, layout_.chunk_bytes);
        const int level = layout_.gzip.value_or(source.gzip());
        // Small ones are compressed where they were.
        const bool small = layout.chunk.empty() && shape_elements(source.shape()) > 0;
        if (small && level > 0 && source.gzip() > 0) {
            layout.chunk = source.shape();
            layout.fletcher32 = true;
        }
        if (!layout.chunk.empty()) layout.gzip = level;
        return layout;
    }

    void attributes(const H5Group& object, const CopyItem& item) {
        hash_.path(item.to);
        for (const auto& [name, attribute] : attributes_of(item)) {
            set_attribute(object, name, attribute);
            hash_.attribute(object, name, attribute);
        }
    }

    H5Group root_;
    CopyLayout layout_;
    ContentHash hash_;
};

void write_root(const H5Group& root, const CopyOrigin& origin) {
    CopyItem item{"/", origin.root, origin.set};
    item.set.emplace("derived_by", origin.derived_by);
    item.set.emplace("derived_from", origin.derived_from.substr(0, kLongestText));
    for (const auto& [name, attribute] : attributes_of(item))
        if (!kOwnAttributes.contains(name)) set_attribute(root, name, attribute);
}

bool same_attribute(const StoredAttribute& a, const StoredAttribute& b) {
    if (a.index() != b.index()) return false;
    if (const auto* value = std::get_if<H5Value>(&a)) return *value == std::get<H5Value>(b);
    const auto& x = std::get<H5RawAttribute>(a);
    const auto& y = std::get<H5RawAttribute>(b);
    return x.shape == y.shape && x.type.numpy == y.type.numpy && x.bytes == y.bytes;
}

std::string elements_difference(const ElementSource& a, const ElementSource& b) {
    if (a.shape() != b.shape())
        return fmt::format("shape {} against {}", shape_text(a.shape()), shape_text(b.shape()));
    if (a.type().numpy != b.type().numpy)
        return fmt::format("type {} against {}", a.type().numpy, b.type().numpy);
    std::string found;
    std::vector<std::byte> x;
    std::vector<std::byte> y;
    const std::size_t size = a.type().bytes;
    const std::size_t limit =
        a.type().numpy.starts_with("|S") ? shape_elements(a.shape()) * size : kBlockBytes;
    for_each_block(a.shape(), size, limit, [&](const H5Block& block) {
        if (!found.empty()) return;
        x.resize(block.elements() * size);
        y.resize(x.size());
        a.read(block, x);
        b.read(block, y);
        if (x != y) found = "other values";
    });
    return found;
}

}  // namespace

std::vector<CopyItem> all_items(const H5Group& root) {
    std::vector<CopyItem> items;
    for (const StoredObject& stored : stored_objects(root)) {
        CopyItem item{stored.path, stored.object};
        if (stored.is_dataset)
            item.elements = [object = stored.object] { return stored_source(object); };
        items.push_back(std::move(item));
    }
    return items;
}

CopyOutcome write_copy(const std::string& path, const CopyOrigin& origin,
                       std::vector<CopyItem> items, const CopyLayout& layout,
                       const std::function<void(const std::string& temporary)>& verify) {
    // In order of the paths, so that a group comes before what it holds.
    std::sort(items.begin(), items.end(),
              [](const CopyItem& a, const CopyItem& b) { return a.to < b.to; });
    AtomicFile atomic(path);
    H5File file = H5File::create(atomic.temporary_path(), path);
    CopyWriter writer(file.root(), layout);
    write_root(file.root(), origin);
    {
        Progress progress("write", "objects", static_cast<std::int64_t>(items.size()));
        for (const CopyItem& item : items) {
            writer.write(item);
            progress.tick();
        }
    }
    CopyOutcome outcome;
    outcome.path = path;
    outcome.trace_id = writer.hash();
    file.root().set_text("content_sha256", outcome.trace_id);
    file.root().set_flag("complete", true);
    file.close();
    if (verify) verify(atomic.temporary_path());
    atomic.commit();
    outcome.bytes_after = std::filesystem::file_size(path);
    return outcome;
}

std::string difference_of(const CopyItem& a, const CopyItem& b) {
    if (static_cast<bool>(a.elements) != static_cast<bool>(b.elements))
        return a.elements ? "a dataset against a group" : "a group against a dataset";
    const auto x = attributes_of(a);
    const auto y = attributes_of(b);
    for (const auto& [name, attribute] : x) {
        const auto other = y.find(name);
        if (other == y.end()) return "no attribute " + name;
        if (!same_attribute(attribute, other->second)) return "another value of @" + name;
    }
    for (const auto& [name, attribute] : y)
        if (!x.contains(name)) return "an attribute more, " + name;
    return a.elements ? elements_difference(*a.elements(), *b.elements()) : "";
}

std::string bytes_text(std::uint64_t bytes) {
    const auto size = static_cast<double>(bytes);
    if (bytes < 10000) return fmt::format("{} B", bytes);
    if (bytes < 10000000) return fmt::format("{:.1f} kB", size / 1e3);
    if (bytes < 10000000000) return fmt::format("{:.1f} MB", size / 1e6);
    return fmt::format("{:.1f} GB", size / 1e9);
}

std::string to_text(const CopyOutcome& outcome) {
    std::string text = outcome.path + "\n";
    text += fmt::format("  trace id      {}\n", outcome.trace_id);
    text += fmt::format("  samples       {}, {} for calibration\n", outcome.samples,
                        outcome.calibration_samples);
    text += fmt::format("  size          {} (read: {})\n", bytes_text(outcome.bytes_after),
                        bytes_text(outcome.bytes_before));
    for (const std::string& note : outcome.notes) text += fmt::format("  note          {}\n", note);
    return text;
}

}  // namespace attohm
