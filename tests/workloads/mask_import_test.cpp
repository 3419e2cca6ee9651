#include "workloads/mask_import.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/edited_trace.hpp"
#include "workloads/npy.hpp"
#include "workloads/synth.hpp"
#include "workloads/trace_check.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

namespace {

constexpr const char* kVitcod = "workloads/data/deit_tiny_vitcod_mask_95.h5";

/// A .npy file as NumPy writes it.
std::string npy_text(const std::string& header, const std::string& data, char major = 1) {
    std::string padded = header;
    while ((10 + padded.size() + 1) % 64 != 0) padded += ' ';
    padded += '\n';
    std::string text = std::string("\x93NUMPY") + major + '\0';
    text += static_cast<char>(padded.size() % 256);
    text += static_cast<char>(padded.size() / 256);
    if (major > 1) text += std::string(2, '\0');
    return text + padded + data;
}

std::string header_of(const std::string& dtype, const std::string& shape) {
    return "{'descr': '" + dtype + "', 'fortran_order': False, 'shape': " + shape + ", }";
}

struct Bench {
    TemporaryDirectory directory = {};
    std::string trace = directory.file("trace.h5");
    std::string out = directory.file("out.h5");
    std::string mask = directory.file("mask.npy");
    std::string data = std::string(50, '\0');  ///< [2, 1, 5, 5]

    Bench() {
        write_small_trace(trace);
        for (std::size_t i = 0; i < data.size(); i += 3) data[i] = 1;
    }
    CopyOutcome run(std::optional<bool> attend, const std::string& name = "mine") const {
        return import_mask(trace, {mask, name, attend}, out);
    }
    void write(const std::string& text) const { write_file_atomically(mask, text); }
    void refuses(const std::string& word, std::optional<bool> attend = true,
                 const std::string& name = "mine") const {
        CHECK_THROWS_WITH(run(attend, name), Contains(word));
        CHECK_FALSE(std::filesystem::exists(out));
    }
};

}  // namespace

TEST_CASE("a NumPy mask is taken with either meaning of its ones", "[unit]") {
    const Bench bench;
    for (const char* dtype : {"|b1", "|u1", "|i1"})
        for (const char major : {'\1', '\2', '\3'})
            for (const bool attend : {true, false}) {
                INFO(dtype << " version " << int{major});
                bench.write(npy_text(header_of(dtype, "(2, 1, 5, 5)"), bench.data, major));
                const CopyOutcome outcome = bench.run(attend);
                const auto stored = raw_bytes(bench.out, "/model/masks/mine");
                REQUIRE(stored.size() == bench.data.size());
                for (std::size_t i = 0; i < stored.size(); ++i)
                    REQUIRE(stored[i] == std::byte{(bench.data[i] == 1) == attend});
                CHECK_THAT(outcome.notes.at(0),
                           Contains(attend ? "17 of 50" : "33 of 50") && Contains("[2, 1, 5, 5]"));
            }
    CHECK(check_trace(bench.out).good());
    // The rest of the trace is what it was, and a second mask goes beside the first.
    const std::string both = bench.directory.file("both.h5");
    (void)import_mask(bench.out, {bench.mask, "other", true}, both);
    CHECK(raw_bytes(both, "/samples/000001/layers/01/q") ==
          raw_bytes(bench.trace, "/samples/000001/layers/01/q"));
    CHECK(H5File::open(both).root().group("model/masks").datasets() ==
          std::vector<std::string>{"mine", "other"});
}

TEST_CASE("masks that do not fit are refused", "[unit]") {
    Bench bench;
    const auto write = [&](const std::string& dtype, const std::string& shape) {
        bench.write(npy_text(header_of(dtype, shape), bench.data));
    };
    bench.refuses("mask.npy");
    bench.write("no array");
    bench.refuses("not a NumPy array");
    write("<f4", "(2, 1, 5, 5)");
    bench.refuses("'<f4'");
    write("|u1", "(2, 5, 5)");
    bench.refuses("[2, 5, 5]");
    write("|u1", "(1, 2, 5, 5)");
    bench.refuses("got [1, 2, 5, 5]; allowed: [2, 4, 5, 5] or [2, 1, 5, 5]");
    write("|u1", "(2, 1, 5, 4)");
    bench.refuses("50 bytes for shape [2, 1, 5, 4]");
    bench.write(
        npy_text("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 1, 5, 5), }", bench.data));
    bench.refuses("Fortran order");
    bench.data[31] = 2;
    write("|u1", "(2, 1, 5, 5)");
    bench.refuses("got 2 at [1, 0, 1, 1]");
    bench.data[31] = 0;
    write("|u1", "(2, 1, 5, 5)");
    bench.refuses("what does a 1", std::nullopt);
    for (const char* name : {"", "a/b", "a b", "."}) bench.refuses("--name", true, name);
    (void)bench.run(true);
    CHECK_THROWS_WITH(import_mask(bench.out, {bench.mask, "mine", true}, bench.out),
                      Contains("/model/masks") && Contains("mine"));
}

TEST_CASE("the published mask says itself what its ones mean", "[unit]") {
    const TemporaryDirectory directory;
    SynthSpec spec;
    spec.layers = 12;
    spec.heads = spec.kv_heads = 3;
    spec.tokens = 197;
    spec.head_dim = spec.v_head_dim = 4;
    spec.samples = 1;
    spec.calibration = 0;
    const std::string trace = directory.file("trace.h5");
    const std::string out = directory.file("out.h5");
    (void)write_synthetic_trace(spec, trace);
    const CopyOutcome whole = import_mask(trace, {kVitcod, "vitcod", std::nullopt}, out);
    const auto pruned = raw_bytes(kVitcod, "/pruned");
    const auto stored = raw_bytes(out, "/model/masks/vitcod");
    REQUIRE(stored.size() == pruned.size());
    std::size_t attended = 0;
    for (std::size_t i = 0; i < stored.size(); ++i) {
        REQUIRE(stored[i] != pruned[i]);
        attended += std::to_integer<std::size_t>(stored[i]);
    }
    CHECK(std::abs(static_cast<double>(attended) / static_cast<double>(stored.size()) - 0.05) <
          0.01);
    const std::string by_path = std::string(kVitcod) + ":/pruned";
    CHECK(import_mask(trace, {by_path, "vitcod", false}, out).trace_id == whole.trace_id);
    CHECK_THROWS_WITH(import_mask(trace, {kVitcod, "vitcod", true}, out),
                      Contains("--one-means") && Contains("1 = pruned"));
    CHECK_THROWS_WITH(import_mask(trace, {"workloads/data/cora.h5", "x", true}, out),
                      Contains("which dataset"));
}
