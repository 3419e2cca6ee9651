#include "src/schemes/ecoformer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/random.hpp"
#include "src/schemes/digital_schemes.hpp"
#include "src/schemes/kept_attention.hpp"
#include "src/schemes/threshold_settings.hpp"

namespace attohm {

namespace {

const std::string kHow =
    "the buffers of the trained hash (ziplab/EcoFormer saves them with a checkpoint), written to "
    "this path; or --set ecoformer.hash=random(seed) for random projections";

float sign(double x) {
    return x > 0.0 ? 1.0F : x < 0.0 ? -1.0F : 0.0F;
}

/// x / |x|.
std::vector<double> unit_row(MatrixView<const float> x, std::size_t t) {
    std::vector<double> row(x.cols);
    double square = 0.0;
    for (std::size_t c = 0; c < x.cols; ++c) {
        row[c] = static_cast<double>(x(t, c));
        square += row[c] * row[c];
    }
    if (square == 0.0) return row;
    const double norm = std::sqrt(square);
    for (double& value : row) value /= norm;
    return row;
}

Matrix<float> transposed(const Matrix<float>& x) {
    Matrix<float> out(x.cols(), x.rows());
    for (std::size_t t = 0; t < x.rows(); ++t)
        for (std::size_t c = 0; c < x.cols(); ++c) out(c, t) = x(t, c);
    return out;
}

/// One plane of a tensor [heads, rows, columns].
MatrixView<const float> plane(const ExtraTensor& tensor, int head) {
    const std::size_t rows = tensor.shape.at(1), columns = tensor.shape.at(2);
    return {tensor.values.data() + static_cast<std::size_t>(head) * rows * columns, rows, columns};
}

}  // namespace

bool EcoformerSettings::keeps_softmax(int layer) const {
    return std::find(exact_layers.begin(), exact_layers.end(), layer) != exact_layers.end();
}

EcoformerSettings load_ecoformer_settings(const Settings& settings) {
    EcoformerSettings eco;
    const Settings::Call hash = settings.call("ecoformer.hash", {"trace", "random(x)"});
    if (hash.name == "random") {
        eco.hash = EcoformerHash::random;
        const double seed = *hash.argument;
        if (!(seed >= 0.0 && seed < 9e15) || seed != std::floor(seed))
            throw UserError("a seed is a whole number", settings.entry("ecoformer.hash").where,
                            settings.text("ecoformer.hash"), "random(0), random(1), ...");
        eco.hash_seed = static_cast<std::uint64_t>(seed);
    }
    eco.bias = pick<EcoformerBias, 2>(
        settings, "ecoformer.bias_form",
        {{{"released", EcoformerBias::released}, {"exact", EcoformerBias::exact}}});
    eco.anchors = static_cast<int>(settings.integer("ecoformer.anchors", {1.0, 4096.0}));
    eco.code_bits = static_cast<int>(settings.integer("ecoformer.code_bits", {1.0, 1024.0}));
    for (const double layer : settings.reals("ecoformer.exact_layers", {0.0, 1e6}))
        eco.exact_layers.push_back(static_cast<int>(layer));
    eco.operand_bits = load_operand_bits(settings, "ecoformer.operand_bits");
    return eco;
}

Matrix<float> kernel_codes(MatrixView<const float> x, std::size_t n, const KernelHash& hash) {
    const std::size_t m = hash.anchors.rows, b = hash.a.rows;
    Matrix<double> distance(n, m);
    double total = 0.0;
    for (std::size_t t = 0; t < n; ++t) {
        const std::vector<double> row = unit_row(x, t);
        for (std::size_t j = 0; j < m; ++j) {
            double square = 0.0;
            for (std::size_t c = 0; c < x.cols; ++c) {
                const double step = row[c] - static_cast<double>(hash.anchors(j, c));
                square += step * step;
            }
            distance(t, j) = square;
            total += square;
        }
    }
    // Where every token lies on every anchor there is nothing to scale by.
    const double sigma = total / static_cast<double>(n * m);
    const double rate = sigma > 0.0 ? 0.5 / sigma : 0.0;
    Matrix<float> codes(n, b);
    std::vector<double> kappa(m);
    for (std::size_t t = 0; t < n; ++t) {
        for (std::size_t j = 0; j < m; ++j)
            kappa[j] = std::exp(-distance(t, j) * rate) - static_cast<double>(hash.mean[j]);
        for (std::size_t i = 0; i < b; ++i) {
            double sum = 0.0;
            for (std::size_t j = 0; j < m; ++j) sum += kappa[j] * static_cast<double>(hash.a(i, j));
            codes(t, i) = sign(sum);
        }
    }
    return codes;
}

Matrix<float> projection_codes(MatrixView<const float> x, std::size_t n,
                               MatrixView<const float> projections) {
    Matrix<float> codes(n, projections.cols);
    std::vector<double> sums(projections.cols);
    for (std::size_t t = 0; t < n; ++t) {
        std::fill(sums.begin(), sums.end(), 0.0);
        for (std::size_t c = 0; c < x.cols; ++c) {
            const auto value = static_cast<double>(x(t, c));
            for (std::size_t i = 0; i < sums.size(); ++i)
                sums[i] += value * static_cast<double>(projections(c, i));
        }
        for (std::size_t i = 0; i < sums.size(); ++i) codes(t, i) = sign(sums[i]);
    }
    return codes;
}

Matrix<float> random_projections(std::uint64_t seed, int layer, int head, std::size_t d, int bits) {
    Matrix<float> projections(d, static_cast<std::size_t>(bits));
    Stream(seed, Purpose::sampling,
           {static_cast<std::uint64_t>(layer), static_cast<std::uint64_t>(head)})
        .normals(0, {projections.data(), projections.size()});
    return projections;
}

void code_attention(const AttentionHead& head, const Matrix<float>& q_codes,
                    const Matrix<float>& k_codes, EcoformerBias bias, MatrixView<float> out) {
    const auto rows = static_cast<std::size_t>(head.valid_q);
    const auto keys = static_cast<std::size_t>(head.valid_k);
    const std::size_t bits = q_codes.cols(), dv = head.dv();
    clear_padding(head, out);
    if (rows == 0) return;
    if (keys == 0) {
        for (std::size_t t = 0; t < rows; ++t) std::fill_n(out.row(t), dv, 0.0F);
        return;
    }
    Matrix<float> state(bits, dv);
    sgemm_nn(transposed(k_codes).view(), head.v.top(keys), state.view());
    const std::vector<double> code_sum = column_sums(k_codes.view(), keys);
    const std::vector<double> v_sum = column_sums(head.v, keys);
    const double beta = static_cast<double>(bits) + 1.0;
    sgemm_nn(q_codes.view(), state.view(), out.top(rows));
    for (std::size_t t = 0; t < rows; ++t) {
        double divisor = beta * static_cast<double>(keys);
        for (std::size_t i = 0; i < bits; ++i)
            divisor += static_cast<double>(q_codes(t, i)) * code_sum[i];
        for (std::size_t c = 0; c < dv; ++c) {
            const double added =
                bias == EcoformerBias::exact ? v_sum[c] : static_cast<double>(head.v(t, c));
            out(t, c) =
                static_cast<float>((static_cast<double>(out(t, c)) + beta * added) / divisor);
        }
    }
}

EcoformerScheme::EcoformerScheme(const SchemeInputs& inputs, const Settings& settings)
    : model_(inputs.model),
      trace_path_(inputs.trace_path),
      extra_(inputs.extra),
      settings_(load_ecoformer_settings(settings)) {
    rule().require(model_);
}

AllPairsRule EcoformerScheme::rule() const {
    return {"ecoformer", "the linear form that sums over all keys", trace_path_};
}

void EcoformerScheme::require_own_value(int layer, int queries, int keys) const {
    if (settings_.bias == EcoformerBias::exact || queries == keys) return;
    throw UserError(
        fmt::format("scheme ecoformer cannot compute layer {}: its released bias adds the value of "
                    "the query's own token",
                    layer),
        fmt::format("{}:/samples/*/layers/{:02d}", trace_path_, layer),
        fmt::format("{} queries, {} values", queries, keys),
        "as many of both, or --set ecoformer.bias_form=exact");
}

void EcoformerScheme::require_shared(const AttentionHead& head) const {
    bool same = head.n_q() == head.n_k();
    for (std::size_t t = 0; same && t < static_cast<std::size_t>(head.valid_q); ++t)
        same = std::equal(head.q.row(t), head.q.row(t) + head.d(), head.k.row(t));
    if (same) return;
    throw UserError(
        fmt::format("scheme ecoformer has one projection for queries and keys, layer {} has two",
                    head.layer),
        fmt::format("{}:/samples/*/layers/{:02d}/k", trace_path_, head.layer), "q and k differ",
        "a model whose wk is its wq, or --set ecoformer.hash=random(seed), which hashes both");
}

void EcoformerScheme::head_attention(const AttentionHead& head, MatrixView<float> out) const {
    const auto rows = static_cast<std::size_t>(head.valid_q);
    const auto keys = static_cast<std::size_t>(head.valid_k);
    if (settings_.hash == EcoformerHash::random) {
        const Matrix<float> projections = random_projections(
            settings_.hash_seed, head.layer, head.head, head.d(), settings_.code_bits);
        code_attention(head, projection_codes(head.q, rows, projections.view()),
                       projection_codes(head.k, keys, projections.view()), settings_.bias, out);
        return;
    }
    const auto heads = static_cast<std::size_t>(model_.heads);
    const auto m = static_cast<std::size_t>(settings_.anchors);
    const auto b = static_cast<std::size_t>(settings_.code_bits);
    const auto tensor = [&](const char* name,
                            const std::vector<std::size_t>& shape) -> const ExtraTensor& {
        return extra_.layer_tensor("ecoformer", head.layer, name, shape, kHow);
    };
    const ExtraTensor& anchors = tensor("anchors", {heads, m, head.d()});
    const ExtraTensor& mean = tensor("mvec", {heads, m});
    const ExtraTensor& a = tensor("A", {heads, b, m});
    require_shared(head);
    const KernelHash hash{
        plane(anchors, head.head),
        std::span(mean.values).subspan(static_cast<std::size_t>(head.head) * m, m),
        plane(a, head.head)};
    const Matrix<float> codes = kernel_codes(head.q, rows, hash);
    code_attention(head, codes, codes, settings_.bias, out);
}

void EcoformerScheme::record(const HeadShape& shape, SampleContext& context) const {
    file_work(digital_work(shape, ecoformer_ops(shape, settings_), settings_.operand_bits, 0),
              context);
}

void EcoformerScheme::attention(int layer, std::span<const AttentionHead> heads,
                                MatrixView<float> out, SampleContext& context) const {
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const AttentionHead& head = heads[h];
        const MatrixView<float> columns = out.columns(h * head.dv(), head.dv());
        if (settings_.keeps_softmax(layer)) {
            exact_attention(head, columns);
            record_dense_work({&head, 1}, settings_.operand_bits, context);
            continue;
        }
        rule().require(head);
        require_own_value(layer, head.valid_q, head.valid_k);
        head_attention(head, columns);
        record(head_shape(head), context);
    }
}

