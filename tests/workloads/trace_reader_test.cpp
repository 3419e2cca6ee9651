#include "workloads/trace_reader.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <limits>

#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/base/text.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/small_trace.hpp"

using attohm::AttentionHead;
using attohm::AttentionLayer;
using attohm::Sample;
using attohm::Tensor3;
using attohm::TraceReader;
using attohm::UserError;
using attohm::testing::Faults;
using attohm::testing::TemporaryDirectory;
using attohm::testing::write_small_trace;
using Catch::Contains;

namespace {

constexpr const char* kForeign = "tests/workloads/data/foreign_trace.h5";
constexpr const char* kLayer = "/samples/000000/layers/01";

/// The formula of make_foreign_trace.py.
bool is_pattern(const Tensor3& tensor, int seed) {
    for (std::size_t h = 0; h < tensor.planes; ++h)
        for (std::size_t i = 0; i < tensor.rows; ++i)
            for (std::size_t j = 0; j < tensor.cols; ++j) {
                const int code = (static_cast<int>(h * 31 + i * 7 + j * 3) + seed) % 17 - 8;
                if (tensor.plane(h)(i, j) != static_cast<float>(code) / 8.0F) return false;
            }
    return !tensor.empty();
}

double largest_difference(const Tensor3& a, const Tensor3& b) {
    REQUIRE(a.data.size() == b.data.size());
    double largest = 0.0;
    for (std::size_t i = 0; i < a.data.size(); ++i)
        largest = std::max(largest, std::abs(static_cast<double>(a.data[i] - b.data[i])));
    return largest;
}

/// The error that opening a trace with faults ends in, everything read.
UserError error_of(const Faults& faults) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("bad.h5");
    write_small_trace(path, faults);
    try {
        const TraceReader reader(path);
        for (int i = 0; i < reader.samples(); ++i) {
            const Sample sample = reader.sample(i);
            for (int layer = 0; layer < sample.layers_stored; ++layer)
                (void)reader.layer(sample, layer, true);
        }
    } catch (const UserError& error) {
        CHECK_THAT(error.where(), Contains("bad.h5"));
        CHECK_FALSE(error.got().empty());
        CHECK_FALSE(error.allowed().empty());
        return error;
    }
    FAIL("no UserError");
    return {"", "", "", ""};
}

}  // namespace

TEST_CASE("a trace that another program wrote is read", "[unit]") {
    const TraceReader reader(kForeign);
    CHECK(reader.model().name == "foreign");
    CHECK(reader.model().pool == "first");
    CHECK(reader.model().pad_token == -1);
    CHECK(reader.model().causal);
    CHECK(reader.trace_id().starts_with("partial:"));
    CHECK(reader.trace_id().size() == 8 + 64);
    REQUIRE(reader.thresholds().has_value());
    CHECK(reader.thresholds()->at(1, 2) == 1.5F);
    const Sample sample = reader.sample(0);
    CHECK(sample.valid_len == 5);
    CHECK(sample.layers_stored == 2);
    // Layer ordinals count attention layers only: group 00 is linear.
    const AttentionLayer masked = reader.layer(sample, 0, true);
    CHECK(is_pattern(masked.q, 1));
    CHECK(is_pattern(masked.k, 2));
    CHECK(is_pattern(masked.v, 3));
    CHECK(masked.mask_planes == 1);
    CHECK(masked.valid_q == 5);
    CHECK(masked.valid_k == 5);
    // The file's padded row holds something, which nobody reads.
    Tensor3 stored = masked.out;
    for (std::size_t h = 0; h < stored.planes; ++h)
        for (std::size_t j = 0; j < stored.cols; ++j) stored.plane(h)(5, j) = 0.0F;
    CHECK(largest_difference(stored, attohm::testing::plain_attention(masked)) < 1e-3);
    const AttentionLayer causal = reader.layer(sample, 1, true);
    CHECK(causal.causal);
    CHECK(causal.n_q == 4);
    CHECK(causal.n_k == 6);
    CHECK(causal.valid_q == 3);
    CHECK(causal.valid_k == 5);
    CHECK(is_pattern(causal.q, 4));
    CHECK(is_pattern(causal.bias, 7));
    CHECK(reader.layer(sample, 1, false).out.empty());
}

