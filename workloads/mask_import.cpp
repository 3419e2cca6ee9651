#include "workloads/mask_import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "src/base/error.hpp"
#include "src/base/version.hpp"
#include "workloads/npy.hpp"
#include "workloads/trace_file.hpp"

namespace attohm {

namespace {

constexpr int kMaskGzip = 6;

/// A stored mask before it is understood.
struct FoundMask {
    SourcePointer elements;
    std::string where;
    std::optional<bool> one_means_attend;  ///< as its file says
    std::string said;
};

std::string single_dataset(const H5Group& root) {
    const std::vector<std::string> names = root.datasets();
    if (names.size() != 1)
        throw UserError("which dataset is the mask?", "--from",
                        fmt::format("{} with {} datasets at its root", root.where(), names.size()),
                        "FILE.h5:/path/of/the/dataset");
    return "/" + names.front();
}

/// Attributes of the dataset, else of its file.
std::string note_of(const H5Group& root, const H5Group& dataset, const char* name) {
    if (dataset.has_attribute(name)) return dataset.text(name);
    return root.has_attribute(name) ? root.text(name) : "";
}

FoundMask open_h5(const std::string& file, const std::string& path) {
    const H5Group root = H5File::open(file).root();
    const H5Group dataset = root.dataset(path.empty() ? single_dataset(root) : path);
    FoundMask mask{stored_source(dataset), dataset.where(), {}, note_of(root, dataset, "meaning")};
    for (const auto& [word, attend] :
         {std::pair{"1 = pruned", false}, {"1 = attend", true}, {"1 = kept", true}})
        if (mask.said.starts_with(word)) mask.one_means_attend = attend;
    const std::string axes = note_of(root, dataset, "axes");
    if (!axes.empty() && axes != "layer, head, query, key")
        throw UserError("the mask has other axes", dataset.where(), axes,
                        "layer, head, query, key");
    const std::string& type = mask.elements->type().numpy;
    if (type != "|u1" && type != "|b1" && type != "|i1")
        throw UserError("wrong data type", mask.where, type, "uint8, int8 or bool");
    return mask;
}

/// "FILE.h5:/path" apart; a .npy file has no path.
FoundMask open_mask(const std::string& from) {
    const std::size_t colon = from.rfind(":/");
    if (colon != std::string::npos && !std::filesystem::exists(from))
        return open_h5(from.substr(0, colon), from.substr(colon + 1));
    if (from.ends_with(".npy")) return {npy_source(from), from, {}, ""};
    return open_h5(from, "");
}

bool meaning_of(const FoundMask& mask, const std::optional<bool>& given) {
    if (given && mask.one_means_attend && *given != *mask.one_means_attend)
        throw UserError("the mask's own attribute says otherwise", "--one-means",
                        *given ? "attend" : "pruned", "\"" + mask.said + "\" of " + mask.where);
    if (given) return *given;
    if (mask.one_means_attend) return *mask.one_means_attend;
    throw UserError("what does a 1 of the mask mean?", mask.where, "neither --one-means nor a word",
                    "--one-means attend | pruned");
}

/// The mask with 1 = attend, checked value by value.
class MaskSource final : public ElementSource {
  public:
    MaskSource(SourcePointer inner, std::string where, bool one_means_attend)
        : inner_(std::move(inner)),
          where_(std::move(where)),
          one_means_attend_(one_means_attend),
          type_(H5RawType::uint8()) {}
    const H5Shape& shape() const override { return inner_->shape(); }
    const H5RawType& type() const override { return type_; }
    int gzip() const override { return kMaskGzip; }

    void read(const H5Block& block, std::span<std::byte> out) const override {
        inner_->read(block, out);
        for (std::size_t i = 0; i < out.size(); ++i) {
            const auto value = std::to_integer<unsigned>(out[i]);
            if (value > 1) refuse(block, i, value);
            out[i] = std::byte{(value == 1) == one_means_attend_};
        }
    }

  private:
    [[noreturn]] void refuse(const H5Block& block, std::size_t flat, unsigned value) const {
        H5Shape index(block.count.size());
        for (std::size_t axis = index.size(); axis-- > 0;) {
            index[axis] = block.start[axis] + flat % block.count[axis];
            flat /= block.count[axis];
        }
        throw UserError("a mask value is neither 0 nor 1", where_,
                        fmt::format("{} at {}", value, shape_text(index)), "0 or 1");
    }