bool EcoformerScheme::shape_work(const HeadShape& shape, SampleContext& context) const {
    if (settings_.keeps_softmax(shape.layer)) {
        record_dense_work(shape, settings_.operand_bits, context);
        return true;
    }
    rule().require(shape);
    require_own_value(shape.layer, shape.valid_q, shape.valid_k);
    record(shape, context);
    return true;
}

void EcoformerScheme::linear_shapes(int layer, int /*heads*/,
                                    std::vector<LinearShape>& shapes) const {
    if (!settings_.shared() || settings_.keeps_softmax(layer)) return;
    std::erase_if(shapes, [](const LinearShape& shape) { return shape.name == "k"; });
}

SchemeEntry ecoformer_entry() {
    SchemeEntry entry;
    entry.name = "ecoformer";
    entry.help = "linear attention over codes of signs: a kernelised hash, then additions";
    entry.source = "EcoFormer, NeurIPS 2022, arXiv 2209.09004; github.com/ziplab/EcoFormer pvt/";
    entry.equations = {
        "x = qk / |qk|,  D2_nj = |x_n - a_j|^2,  sigma = mean of D2 over tokens and anchors",
        "kappa = exp(-D2 / 2 sigma) - mvec,  B = sign(kappa A^T),  sign(0) = 0",
        "B_i.B_j = b - 2 Hamming(B_i, B_j),  beta = b + 1: no similarity below 1",
        "exact: out_i = (B_i (B^T V) + beta sum_j v_j) / (B_i sum_j B_j + beta N)",
        "released: beta v_i in place of beta sum_j v_j",
        "hash random(seed): B_q = sign(q R), B_k = sign(k R), R standard normal"};
    entry.not_modelled = {"learning the hash (offline)", "a bias rounded to a power of two",
                          "operands below float32 in the numbers",
                          "causal, masked or biased attention: refused"};
    entry.keys = {"ecoformer"};
    entry.preset = "presets/ecoformer.yaml";
    entry.needs =
        "/model/weights/extra/ecoformer/layer_XX: anchors [heads, m, d], mvec [heads, m], A "
        "[heads, b, m], and wk = wq; or ecoformer.hash=random(seed)";
    entry.plan = "operators";
    entry.baselines = {"dense"};
    entry.machine = "linear-attention";
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<EcoformerScheme>(inputs, settings);
    };
    entry.notes = [](const Settings& settings) {
        std::vector<std::string> notes;
        const std::string hash = settings.text("ecoformer.hash");
        if (hash != "trace")
            notes.push_back(
                fmt::format("ecoformer: hash of random projections, {}, not a learned one", hash));
        return notes;
    };
    return entry;
}

}  // namespace attohm
