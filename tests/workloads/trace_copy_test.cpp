#include "workloads/trace_copy.hpp"

#include <catch2/catch.hpp>

#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/text.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/edited_trace.hpp"
#include "workloads/index_list.hpp"
#include "workloads/trace_edit.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

namespace {

constexpr const char* kDigits = "workloads/zoo/digits_vit/digits_vit.h5";

struct Bench {
    TemporaryDirectory directory = {};
    std::string rich = directory.file("rich.h5");
    std::string out = directory.file("out.h5");
    explicit Bench(bool weights = false) { write_rich_trace(rich, weights); }
    std::string file(const std::string& name) const { return directory.file(name); }
};

}  // namespace

TEST_CASE("lists of ordinals are read and written", "[unit]") {
    CHECK(parse_index_list("0,3,10-12", "--samples", 20) == std::vector<int>{0, 3, 10, 11, 12});
    CHECK(parse_index_list("5,1", "--samples", 6) == std::vector<int>{1, 5});
    CHECK(index_list_text({0, 1, 3, 5, 6, 7}) == "0,1,3,5-7");
    CHECK(index_list_text({}).empty());
    for (const char* bad : {"", ",", "1,", "a", "-1", "1-", "3-1", "1.5", "0-2,1", "1,1", "6"})
        CHECK_THROWS_WITH(parse_index_list(bad, "--heads", 6), Contains("--heads"));
    CHECK_THROWS_WITH(parse_index_list("6", "--heads", 6), Contains("got 6") && Contains("0 to 5"));
}

TEST_CASE("the hash of a copy is the one the exporter writes", "[unit]") {
    const Bench bench;
    (void)convert_trace(kDigits, {}, bench.out);
    CHECK(first_difference(kDigits, bench.out).empty());
    CHECK(content_hash_of(bench.out) == content_hash_of(kDigits));
}

TEST_CASE("attributes that name paths follow the samples", "[unit]") {
    const Bench bench;
    const H5File file = H5File::open("workloads/zoo/cora_gcn/cora_gcn.h5");
    (void)merge_traces({"workloads/zoo/cora_gcn/cora_gcn.h5", "workloads/zoo/cora_gcn/cora_gcn.h5"},
                       bench.out);
    const H5File merged = H5File::open(bench.out);
    int paths = 0;
    for (const CopyItem& item : all_items(merged.root()))
        for (const char* name : {"adjacency_path", "weight_path"})
            if (item.from->has_attribute(name) && item.to.starts_with("/samples/000001/")) {
                const std::string path = item.from->text(name);
                CHECK((merged.root().has_group(path) || merged.root().has_dataset(path)));
                if (path.starts_with("/samples/")) CHECK(path.starts_with("/samples/000001/"));
                ++paths;
            }
    CHECK(paths > 0);
}

TEST_CASE("texts of any form become our own, and stay the same texts", "[unit]") {
    const Bench bench;
    // Attributes that h5py wrote, of variable length.
    const H5File file = H5File::open("workloads/data/deit_tiny_vitcod_mask_95.h5");
    const CopyOutcome outcome =
        write_copy(bench.out, {file.root(), {}, "none", "by hand"}, all_items(file.root()));
    const H5Group copy = H5File::open(bench.out).root();
    for (const char* name : {"axes", "meaning", "source"})
        CHECK(copy.text(name) == file.root().text(name));
    CHECK(copy.text("content_sha256") == outcome.trace_id);
    CHECK(first_difference("workloads/data/deit_tiny_vitcod_mask_95.h5", bench.out).empty());
}

TEST_CASE("damaged traces leave nothing behind", "[unit]") {
    const Bench bench(true);
    const std::string whole = read_text_file(bench.rich);
    for (std::size_t part = 1; part < 20; ++part) {
        write_file_atomically(bench.rich, whole.substr(0, whole.size() * part / 20));
        CHECK_THROWS_AS(slice_trace(bench.rich, {}, bench.out), UserError);
        CHECK_THROWS_AS(merge_traces({bench.rich, bench.rich}, bench.out), UserError);
        CHECK_THROWS_AS(convert_trace(bench.rich, {}, bench.out), UserError);
        CHECK(bench.directory.entries() == 1);
    }
    // A byte of a chunk with a checksum.
    ConvertSpec spec;
    spec.layout.gzip = 0;
    (void)convert_trace(kDigits, spec, bench.rich);
    std::string bytes = read_text_file(bench.rich);
    const auto q = raw_bytes(kDigits, "/samples/000003/layers/01/q");
    const std::string mark(reinterpret_cast<const char*>(q.data()), 64);
    const std::size_t at = bytes.find(mark);
    REQUIRE(at != std::string::npos);
    bytes[at + 7] = static_cast<char>(bytes[at + 7] ^ 1);
    write_file_atomically(bench.rich, bytes);
    CHECK_THROWS_WITH(slice_trace(bench.rich, {}, bench.out),
                      Contains("/samples/000003/layers/01/q"));
    CHECK(bench.directory.entries() == 1);
    // What is not read is not missed.
    SliceSpec others;
    others.samples = "0-2";
    CHECK(slice_trace(bench.rich, others, bench.out).samples == 3);
}

TEST_CASE("blocks cover a dataset once and in order", "[property]") {
    for (const H5Shape& shape : {H5Shape{}, {7}, {3, 5}, {2, 3, 4}, {4, 1, 6, 2}, {5, 0, 2}}) {
        for (const std::size_t bytes : {1U, 4U, 8U, 20U, 64U, 100000U}) {
            std::size_t next = 0;
            std::size_t largest = 0;
            for_each_block(shape, 4, bytes, [&](const H5Block& block) {
                std::size_t first = 0;
                for (std::size_t axis = 0; axis < shape.size(); ++axis)
                    first = first * shape[axis] + block.start[axis];
                CHECK(first == next);
                next += block.elements();
                largest = std::max(largest, block.elements());
            });
            CHECK(next == shape_elements(shape));
            CHECK(4 * largest <= std::max<std::size_t>(bytes, 4));
        }
    }
}
