#include "workloads/trace_writer.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/float16.hpp"
#include "src/base/hdf5.hpp"
#include "src/base/parallel.hpp"
#include "src/base/text.hpp"
#include "src/base/version.hpp"
#include "workloads/content_hash.hpp"
#include "workloads/scheme.hpp"
#include "workloads/trace_file.hpp"
#include "workloads/trace_parts.hpp"
#include "workloads/trace_writer_content.hpp"
#include "workloads/trace_writer_layers.hpp"

namespace attohm {

namespace {

using Attributes = ContentWriter::Attributes;

std::string creation_date(const std::string& given) {
    if (!given.empty()) return given;
    std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH")) {
        const auto parsed = parse_integer(epoch);
        if (!parsed)
            throw UserError("not a number of seconds", "SOURCE_DATE_EPOCH", epoch,
                            "seconds since 1970");
        seconds = static_cast<std::time_t>(*parsed);
    }
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds));
}

using trace_layers::wide;

Attributes model_attributes(const ModelInfo& model) {
    return {{"name", model.name},
            {"family", model.family},
            {"layers", wide(model.layers)},
            {"heads", wide(model.heads)},
            {"kv_heads", wide(model.kv_heads)},
            {"head_dim", wide(model.head_dim)},
            {"v_head_dim", wide(model.v_head_dim)},
            {"width", wide(model.width)},
            ContentWriter::flag("causal", model.causal),
            {"prefix_tokens", wide(model.prefix_tokens)},
            {"grid_h", wide(model.grid_h)},
            {"grid_w", wide(model.grid_w)},
            {"task", model.task},
            {"classes", wide(model.classes)},
            {"pool", model.pool},
            {"pad_token", wide(model.pad_token)}};
}

H5Shape shape_of(const Tensor3& tensor) {
    return {tensor.planes, tensor.rows, tensor.cols};
}

/// Rounds a tensor to float16 in place. Returns: the bits.
std::vector<std::uint16_t> round_to_halves(Tensor3& tensor, const std::string& where) {
    std::vector<std::uint16_t> bits(tensor.data.size());
    narrow_to_halves(tensor.data, bits);
    for (std::size_t i = 0; i < bits.size(); ++i)
        if ((bits[i] & 0x7c00U) == 0x7c00U)
            throw UserError(
                "a value is too large for float16", where,
                fmt::format("{} at {}", tensor.data[i], index_text(i, shape_of(tensor))),
                "values up to 65504, or float32 tensors");
    widen_halves(bits, tensor.data);
    return bits;
}

/// The layer as it will be read back, with the bits to store where they are halves.
struct StoredLayer {
    AttentionLayer layer;
    std::vector<std::uint16_t> q, k, v, out;
};

void check_shapes(const AttentionLayer& layer, int valid_len) {
    const auto windows = static_cast<std::size_t>(layer.windows);
    ATTOHM_CHECK_EQ(layer.q.planes % windows, std::size_t{0});
    ATTOHM_CHECK_EQ(layer.k.planes % windows, std::size_t{0});
    ATTOHM_CHECK_EQ(layer.q.planes % layer.k.planes, std::size_t{0});
    ATTOHM_CHECK_EQ(layer.v.planes, layer.k.planes);
    ATTOHM_CHECK_EQ(layer.q.rows, static_cast<std::size_t>(layer.n_q));
    ATTOHM_CHECK_EQ(layer.k.rows, static_cast<std::size_t>(layer.n_k));
    ATTOHM_CHECK_EQ(layer.v.rows, static_cast<std::size_t>(layer.n_k));
    ATTOHM_CHECK_EQ(layer.k.cols, layer.q.cols);
    // As the reader derives them from valid_len.
    const int padded = valid_len < 0 ? 0 : layer.n_k - valid_len;
    ATTOHM_CHECK_EQ(layer.valid_k, layer.n_k - padded);
    const int valid_q = std::max(0, layer.n_q - padded);
    ATTOHM_CHECK_EQ(layer.valid_q, valid_q);
    ATTOHM_CHECK(!layer.q_prescaled);
}

void require_finite_tensors(const AttentionLayer& layer, const std::string& where) {
    const std::pair<const char*, const Tensor3*> tensors[] = {{"q", &layer.q},
                                                              {"k", &layer.k},
                                                              {"v", &layer.v},
                                                              {"out", &layer.out},
                                                              {"bias", &layer.bias}};
    for (const auto& [name, tensor] : tensors)
        require_finite(tensor->data, shape_of(*tensor), where + "/" + name);
}

void compute_out(AttentionLayer& layer) {
    // Set aside until it is whole: a view of a layer whose out has no values yet would carry it.
    Tensor3 out;
    out.resize(layer.q.planes, layer.q.rows, layer.v.cols);
    parallel_for(out.planes, [&](std::size_t head) {
        exact_attention(head_view(layer, 0, static_cast<int>(head)), out.plane(head));
    });
    layer.out = std::move(out);
}