    SourcePointer inner_;
    std::string where_;
    bool one_means_attend_;
    H5RawType type_;
};

/// Tokens of the trace's layers, all alike. Throws: UserError where a mask cannot fit them.
std::size_t tokens_of(const TraceFile& file) {
    for (const auto* entries : {&file.samples(), &file.calibration()})
        for (const SampleEntry& entry : *entries)
            if (!entry.attention.empty())
                return static_cast<std::size_t>(file.attention_group(entry, 0).integer("n_k"));
    Problems problems(Problems::On::throw_first);
    const Sample sample = file.read_sample(file.samples().front(), 0, problems);
    if (!sample.x0.empty()) return sample.x0.rows();
    if (!sample.tokens.empty()) return sample.tokens.size();
    return sample.patches.rows() + static_cast<std::size_t>(file.model().prefix_tokens);
}

void require_shape(const TraceFile& file, const FoundMask& mask) {
    const auto layers = static_cast<std::size_t>(file.model().layers);
    const auto heads = static_cast<std::size_t>(file.model().heads);
    const std::size_t n = tokens_of(file);
    const H5Shape& shape = mask.elements->shape();
    if (shape == H5Shape{layers, heads, n, n} || shape == H5Shape{layers, 1, n, n}) return;
    throw UserError("the mask does not fit the trace", mask.where, shape_text(shape),
                    fmt::format("[{0}, {1}, {2}, {2}] or [{0}, 1, {2}, {2}] (layers, heads, "
                                "tokens)",
                                layers, heads, n));
}

void require_name(const TraceFile& file, const std::string& name) {
    const bool sound = !name.empty() && name.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyz0123456789_-"
                                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos;
    if (!sound)
        throw UserError("not a name for a mask", "--name", "\"" + name + "\"",
                        "letters, digits, _ and -");
    if (file.root().has_dataset("model/masks/" + name))
        throw UserError("the trace has a mask of this name", file.root().where("model/masks"), name,
                        "another name");
}

/// Share of attended pairs, and rows without any.
std::string summary_of(const ElementSource& mask, const std::string& name) {
    std::int64_t attended = 0;
    std::vector<std::byte> bytes;
    for_each_block(mask.shape(), 1, kBlockBytes, [&](const H5Block& block) {
        bytes.resize(block.elements());
        mask.read(block, bytes);
        attended += std::count(bytes.begin(), bytes.end(), std::byte{1});
    });
    const std::size_t pairs = shape_elements(mask.shape());
    return fmt::format("mask {} {}: {} of {} pairs attend ({:.6f})", name, shape_text(mask.shape()),
                       attended, pairs, static_cast<double>(attended) / static_cast<double>(pairs));
}

}  // namespace

CopyOutcome import_mask(const std::string& input, const MaskImport& spec,
                        const std::string& output) {
    Problems problems(Problems::On::throw_first);
    const TraceFile file(input, problems);
    require_name(file, spec.name);
    FoundMask found = open_mask(spec.from);
    const bool attend = meaning_of(found, spec.one_means_attend);
    require_shape(file, found);
    const auto mask = std::make_shared<MaskSource>(std::move(found.elements), found.where, attend);
    const std::string summary = summary_of(*mask, spec.name);
    std::vector<CopyItem> items = all_items(file.root());
    if (!file.root().has_group("model/masks")) items.push_back({"/model/masks"});
    CopyItem item;
    item.to = "/model/masks/" + spec.name;
    const std::string where = found.where;
    const std::string from = spec.from;
    item.elements = [from, where, attend] {
        return std::make_unique<MaskSource>(open_mask(from).elements, where, attend);
    };
    items.push_back(std::move(item));
    const std::string by = fmt::format("attohm {} trace mask --name {} --one-means {}", version(),
                                       spec.name, attend ? "attend" : "pruned");
    CopyOutcome outcome =
        write_copy(output, {file.root(), {}, file.trace_id(), by}, std::move(items));
    outcome.samples = static_cast<std::int64_t>(file.samples().size());
    outcome.calibration_samples = static_cast<std::int64_t>(file.calibration().size());
    outcome.bytes_before = std::filesystem::file_size(input);
    outcome.notes.push_back(summary);
    return outcome;
}

}  // namespace attohm
