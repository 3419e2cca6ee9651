#include "workloads/trace_writer.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/hdf5.hpp"
#include "src/base/parallel.hpp"
#include "src/base/text.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/small_trace.hpp"
#include "workloads/trace_check.hpp"
#include "workloads/trace_edit.hpp"
#include "workloads/trace_reader.hpp"

using attohm::AttentionLayer;
using attohm::Sample;
using attohm::StoredAs;
using attohm::Tensor3;
using attohm::TraceReader;
using attohm::TraceWriter;
using attohm::WriterOptions;
using attohm::testing::plain_attention;
using attohm::testing::small_layer;
using attohm::testing::small_model;
using attohm::testing::TemporaryDirectory;
using Catch::Contains;

namespace {

WriterOptions dated(StoredAs tensors = StoredAs::float32) {
    WriterOptions options;
    options.tensors = tensors;
    options.created_utc = "2026-01-01T00:00:00Z";
    return options;
}

Sample sample_of(int label) {
    Sample sample;
    sample.label = label;
    return sample;
}

attohm::Thresholds thresholds() {
    attohm::Thresholds made;
    made.values = attohm::Matrix<float>(2, 4, 0.25F);
    made.values(1, 3) = -1.5F;
    return made;
}

/// Two samples and a calibration sample, with `out` computed by the writer.
void write_plain(const std::string& path, const WriterOptions& options, float first_q = 0.5F) {
    TraceWriter writer(path, small_model(), thresholds(), options);
    for (int i = 0; i < 3; ++i) {
        Sample sample = sample_of(i);
        sample.calibration = i == 2;
        writer.begin_sample(sample);
        for (int l = 0; l < 2; ++l) {
            AttentionLayer layer = small_layer(l, i);
            layer.q.data[0] = first_q;
            writer.layer(layer);
        }
    }
    writer.finish();
}

/// A layer with everything: causal, fewer queries than keys, padding, a bias for all heads, masks.
AttentionLayer rich_layer() {
    AttentionLayer layer = small_layer(0, 4);
    layer.causal = true;
    layer.n_q = 4;
    layer.valid_k = 4;
    layer.valid_q = 3;
    Tensor3 q;
    q.resize(4, 4, 3);
    for (std::size_t i = 0; i < q.data.size(); ++i) q.data[i] = layer.q.data[i];
    layer.q = q;
    layer.bias.resize(1, 4, 5);
    for (std::size_t i = 0; i < layer.bias.data.size(); ++i)
        layer.bias.data[i] = 0.1F * static_cast<float>(i % 7);
    layer.mask.assign(4 * 4 * 5, 1);
    layer.mask_planes = 4;
    layer.mask[3] = layer.mask[20] = layer.mask[21] = 0;
    return layer;
}

/// A message about a layer that the writer must refuse.
std::string refusal(const AttentionLayer& layer, StoredAs tensors = StoredAs::float32) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("out.h5");
    attohm::write_file_atomically(path, "an older file");
    std::string message;
    {
        TraceWriter writer(path, small_model(), std::nullopt, dated(tensors));
        writer.begin_sample(sample_of(0));
        try {
            writer.layer(layer);
        } catch (const attohm::UserError& error) {
            message = error.what();
        }
    }
    CHECK_THAT(message, Contains(path + ":/samples/000000/layers/00"));
    CHECK(attohm::read_text_file(path) == "an older file");
    CHECK(directory.entries() == 1);
    return message;
}

}  // namespace

TEST_CASE("what the writer wrote the reader reads", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("a.h5");
    write_plain(path, dated());
    const TraceReader reader(path);
    CHECK(reader.samples() == 2);
    CHECK(reader.calibration_samples() == 1);
    CHECK(reader.model().kv_heads == 2);
    CHECK(reader.model().classes == 3);
    REQUIRE(reader.thresholds().has_value());
    CHECK(reader.thresholds()->at(1, 3) == -1.5F);
    CHECK(reader.sample(1).label == 1);
    const AttentionLayer layer = reader.layer(reader.sample(1), 1, true);
    const Tensor3 exact = plain_attention(layer);
    CHECK(layer.k.data == small_layer(1, 1).k.data);
    for (std::size_t i = 0; i < exact.data.size(); ++i)
        CHECK(layer.out.data[i] == Approx(exact.data[i]).margin(1e-6));
    CHECK(attohm::check_trace(path).good());
}

TEST_CASE("masks, bias, causality, padding and tensors of the sample come back", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("a.h5");
    AttentionLayer layer = rich_layer();
    layer.out = plain_attention(layer);
    Sample sample = sample_of(2);
    sample.valid_len = 4;
    sample.dataset = "made up";
    sample.split = "test";
    sample.dataset_index = 77;
    sample.x0 = attohm::Matrix<float>(5, 12, 0.5F);
    sample.logits = attohm::Matrix<float>(1, 3, 1.5F);
    sample.logits_threshold = attohm::Matrix<float>(1, 3, 2.5F);
    {
        TraceWriter writer(path, small_model(), std::nullopt, dated());
        writer.begin_sample(sample);
        writer.layer(layer);
        writer.layer(layer);
        writer.finish();
    }
    const TraceReader reader(path);
    const Sample read = reader.sample(0);
    CHECK(read.valid_len == 4);
    CHECK(read.dataset == "made up");
    CHECK(read.dataset_index == 77);
    CHECK(read.x0(4, 11) == 0.5F);
    CHECK(read.logits.rows() == 1);
    CHECK(read.logits_threshold(0, 2) == 2.5F);
    const AttentionLayer back = reader.layer(read, 0, true);
    CHECK(back.causal);
    CHECK(back.valid_q == 3);
    CHECK(back.valid_k == 4);
    CHECK(back.mask == layer.mask);
    CHECK(back.mask_planes == 4);
    CHECK(back.bias.planes == 1);
    CHECK(back.bias.data == layer.bias.data);
    CHECK(back.out.data == layer.out.data);
    CHECK_FALSE(reader.thresholds().has_value());
    CHECK(attohm::check_trace(path).good());
}