TEST_CASE("views of a head share the layer's memory", "[unit]") {
    const TraceReader reader(kForeign);
    const AttentionLayer layer = reader.layer(reader.sample(0), 0, true);
    const AttentionHead head = attohm::head_view(layer, 7, 3);
    CHECK(head.sample == 7);
    CHECK(head.kv_head == 1);
    CHECK_FALSE(head.first_of_kv_head);
    CHECK(attohm::head_view(layer, 7, 2).first_of_kv_head);
    CHECK(head.q.data == layer.q.plane(3).data);
    CHECK(head.k.data == layer.k.plane(1).data);
    CHECK(head.golden.data == layer.out.plane(3).data);
    CHECK(head.mask.data == layer.mask.data());
    CHECK_FALSE(head.allowed(2, 0));
    CHECK_FALSE(head.allowed(0, 1));
    CHECK_FALSE(head.allowed(0, 5));
    CHECK(head.allowed(0, 4));
    CHECK_THROWS_AS(attohm::head_view(layer, 0, 4), attohm::InvariantError);
}

TEST_CASE("heads read apart are those of the whole layer", "[unit]") {
    const TraceReader reader(kForeign);
    const Sample sample = reader.sample(0);
    const AttentionLayer whole = reader.layer(sample, 0, true);
    REQUIRE(whole.q.planes == 4);
    REQUIRE(whole.k.planes == 2);
    // One byte: as small as can be, a group of query heads with its kv head.
    const std::vector<attohm::HeadRange> ranges = reader.head_ranges(sample, 0, 1);
    REQUIRE(ranges.size() == 2);
    for (const attohm::HeadRange& range : ranges) {
        CHECK(range.count == 2);
        const AttentionLayer part = reader.heads(sample, 0, range, true);
        CHECK(part.q.planes == 2);
        CHECK(part.k.planes == 1);
        for (int head = range.first; head < range.first + range.count; ++head) {
            const AttentionHead a = attohm::head_view(part, 0, head);
            const AttentionHead b = attohm::head_view(whole, 0, head);
            CHECK(a.head == b.head);
            CHECK(a.kv_head == b.kv_head);
            CHECK(a.first_of_kv_head == b.first_of_kv_head);
            const auto same = [](auto x, auto y) {
                return std::equal(x.data, x.data + x.rows * x.cols, y.data);
            };
            CHECK(same(a.q, b.q));
            CHECK(same(a.k, b.k));
            CHECK(same(a.v, b.v));
            CHECK(same(a.golden, b.golden));
            CHECK(same(a.mask, b.mask));
        }
        CHECK_THROWS_AS(attohm::head_view(part, 0, (range.first + 2) % 4), attohm::InvariantError);
    }
    CHECK(reader.head_ranges(sample, 0, std::size_t{1} << 30U).size() == 1);
}

TEST_CASE("a trace without faults is read by any thread", "[unit]") {
    const TemporaryDirectory directory;
    write_small_trace(directory.file("a.h5"));
    const TraceReader reader(directory.file("a.h5"));
    CHECK(reader.samples() == 2);
    CHECK(reader.calibration_samples() == 1);
    CHECK(reader.sample(1).label == 2);
    CHECK(reader.sample(1).dataset == "made up");
    CHECK(reader.sample(1).dataset_index == 102);
    CHECK(reader.calibration_sample(0).calibration);
    CHECK_FALSE(reader.has_weights());
    CHECK_FALSE(reader.shape_only());
    std::vector<double> differences(4);
    attohm::parallel_for(4, [&](std::size_t i) {
        const int sample = static_cast<int>(i) / 2;
        const int layer = static_cast<int>(i) % 2;
        const AttentionLayer read = reader.layer(reader.sample(sample), layer, true);
        differences[i] =
            largest_difference(read.q, attohm::testing::small_layer(layer, sample + 1).q);
    });
    CHECK(differences == std::vector<double>(4, 0.0));
    CHECK_THROWS_WITH(reader.sample(2), Contains("no such sample; got 2; allowed: 0 to 1"));
    CHECK_THROWS_WITH(reader.layer(reader.sample(0), 2, true), Contains("no such attention layer"));
    CHECK_THROWS_AS(reader.weights(), UserError);
}

