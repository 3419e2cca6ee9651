#include "workloads/trace_edit.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "src/base/error.hpp"
#include "src/base/text.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/edited_trace.hpp"
#include "workloads/trace_check.hpp"
#include "workloads/trace_reader.hpp"
#include "workloads/trace_writer.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

namespace {

constexpr const char* kDigits = "workloads/zoo/digits_vit/digits_vit.h5";

/// Planes `planes` of a stored tensor.
std::vector<std::byte> planes_of(const std::string& path, const std::string& dataset,
                                 const std::vector<std::size_t>& planes) {
    const H5Shape shape = H5File::open(path).root().info(dataset).shape;
    const std::vector<std::byte> all = raw_bytes(path, dataset);
    const std::size_t size = all.size() / shape[0];
    std::vector<std::byte> chosen;
    for (const std::size_t plane : planes)
        chosen.insert(chosen.end(), all.begin() + static_cast<std::ptrdiff_t>(plane * size),
                      all.begin() + static_cast<std::ptrdiff_t>((plane + 1) * size));
    return chosen;
}

struct Bench {
    TemporaryDirectory directory = {};
    std::string rich = directory.file("rich.h5");
    std::string out = directory.file("out.h5");
    explicit Bench(bool weights = false) { write_rich_trace(rich, weights); }
    std::string file(const std::string& name) const { return directory.file(name); }
};

}  // namespace

TEST_CASE("what is kept whole is kept bit for bit, groups that nobody knows too", "[unit]") {
    const Bench bench(true);
    const CopyOutcome outcome = slice_trace(bench.rich, {}, bench.out);
    CHECK(first_difference(bench.rich, bench.out).empty());
    CHECK(outcome.trace_id == content_hash_of(bench.rich));
    CHECK(outcome.trace_id == content_hash_of(bench.out));
    CHECK(outcome.notes.empty());
    CHECK(outcome.samples == 2);
    CHECK(outcome.calibration_samples == 1);
    CHECK(check_trace(bench.out).good());
    const H5File file = H5File::open(bench.out);
    CHECK(file.root().text("derived_from") == content_hash_of(bench.rich));
    CHECK_THAT(file.root().text("derived_by"), Contains("trace slice --samples 0,1"));
    CHECK(file.root().group("samples/000001/extra").integer("count") == 7);
}

TEST_CASE("samples are kept with the weights and numbered anew", "[unit]") {
    const Bench bench(true);
    SliceSpec spec;
    spec.samples = "1";
    spec.calibration = false;
    const CopyOutcome outcome = slice_trace(bench.rich, spec, bench.out);
    CHECK(outcome.notes.empty());
    CHECK(outcome.bytes_after < outcome.bytes_before);
    const TraceReader reader(bench.out);
    CHECK(reader.samples() == 1);
    CHECK(reader.calibration_samples() == 0);
    CHECK(reader.has_weights());
    CHECK(reader.sample(0).dataset_index == 102);
    CHECK(raw_bytes(bench.out, "/samples/000000/layers/01/k") ==
          raw_bytes(bench.rich, "/samples/000001/layers/01/k"));
}

TEST_CASE("layers and heads take thresholds and masks with them", "[unit]") {
    const Bench bench(true);
    SliceSpec spec;
    spec.layers = "1";
    spec.heads = "2-3";
    const CopyOutcome outcome = slice_trace(bench.rich, spec, bench.out);
    REQUIRE(outcome.notes.size() == 1);
    CHECK_THAT(outcome.notes[0], Contains("/model/weights is left out"));
    CHECK(check_trace(bench.out).good());
    const TraceReader reader(bench.out);
    CHECK(reader.model().layers == 1);
    CHECK(reader.model().heads == 2);
    CHECK(reader.model().kv_heads == 1);
    CHECK_FALSE(reader.has_weights());
    // Thresholds 0.125 i - 0.5 of [2, 4].
    CHECK(reader.thresholds()->at(0, 0) == 0.25F);
    CHECK(reader.thresholds()->at(0, 1) == 0.375F);
    const std::string from = "/samples/000001/layers/01/";
    const std::string to = "/samples/000001/layers/00/";
    for (const char* name : {"q", "out"})
        CHECK(raw_bytes(bench.out, to + name) == planes_of(bench.rich, from + name, {2, 3}));
    for (const char* name : {"k", "v"})
        CHECK(raw_bytes(bench.out, to + name) == planes_of(bench.rich, from + name, {1}));
    const auto mask = raw_bytes(bench.rich, "/model/masks/fixed");
    CHECK(raw_bytes(bench.out, "/model/masks/fixed") ==
          std::vector<std::byte>(mask.begin() + 150, mask.end()));
    CHECK(raw_bytes(bench.out, "/model/masks/shared") ==
          planes_of(bench.rich, "/model/masks/shared", {1}));
}

