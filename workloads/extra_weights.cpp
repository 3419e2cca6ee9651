#include "workloads/extra_weights.hpp"

#include <fmt/format.h>

#include "src/base/error.hpp"
#include "src/base/hdf5.hpp"
#include "workloads/trace_file.hpp"
#include "workloads/trace_parts.hpp"

namespace attohm {

namespace {

/// Every tensor below a group, by its path from there.
void collect(const H5Group& group, const std::string& prefix, Problems& problems,
             ExtraWeights& extra) {
    for (const std::string& name : group.datasets())
        problems.attempt([&] {
            const H5DatasetInfo info = group.info(name);
            if (info.dtype != "float32" && info.dtype != "float16")
                throw UserError("wrong type of a learned parameter", group.where(name), info.dtype,
                                "float32 or float16");
            ExtraTensor tensor{info.shape, std::vector<float>(info.elements())};
            read_finite(group, name, info.shape, tensor.values);
            extra.tensors.emplace(prefix + name, std::move(tensor));
        });
    for (const std::string& name : group.groups())
        collect(group.group(name), prefix + name + "/", problems, extra);
}

}  // namespace

const ExtraTensor& ExtraWeights::layer_tensor(const std::string& scheme, int layer,
                                              const std::string& name,
                                              const std::vector<std::size_t>& shape,
                                              const std::string& how) const {
    const std::string path = fmt::format("layer_{:02d}/{}", layer, name);
    const auto found = tensors.find(path);
    if (found == tensors.end())
        throw UserError(fmt::format("scheme {} has no `{}` for layer {}", scheme, name, layer),
                        where + "/" + path, "missing",
                        fmt::format("a tensor {}: {}", shape_text(shape), how));
    if (found->second.shape != shape)
        throw UserError(fmt::format("`{}` of scheme {} does not fit layer {}", name, scheme, layer),
                        where + "/" + path, shape_text(found->second.shape),
                        fmt::format("{}: {}", shape_text(shape), how));
    return found->second;
}

ExtraWeights TraceFile::read_extra(const std::string& scheme, Problems& problems) const {
    ExtraWeights extra;
    const std::string path = "model/weights/extra/" + scheme;
    extra.where = root_.where(path);
    if (root_.has_group(path)) collect(root_.group(path), "", problems, extra);
    return extra;
}

bool TraceFile::has_weights() const {
    if (!root_.has_group("model/weights")) return false;
    // What schemes have learned is no network.
    const H5Group weights = root_.group("model/weights");
    return weights.groups() != std::vector<std::string>{"extra"} || !weights.datasets().empty() ||
           !weights.attributes().empty();
}

}  // namespace attohm