TEST_CASE("float16 tensors are rounded before out is computed", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("a.h5");
    write_plain(path, dated(StoredAs::float16), 0.1F);
    CHECK(attohm::H5File::open(path).root().info("samples/000000/layers/00/q").dtype == "float16");
    const TraceReader reader(path);
    const AttentionLayer layer = reader.layer(reader.sample(0), 0, true);
    CHECK(layer.q.data[0] == 0.0999755859375F);
    const Tensor3 exact = plain_attention(layer);
    for (std::size_t i = 0; i < exact.data.size(); ++i)
        CHECK(layer.out.data[i] == Approx(exact.data[i]).margin(1e-3));
    const attohm::TraceCheck check = attohm::check_trace(path);
    CHECK(check.good());
    CHECK(check.worst_error < 1e-3);
}

TEST_CASE("the same trace is the same bytes, for any number of threads", "[unit]") {
    const TemporaryDirectory directory;
    const int before = attohm::threads();
    attohm::set_threads(1);
    write_plain(directory.file("a.h5"), dated());
    attohm::set_threads(4);
    write_plain(directory.file("b.h5"), dated());
    attohm::set_threads(before);
    CHECK(attohm::read_text_file(directory.file("a.h5")) ==
          attohm::read_text_file(directory.file("b.h5")));
}

TEST_CASE("the trace id follows the content and nothing else", "[unit]") {
    const TemporaryDirectory directory;
    const auto id = [&](const WriterOptions& options, float first_q) {
        write_plain(directory.file("a.h5"), options, first_q);
        return TraceReader(directory.file("a.h5")).trace_id();
    };
    WriterOptions later = dated();
    later.created_utc = "2027-01-01T00:00:00Z";
    later.producer = "another";
    const std::string first = id(dated(), 0.5F);
    CHECK(first.size() == 64);
    CHECK(id(later, 0.5F) == first);
    CHECK(id(dated(), 0.25F) != first);
    CHECK(id(dated(StoredAs::float16), 0.5F) != first);
}

TEST_CASE("the writer and the trace tools hash alike", "[unit]") {
    const TemporaryDirectory directory;
    // Calibration is written last and comes first by path.
    write_plain(directory.file("a.h5"), dated());
    CHECK(attohm::check_trace(directory.file("a.h5")).content == attohm::ContentState::verified);
    attohm::ConvertSpec spec;
    spec.layout.chunk_bytes = 0;
    const auto copy = attohm::convert_trace(directory.file("a.h5"), spec, directory.file("b.h5"));
    CHECK(copy.trace_id == TraceReader(directory.file("a.h5")).trace_id());
    CHECK(attohm::check_trace(directory.file("b.h5")).content == attohm::ContentState::verified);
}

TEST_CASE("a layer that contradicts itself is refused and leaves nothing", "[unit]") {
    AttentionLayer wrong = small_layer(0, 1);
    wrong.out = plain_attention(wrong);
    wrong.out.plane(2)(3, 1) += 0.01F;
    CHECK_THAT(refusal(wrong), Contains("not the exact attention") && Contains("in head 2") &&
                                   Contains("at most 0.001"));
    AttentionLayer swapped = small_layer(0, 1);
    swapped.out = plain_attention(swapped);
    swapped.scale = 0.25F;
    CHECK_THAT(refusal(swapped), Contains("not the exact attention"));
    AttentionLayer infinite = small_layer(0, 1);
    infinite.v.plane(1)(2, 0) = std::numeric_limits<float>::infinity();
    CHECK_THAT(refusal(infinite), Contains("/v: a value is not finite; got inf at [1, 2, 0]"));
    AttentionLayer large = small_layer(0, 1);
    large.k.plane(0)(4, 2) = 7e4F;
    CHECK_THAT(refusal(large, StoredAs::float16), Contains("/k: a value is too large for float16"));
}

TEST_CASE("an error just below the tolerance is accepted, just above refused", "[unit]") {
    const TemporaryDirectory directory;
    AttentionLayer layer = small_layer(0, 1);
    const Tensor3 exact = plain_attention(layer);
    float largest = 0.0F;
    for (std::size_t i = 0; i < exact.plane(1).rows * exact.cols; ++i)
        largest = std::max(largest, std::abs(exact.plane(1).data[i]));
    layer.out = exact;
    layer.out.plane(1)(0, 0) += 0.98e-3F * largest;
    TraceWriter writer(directory.file("a.h5"), small_model(), std::nullopt, dated());
    writer.begin_sample(sample_of(0));
    CHECK_NOTHROW(writer.layer(layer));
    layer.out.plane(1)(0, 0) = exact.plane(1)(0, 0) + 1.05e-3F * largest;
    CHECK_THROWS_WITH(writer.layer(layer), Contains("in head 1"));
}

TEST_CASE("an unwritable output is refused at once and an unfinished one leaves nothing",
          "[unit]") {
    const TemporaryDirectory directory;
    CHECK_THROWS_WITH(
        TraceWriter(directory.file("no/out.h5"), small_model(), std::nullopt, dated()),
        Contains("no/out.h5") && Contains("cannot write the file"));
    CHECK_THROWS_AS(TraceWriter(directory.path(), small_model(), std::nullopt, dated()),
                    attohm::UserError);
    { TraceWriter writer(directory.file("out.h5"), small_model(), std::nullopt, dated()); }
    CHECK(directory.entries() == 0);
}