TEST_CASE("a file that is no whole trace says which", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("a.h5");
    CHECK_THROWS_WITH(TraceReader(path), Contains("no such file"));
    write_small_trace(path);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
    CHECK_THROWS_WITH(TraceReader(path), Contains(path) && Contains("truncated or damaged"));
    attohm::write_file_atomically(path, "not HDF5");
    CHECK_THROWS_WITH(TraceReader(path), Contains("not an HDF5 file"));
    CHECK_THAT(error_of({.missing = {"/@complete"}}).what(), Contains("truncated capture"));
    CHECK_THAT(error_of({.integer = {{"/@complete", 0}}}).what(), Contains("truncated capture"));
    CHECK_THAT(error_of({.missing = {"/@format"}}).what(), Contains("not an attohm trace"));
    CHECK_THAT(error_of({.text = {{"/@format", "other"}}}).got(), Contains("other"));
    CHECK_THAT(error_of({.text = {{"/@schema_version", "2.0.0"}}}).what(),
               Contains("unknown major version") && Contains("1.x.y"));
}

TEST_CASE("what is missing is named by path", "[unit]") {
    for (const char* path : {"/model", "/samples", "/model/thresholds/learned"}) {
        CAPTURE(path);
        CHECK_THAT(error_of({.missing = {path}}).where(), Contains(std::string(":") + path));
    }
    for (const char* name : {"q", "k", "v", "out"}) {
        const std::string path = std::string(kLayer) + "/" + name;
        CAPTURE(path);
        const UserError error = error_of({.missing = {path}});
        CHECK_THAT(error.where(), Contains(":" + path));
        CHECK_THAT(error.what(), Contains("missing dataset"));
    }
    for (const char* key : {"/model@family", "/model@heads", "/model@prefix_tokens", "/model@task",
                            "/model/thresholds/learned@compares", "/samples/000000@label",
                            "/samples/000000/layers/01@kind", "/samples/000000/layers/01@scale",
                            "/samples/000000/layers/01@n_k", "/samples/000000/layers/01@causal"}) {
        CAPTURE(key);
        const UserError error = error_of({.missing = {key}});
        CHECK_THAT(error.where(), Contains(key));
        CHECK_THAT(error.what(), Contains("missing attribute"));
    }
    CHECK_THAT(error_of({.missing = {"/samples/000000/layers"}}).got(), Contains("neither layers"));
    CHECK_THAT(error_of({.missing = {"/samples/000001/layers/01"}}).what(),
               Contains("wrong number of attention layers; got 1; allowed: 2"));
    CHECK_THAT(error_of({.missing = {"/samples/000000", "/samples/000001"}}).what(),
               Contains("no samples"));
}

TEST_CASE("values the reader does not know are errors", "[unit]") {
    const UserError family = error_of({.text = {{"/model@family", "vti"}}});
    CHECK_THAT(family.where(), Contains("/model@family"));
    CHECK_THAT(family.allowed(), Contains("did you mean \"vit\"?"));
    for (const char* key :
         {"/model@task", "/samples/000000/layers/00@kind", "/model/thresholds/learned@compares"}) {
        CAPTURE(key);
        CHECK_THAT(error_of({.text = {{key, "strange"}}}).what(),
                   Contains("unknown attribute value"));
    }
    CHECK_THAT(error_of({.integer = {{"/model@causal", 2}}}).allowed(), Contains("0 or 1"));
    CHECK_THAT(error_of({.integer = {{"/model@heads", 0}}}).what(), Contains("out of range"));
    CHECK_THAT(error_of({.integer = {{"/model@kv_heads", 3}}}).what(), Contains("evenly"));
    CHECK_THAT(error_of({.integer = {{"/model@width", std::int64_t{1} << 40}}}).what(),
               Contains("out of range"));
    CHECK_THAT(error_of({.integer = {{"/samples/000001@label", 3}}}).allowed(), Contains("0 to 2"));
}

TEST_CASE("wrong types and shapes say what was found and what is allowed", "[unit]") {
    const std::string k = std::string(kLayer) + "/k";
    const UserError type = error_of({.as_double = {k}});
    CHECK_THAT(type.where(), Contains(k));
    CHECK(type.got() == "float64");
    CHECK_THAT(type.allowed(), Contains("float32 or float16"));
    const UserError shape = error_of({.shape = {{k, {2, 4, 3}}}});
    CHECK(shape.got() == "[2, 4, 3]");
    CHECK(shape.allowed() == "[2, 5, 3]");
    const UserError count = error_of({.shape = {{"/model/thresholds/learned", {3}}}});
    CHECK(count.got() == "[3]");
    CHECK(count.allowed() == "[2] or [2, 4]");
    CHECK_THAT(error_of({.as_double = {"/model/thresholds/learned"}}).got(), Contains("float64"));
}