TEST_CASE("windows keep their order when heads are chosen", "[unit]") {
    const TemporaryDirectory directory;
    ModelInfo model = small_model();
    model.layers = 1;
    AttentionLayer layer = small_layer(0, 1);
    layer.windows = 3;
    for (Tensor3* tensor : {&layer.q, &layer.k, &layer.v}) {
        const Tensor3 one = *tensor;
        tensor->resize(3 * one.planes, one.rows, one.cols);
        for (std::size_t i = 0; i < tensor->data.size(); ++i)
            tensor->data[i] = one.data[i % one.data.size()] + 0.01F * static_cast<float>(i % 97);
    }
    layer.mask_planes = 12;
    layer.mask.assign(std::size_t{12} * 25, 1);
    for (std::size_t plane = 0; plane < 12; ++plane) layer.mask[plane * 25 + plane] = 0;
    TraceWriter writer(directory.file("in.h5"), model, std::nullopt, {});
    Sample sample;
    sample.label = 1;
    writer.begin_sample(sample);
    writer.layer(layer);
    writer.finish();
    SliceSpec spec;
    spec.heads = "0,1";
    (void)slice_trace(directory.file("in.h5"), spec, directory.file("out.h5"));
    CHECK(check_trace(directory.file("out.h5")).good());
    const std::string at = "/samples/000000/layers/00/";
    for (const char* name : {"q", "out", "mask"})
        CHECK(raw_bytes(directory.file("out.h5"), at + name) ==
              planes_of(directory.file("in.h5"), at + name, {0, 1, 4, 5, 8, 9}));
    CHECK(raw_bytes(directory.file("out.h5"), at + "k") ==
          planes_of(directory.file("in.h5"), at + "k", {0, 2, 4}));
}

TEST_CASE("heads that a layer counts itself follow, other sizes are refused", "[unit]") {
    const Bench bench;
    const std::string counted = bench.file("counted.h5");
    const auto write = [&](std::int64_t heads, std::int64_t kv_heads, bool shape_only) {
        write_small_trace(bench.rich, {.shape_only = shape_only});
        const H5File file = H5File::open(bench.rich);
        std::vector<CopyItem> items = all_items(file.root());
        for (CopyItem& item : items)
            if (item.to == "/samples/000000/layers/00") {
                item.set["heads"] = heads;
                item.set["kv_heads"] = kv_heads;
            }
        (void)write_copy(counted, {file.root(), {}, "none", "by hand"}, std::move(items));
    };
    SliceSpec spec;
    spec.heads = "2,3";
    write(4, 2, false);
    (void)slice_trace(counted, spec, bench.out);
    CHECK(check_trace(bench.out).good());
    const H5Group layer = H5File::open(bench.out).root().group("samples/000000/layers/00");
    CHECK(layer.integer("heads") == 2);
    CHECK(layer.integer("kv_heads") == 1);
    write(2, 1, true);
    CHECK_THROWS_WITH(slice_trace(counted, spec, bench.out),
                      Contains("/samples/000000/layers/00@heads") && Contains("heads of its own"));
    spec = {};
    spec.layers = "0";
    CHECK(slice_trace(counted, spec, bench.out).samples == 2);
}