void require_true_out(const AttentionLayer& layer, double tolerance, const std::string& where) {
    std::vector<double> errors(layer.q.planes);
    parallel_for(errors.size(), [&](std::size_t head) {
        errors[head] = attention_error(head_view(layer, 0, static_cast<int>(head)));
    });
    for (std::size_t head = 0; head < errors.size(); ++head)
        if (!(errors[head] <= tolerance))
            throw UserError("`out` is not the exact attention of q, k, v", where,
                            fmt::format("an error of {:.3g} of the largest |out| in head {}",
                                        errors[head], head),
                            fmt::format("at most {}", tolerance));
}

}  // namespace

struct TraceWriter::Impl {
    Impl(std::string path, ModelInfo info, WriterOptions chosen)
        : atomic(std::move(path)),
          file(H5File::create(atomic.temporary_path(), atomic.path())),
          content(file.root()),
          model(std::move(info)),
          options(std::move(chosen)) {}

    void write_root() {
        const H5Group root = file.root();
        root.set_text("format", "attohm-trace");
        root.set_text("schema_version", "1.0.0");
        root.set_text("producer", options.producer);
        root.set_text("producer_version", version());
        root.set_text("created_utc", creation_date(options.created_utc));
        root.set_text("capture_dtype", half() ? "float16" : "float32");
        if (options.shape_only) root.set_flag("shape_only", true);
        root.set_text("capture_method", options.capture_method);
    }

    void write_thresholds(const Thresholds& thresholds) {
        const auto layers = static_cast<std::size_t>(model.layers);
        const Matrix<float>& values = thresholds.values;
        ATTOHM_CHECK_EQ(values.rows(), layers);
        ATTOHM_CHECK(values.cols() == 1 || values.cols() == static_cast<std::size_t>(model.heads));
        const H5Shape shape = values.cols() == 1 ? H5Shape{layers} : H5Shape{layers, values.cols()};
        require_finite({values.data(), values.size()}, shape,
                       file.root().where("model/thresholds/learned"));
        content.group("/model/thresholds");
        content.floats("/model/thresholds/learned", shape, {values.data(), values.size()},
                       {{"compares", std::string("scaled score")}});
    }

    bool half() const { return options.tensors == StoredAs::float16; }

    void write_matrix(const char* name, const Matrix<float>& matrix, bool row_as_vector,
                      Attributes attributes = {}) {
        if (matrix.empty()) return;
        const bool is_vector = row_as_vector && matrix.rows() == 1;
        const H5Shape shape =
            is_vector ? H5Shape{matrix.cols()} : H5Shape{matrix.rows(), matrix.cols()};
        const std::string path = sample_path + "/" + name;
        require_finite({matrix.data(), matrix.size()}, shape, file.root().where(path));
        content.floats(path, shape, {matrix.data(), matrix.size()}, std::move(attributes));
    }

    void write_tensor(const std::string& path, const Tensor3& tensor,
                      const std::vector<std::uint16_t>& bits) {
        if (half())
            content.halves(path, shape_of(tensor), bits);
        else
            content.floats(path, shape_of(tensor), tensor.data);
    }

    AtomicFile atomic;
    H5File file;
    ContentWriter content;
    ModelInfo model;
    WriterOptions options;
    /// The path of the next layer of the sample, in a group that is made with the first.
    std::string next_path(bool attention) {
        ATTOHM_CHECK(!sample_path.empty());
        if (attention) ATTOHM_CHECK_LT(attention_layers, model.layers);
        if (next_layer == 0) content.group(sample_path + "/layers");
        attention_layers += attention ? 1 : 0;
        return fmt::format("{}/layers/{:02}", sample_path, next_layer++);
    }
    void end_sample() const {
        ATTOHM_CHECK(attention_layers == 0 || attention_layers == model.layers);
    }

    std::string sample_path;  ///< "" before the first sample
    int valid_len = -1;
    int next_layer = 0;        ///< of the sample, of all kinds
    int attention_layers = 0;  ///< of them
    int samples = 0;
    int calibration_samples = 0;
};

TraceWriter::TraceWriter(std::string path, const ModelInfo& model,
                         const std::optional<Thresholds>& thresholds, WriterOptions options)
    : impl_(std::make_unique<Impl>(std::move(path), model, std::move(options))) {
    impl_->write_root();
    impl_->content.group("/model", model_attributes(impl_->model));
    if (thresholds) impl_->write_thresholds(*thresholds);
    impl_->content.group("/samples");
}

TraceWriter::~TraceWriter() = default;