TEST_CASE("a value that is not finite is named with its index", "[unit]") {
    Faults faults;
    faults.change = [](const std::string& path, Tensor3& tensor) {
        if (path == std::string(kLayer) + "/k")
            tensor.plane(1)(4, 2) = std::numeric_limits<float>::quiet_NaN();
    };
    const UserError error = error_of(faults);
    CHECK_THAT(error.where(), Contains(std::string(kLayer) + "/k"));
    CHECK_THAT(error.got(), Contains("nan at [1, 4, 2]"));
}

TEST_CASE("weights that are absent, misshaped or unknown are named", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("a.h5");
    const auto weights_of = [&path](Faults faults) {
        faults.weights = true;
        write_small_trace(path, faults);
        return TraceReader(path).weights();
    };
    const auto weights = weights_of({});
    REQUIRE(weights->blocks.size() == 2);
    CHECK(weights->blocks[1].v.w.rows() == 4);
    CHECK(weights->blocks[1].q.b.size() == 12);
    CHECK(weights->blocks[1].k.b.empty());
    CHECK(weights->rope_style == "half");
    CHECK(weights->rope_dim == 3);
    CHECK(weights->embed_scale == 1.0F);
    const std::string block = "/model/weights/layer_01";
    CHECK_THROWS_WITH(weights_of({.missing = {block}}), Contains(block + ": missing group"));
    CHECK_THROWS_WITH(weights_of({.missing = {block + "/wo"}}),
                      Contains(block + "/wo: missing dataset"));
    CHECK_THROWS_WITH(weights_of({.missing = {"/model/weights/head_w"}}),
                      Contains("/head_w: missing"));
    CHECK_THROWS_WITH(weights_of({.shape = {{block + "/wk", {12, 12}}}}),
                      Contains("/wk: wrong shape; got [12, 12]; allowed: [6, 12]"));
    CHECK_THROWS_WITH(weights_of({.shape = {{block + "/w_down", {12, 8}}}}),
                      Contains("allowed: [12, 7]"));
    CHECK_THROWS_WITH(weights_of({.as_double = {block + "/norm1_w"}}), Contains("got float64"));
    CHECK_THROWS_WITH(weights_of({.text = {{"/model/weights@activation", "swish"}}}),
                      Contains("/model/weights@activation: unknown attribute value"));
    CHECK_THROWS_WITH(weights_of({.missing = {"/model/weights@norm"}}),
                      Contains("missing attribute"));
}

TEST_CASE("shape-only traces have attributes and no tensors", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("a.h5");
    Faults faults;
    for (const char* sample : {"/samples/000000", "/samples/000001", "/calibration/000000"})
        for (const char* layer : {"/layers/00", "/layers/01"})
            for (const char* name : {"/q", "/k", "/v", "/out"})
                faults.missing.insert(std::string(sample) + layer + name);
    faults.shape_only = true;
    write_small_trace(path, faults);
    const TraceReader reader(path);
    CHECK(reader.shape_only());
    CHECK(reader.sample(0).layers_stored == 2);
    CHECK_THROWS_WITH(reader.layer(reader.sample(0), 0, false), Contains("shapes only"));
}

TEST_CASE("the shipped trace is read wholly", "[unit]") {
    const TraceReader reader("workloads/zoo/digits_vit/digits_vit.h5");
    CHECK(reader.model().family == "vit");
    const auto weights = reader.weights();
    REQUIRE(weights->blocks.size() == static_cast<std::size_t>(reader.model().layers));
    CHECK(weights->patch.w.cols() == 9);
    CHECK(weights->position_embedding.rows() == 65);
    CHECK(weights->final_norm.w.size() == 128);
    int layers = 0;
    for (int i = 0; i < reader.samples(); ++i) {
        const Sample sample = reader.sample(i);
        REQUIRE(sample.logits.cols() == 10);
        for (int layer = 0; layer < sample.layers_stored; ++layer, ++layers)
            REQUIRE(reader.layer(sample, layer, true).out.rows == 65);
    }
    CHECK(layers > 0);
}