TEST_CASE("slices of a merged trace are its parts", "[property]") {
    const Bench bench(true);
    const std::string digits = bench.file("all.h5");
    const auto slice = [&](const std::string& from, const char* samples, const char* to) {
        SliceSpec spec;
        spec.samples = samples;
        (void)slice_trace(from, spec, bench.file(to));
        return bench.file(to);
    };
    const std::string a = slice(kDigits, "0-2", "a.h5");
    const std::string b = slice(kDigits, "7", "b.h5");
    const std::string c = slice(kDigits, "3,11,12", "c.h5");
    SliceSpec bare;
    bare.calibration = false;
    (void)slice_trace(b, bare, bench.file("b0.h5"));
    (void)slice_trace(c, bare, bench.file("c0.h5"));
    const CopyOutcome merged =
        merge_traces({a, bench.file("b0.h5"), bench.file("c0.h5")}, bench.out);
    CHECK(merged.samples == 7);
    CHECK(first_difference(slice(bench.out, "0-2", "a1.h5"), a).empty());
    CHECK(first_difference(slice(bench.out, "3", "b1.h5"), b).empty());
    CHECK(first_difference(slice(bench.out, "4-6", "c1.h5"), c).empty());
    CHECK(content_hash_of(bench.file("c1.h5")) == content_hash_of(c));
    CHECK(TraceReader(bench.out).sample(3).label == TraceReader(kDigits).sample(7).label);
    // One trace alone stays what it is.
    (void)merge_traces({a}, bench.out);
    CHECK(first_difference(bench.out, a).empty());
}

TEST_CASE("the same inputs give the same bytes", "[property]") {
    const Bench bench(true);
    ConvertSpec half;
    half.tensors = StoredAs::float16;
    const auto bytes = [&](const char* name) { return read_text_file(bench.file(name)); };
    for (const char* name : {"x.h5", "y.h5"})
        (void)convert_trace(bench.rich, half, bench.file(name));
    CHECK(bytes("x.h5") == bytes("y.h5"));
    for (const char* name : {"x.h5", "y.h5"})
        (void)merge_traces({bench.rich, bench.rich}, bench.file(name));
    CHECK(bytes("x.h5") == bytes("y.h5"));
}

TEST_CASE("half precision twice is half precision once", "[property]") {
    const Bench bench;
    ConvertSpec half;
    half.tensors = StoredAs::float16;
    ConvertSpec single;
    single.tensors = StoredAs::float32;
    const CopyOutcome once = convert_trace(kDigits, half, bench.file("once.h5"));
    const CopyOutcome twice = convert_trace(bench.file("once.h5"), half, bench.file("twice.h5"));
    CHECK(once.trace_id == twice.trace_id);
    const CopyOutcome wide_file =
        convert_trace(bench.file("once.h5"), single, bench.file("wide.h5"));
    CHECK(wide_file.bytes_after > once.bytes_after);
    const CopyOutcome back = convert_trace(bench.file("wide.h5"), half, bench.file("back.h5"));
    CHECK(back.trace_id == once.trace_id);
    // Widening changes no value that is read.
    const TraceReader narrow(bench.file("once.h5"));
    const TraceReader wide(bench.file("wide.h5"));
    const Sample sample = narrow.calibration_sample(0);
    CHECK(narrow.layer(sample, 1, true).q.data == wide.layer(sample, 1, true).q.data);
    const H5Group root = H5File::open(bench.file("once.h5")).root();
    CHECK(root.info("calibration/000000/layers/00/q").dtype == "float16");
    CHECK(root.info("model/weights/layer_00/wq").dtype == "float32");
}

TEST_CASE("chunks and compression change the file, never the content", "[unit]") {
    const Bench bench;
    ConvertSpec spec;
    const std::string id = content_hash_of(kDigits);
    spec.layout.gzip = 0;
    const CopyOutcome plain = convert_trace(kDigits, spec, bench.file("plain.h5"));
    spec.layout.gzip = 9;
    spec.layout.chunk_bytes = 16384;
    const CopyOutcome packed = convert_trace(kDigits, spec, bench.file("packed.h5"));
    spec.layout = {0, 0};
    const CopyOutcome flat = convert_trace(kDigits, spec, bench.file("flat.h5"));
    CHECK(packed.bytes_after < plain.bytes_after);
    for (const CopyOutcome* outcome : {&plain, &packed, &flat}) CHECK(outcome->trace_id == id);
    spec.layout.gzip = 3;
    CHECK_THROWS_WITH(convert_trace(kDigits, spec, bench.out), Contains("--gzip"));
}