void TraceWriter::begin_sample(const Sample& sample) {
    Impl& self = *impl_;
    self.end_sample();
    if (sample.calibration && self.calibration_samples == 0) self.content.group("/calibration");
    int& count = sample.calibration ? self.calibration_samples : self.samples;
    self.sample_path =
        fmt::format("/{}/{:06}", sample.calibration ? "calibration" : "samples", count);
    Attributes attributes = {
        {"dataset", sample.dataset},
        {"split", sample.split},
        {"index", sample.dataset_index >= 0 ? sample.dataset_index : wide(count)}};
    if (self.model.task == "classify") attributes.push_back({"label", sample.label});
    if (sample.valid_len >= 0) attributes.push_back({"valid_len", wide(sample.valid_len)});
    ++count;
    self.valid_len = sample.valid_len;
    self.next_layer = 0;
    self.attention_layers = 0;
    self.content.group(self.sample_path, std::move(attributes));
    self.write_matrix("x0", sample.x0, false);
    self.write_matrix("patches", sample.patches, false);
    self.write_matrix("logits", sample.logits, true);
    self.write_matrix("logits_threshold", sample.logits_threshold, true,
                      {{"empty_row", sample.logits_empty_row}});
}

void TraceWriter::layer(const AttentionLayer& given, const AttentionSize* said) {
    Impl& self = *impl_;
    check_shapes(given, self.valid_len);
    const std::string path = self.next_path(true);
    const std::string where = self.file.root().where(path);
    require_finite_tensors(given, where);
    StoredLayer stored{given, {}, {}, {}, {}};
    AttentionLayer& layer = stored.layer;
    if (self.half()) {
        stored.q = round_to_halves(layer.q, where + "/q");
        stored.k = round_to_halves(layer.k, where + "/k");
        stored.v = round_to_halves(layer.v, where + "/v");
    }
    if (layer.out.empty()) compute_out(layer);
    if (self.half()) stored.out = round_to_halves(layer.out, where + "/out");
    const double tolerance =
        self.half() ? std::max(self.options.tolerance, kTolerance16) : self.options.tolerance;
    require_true_out(layer, tolerance, where + "/out");

    self.content.group(path, trace_layers::attention_attributes(
                                 self.model, trace_layers::size_of(self.model, layer, said),
                                 static_cast<double>(layer.scale)));
    self.write_tensor(path + "/q", layer.q, stored.q);
    self.write_tensor(path + "/k", layer.k, stored.k);
    self.write_tensor(path + "/v", layer.v, stored.v);
    self.write_tensor(path + "/out", layer.out, stored.out);
    if (!layer.bias.empty())
        self.content.floats(path + "/bias", shape_of(layer.bias), layer.bias.data);
    if (!layer.mask.empty())
        self.content.bytes(path + "/mask", {layer.mask_planes, layer.q.rows, layer.k.rows},
                           layer.mask);
}

void TraceWriter::shape(const LayerShape& shape) {
    Impl& self = *impl_;
    ATTOHM_CHECK(self.options.shape_only);
    const bool attention = shape.kind == LayerKind::attention;
    Attributes attributes = trace_layers::shape_attributes(self.model, shape);
    if (!attention) trace_layers::add_other_attributes(shape, attributes);
    self.content.group(self.next_path(attention), std::move(attributes));
}

void TraceWriter::tensors(const LayerShape& shape, std::span<const float> x,
                          const std::string& weight, const std::string& adjacency) {
    Impl& self = *impl_;
    const H5Shape extents = trace_layers::x_shape(shape);
    ATTOHM_CHECK_EQ(x.size(), shape_elements(extents));
    const std::string path = self.next_path(false);
    Attributes attributes;
    trace_layers::add_other_attributes(shape, attributes);
    if (!weight.empty()) attributes.push_back({"weight_path", weight});
    if (!adjacency.empty()) attributes.push_back({"adjacency_path", adjacency});
    self.content.group(path, std::move(attributes));
    require_finite(x, extents, self.file.root().where(path + "/x"));
    self.content.floats(path + "/x", extents, x);
}

std::string TraceWriter::weight(const std::string& name, const std::vector<std::size_t>& extents,
                                std::span<const float> values) {
    Impl& self = *impl_;
    ATTOHM_CHECK(self.sample_path.empty());
    if (!self.file.root().has_group("tensors")) self.content.group("/tensors");
    const std::string path = "/tensors/" + name;
    require_finite(values, extents, self.file.root().where(path));
    self.content.floats(path, extents, values);
    return path;
}

std::string TraceWriter::adjacency(const SparseMatrix& matrix) {
    Impl& self = *impl_;
    ATTOHM_CHECK(self.sample_path.empty());
    const std::string path = "/adjacency";
    self.content.group(path);
    self.content.integers(path + "/indptr", {matrix.indptr.size()}, matrix.indptr);
    self.content.integers(path + "/indices", {matrix.indices.size()}, matrix.indices);
    self.content.floats(path + "/values", {matrix.values.size()}, matrix.values);
    return path;
}

void TraceWriter::finish() {
    Impl& self = *impl_;
    self.end_sample();
    const H5Group root = self.file.root();
    root.set_text("content_sha256", content_sha256(root));
    root.set_flag("complete", true);
    self.file.close();
    self.atomic.commit();
}

}  // namespace attohm
