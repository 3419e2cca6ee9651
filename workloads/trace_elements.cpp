#include "workloads/trace_elements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "src/base/error.hpp"
#include "workloads/trace_parts.hpp"

namespace attohm {

namespace {

/// Calls `part(first element, elements)` with a dataset of rank 1 and more, some MiB at a time.
template <class T, class Part>
void in_parts(const H5Group& group, const std::string& name, const H5Shape& shape, Part&& part) {
    constexpr std::size_t kPart = std::size_t{1} << 22U;
    if (shape_elements(shape) == 0) return;
    const std::size_t plane = shape_elements(shape) / shape[0];
    const std::size_t step = std::max<std::size_t>(1, kPart / plane);
    std::vector<T> values;
    for (std::size_t first = 0; first < shape[0]; first += step) {
        const std::size_t count = std::min(step, shape[0] - first);
        values.resize(count * plane);
        group.read_slab(name, first, count, std::span(values));
        part(first * plane, std::span<const T>(values));
    }
}

void require_finite_dataset(const H5Group& group, const std::string& name) {
    const H5Shape shape = group.info(name).shape;
    in_parts<float>(group, name, shape, [&](std::size_t first, std::span<const float> values) {
        require_finite(values, shape, group.where(name), first);
    });
}

/// The elements of a layer that is not attention; its shapes are known to be right.
void check_layer_elements(const H5Group& root, const H5Group& layer, const std::string& kind,
                          std::set<std::string>& checked) {
    require_finite_dataset(layer, "x");
    for (const char* attribute : {"weight_path", "bias_path"}) {
        if (!layer.has_attribute(attribute)) continue;
        const std::string path = layer.text(attribute);
        if (checked.insert(path).second) require_finite_dataset(root, path);
    }
    if (kind != "graph") return;
    const H5Group csr = adjacency_group(root, layer);
    if (checked.insert(csr.path()).second) (void)read_sparse(csr);
}

}  // namespace

void require_bits(std::span<const std::uint8_t> values, std::size_t first, const H5Shape& shape,
                  const std::string& where) {
    const auto bad =
        std::find_if(values.begin(), values.end(), [](std::uint8_t m) { return m > 1; });
    if (bad == values.end()) return;
    const auto at = first + static_cast<std::size_t>(bad - values.begin());
    throw UserError("a mask value is neither 0 nor 1", where,
                    fmt::format("{} at {}", *bad, index_text(at, shape)),
                    "0 (forbidden) or 1 (attend)");
}

void check_mask_values(const TraceFile& file, Problems& problems) {
    if (!file.root().has_group("model/masks")) return;
    const H5Group group = file.root().group("model/masks");
    for (const std::string& name : group.datasets())
        problems.attempt([&] {
            const H5DatasetInfo info = group.info(name);
            if (info.dtype != "uint8" || info.shape.size() != 4) return;
            in_parts<std::uint8_t>(group, name, info.shape,
                                   [&](std::size_t first, std::span<const std::uint8_t> values) {
                                       require_bits(values, first, info.shape, group.where(name));
                                   });
        });
}

void check_elements(const TraceFile& file, const SampleEntry& entry, std::set<std::string>& checked,
                    Problems& problems) {
    if (entry.layer_names.empty()) return;
    const H5Group layers = file.sample_group(entry).group("layers");
    for (std::size_t i = 0; i < entry.layer_names.size(); ++i)
        problems.attempt([&] {
            const H5Group layer = layers.group(entry.layer_names[i]);
            const std::string& kind = entry.layer_kinds[i];
            if (kind != "attention") {
                // What does not fit together has been said at opening.
                (void)other_layer_shape(file.root(), layer, kind, false);
                check_layer_elements(file.root(), layer, kind, checked);
            } else if (layer.has_dataset("x_in") && layer.info("x_in").dtype == "float32") {
                require_finite_dataset(layer, "x_in");
            }
        });
}

}  // namespace attohm