TEST_CASE("a value beyond half precision is named", "[unit]") {
    const Bench bench;
    Faults faults;
    faults.change = [](const std::string& path, Tensor3& tensor) {
        if (path == "/samples/000001/layers/01/v") tensor.plane(1)(2, 1) = 70000.0F;
    };
    write_small_trace(bench.rich, faults);
    ConvertSpec half;
    half.tensors = StoredAs::float16;
    CHECK_THROWS_WITH(convert_trace(bench.rich, half, bench.out),
                      Contains(bench.rich + ":/samples/000001/layers/01/v") &&
                          Contains("70000 at [1, 2, 1]") && Contains("65504"));
    CHECK_FALSE(std::filesystem::exists(bench.out));
    CHECK(bench.directory.entries() == 1);
}

TEST_CASE("half precision that spoils the attention is refused", "[unit]") {
    const Bench bench;
    // Scores of some 10^5 of which the softmax sees the last digits.
    Faults faults;
    faults.change = [](const std::string& path, Tensor3& tensor) {
        if (path.ends_with("/q") || path.ends_with("/k"))
            for (float& value : tensor.data) value = 300.0F + 0.05F * value;
    };
    // `out` is that of the unchanged tensors: the trace was false before.
    write_small_trace(bench.rich, faults);
    ConvertSpec half;
    half.tensors = StoredAs::float16;
    CHECK_THROWS_WITH(convert_trace(bench.rich, half, bench.out),
                      Contains("does not keep the format in float16") && Contains(bench.out) &&
                          !Contains(".part"));
    CHECK_FALSE(std::filesystem::exists(bench.out));
}

TEST_CASE("slices that cannot be are refused", "[unit]") {
    const Bench bench(true);
    const auto refuses = [&](const SliceSpec& spec, const std::string& word) {
        CHECK_THROWS_WITH(slice_trace(bench.rich, spec, bench.out), Contains(word));
        CHECK_FALSE(std::filesystem::exists(bench.out));
    };
    SliceSpec spec;
    spec.samples = "0-2";
    refuses(spec, "--samples: no such ordinal; got 2; allowed: 0 to 1");
    spec = {};
    spec.layers = "2";
    refuses(spec, "--layers");
    for (const char* heads : {"1-2", "0", "0-2", "1"}) {
        spec = {};
        spec.heads = heads;
        refuses(spec, "whole groups of 2 heads");
    }
    spec = {};
    spec.layers = "0";
    CHECK_THROWS_WITH(slice_trace(kDigits, spec, bench.out),
                      Contains("/samples/000008") && Contains("--samples 0-7"));
    CHECK_THROWS_WITH(slice_trace("workloads/zoo/cora_gcn/cora_gcn.h5", spec, bench.out),
                      Contains("no attention"));
}

TEST_CASE("traces of different models are not merged", "[unit]") {
    const Bench bench(true);
    const std::string other = bench.file("other.h5");
    const auto refuses = [&](const std::string& where, const std::string& got) {
        CHECK_THROWS_WITH(
            merge_traces({bench.rich, other}, bench.out),
            Contains(other + ":" + where + ":") && Contains(got) && Contains(bench.rich));
        CHECK_FALSE(std::filesystem::exists(bench.out));
    };
    const auto changed = [&](const std::function<void(std::vector<CopyItem>&)>& change) {
        const H5File file = H5File::open(bench.rich);
        std::vector<CopyItem> items = all_items(file.root());
        change(items);
        (void)write_copy(other, {file.root(), {}, "none", "by hand"}, std::move(items));
    };
    const auto find = [](std::vector<CopyItem>& items, const std::string& path) {
        return std::find_if(items.begin(), items.end(),
                            [&](const CopyItem& item) { return item.to == path; });
    };
    changed([&](auto& items) { find(items, "/model")->set["name"] = std::string("another"); });
    refuses("/model", "another value of @name");
    changed([&](auto& items) {
        find(items, "/model/weights/final_norm_w")->elements = [] {
            return memory_source({12}, std::vector<float>(12, 0.25F));
        };
    });
    refuses("/model/weights/final_norm_w", "other values");
    changed([&](auto& items) {
        find(items, "/model/thresholds/learned")->elements = [] {
            return memory_source({2}, std::vector<float>(2, 0.25F));
        };
    });
    refuses("/model/thresholds/learned", "shape [2, 4] against [2]");
    changed([&](auto& items) { items.erase(find(items, "/model/masks/shared")); });
    refuses("/model/masks/shared", "nothing");
    changed([&](auto& items) { items.push_back({"/remarks"}); });
    refuses("/remarks", "only here");
}
