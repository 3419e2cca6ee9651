#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/text.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/trace_draft.hpp"
#include "workloads/trace_check.hpp"
#include "workloads/trace_reader.hpp"
#include "workloads/trace_writer.hpp"

/// Files that are cut, or in which a byte is another.
using namespace attohm;
using namespace attohm::testing;

namespace {

constexpr int kPlaces = 40;

/// A trace of our writer in which every tensor is in chunks with checksums.
void write_checksummed(const std::string& path) {
    ModelInfo model;
    model.name = "damaged";
    model.family = "vit";
    model.layers = 2;
    model.heads = 4;
    model.kv_heads = 2;
    model.head_dim = model.v_head_dim = 16;
    model.width = 64;
    model.task = "none";
    WriterOptions options;
    options.created_utc = "2026-01-01T00:00:00Z";
    TraceWriter writer(path, model, std::nullopt, options);
    writer.begin_sample({});
    for (int i = 0; i < 2; ++i) {
        AttentionLayer layer;
        layer.layer = i;
        layer.n_q = layer.n_k = layer.valid_q = layer.valid_k = 64;
        layer.scale = 0.25F;
        layer.q.resize(4, 64, 16);
        layer.k.resize(2, 64, 16);
        layer.v.resize(2, 64, 16);
        for (Tensor3* tensor : {&layer.q, &layer.k, &layer.v})
            for (std::size_t j = 0; j < tensor->data.size(); ++j)
                tensor->data[j] = static_cast<float>(
                    std::sin(12.9898 * static_cast<double>(j + 1) + 78.233 * (i + 1)));
        writer.layer(layer);
    }
    writer.finish();
}

/// What a reader makes of a file.
struct Reading {
    bool refused = false;
    std::string message;
    std::vector<float> values;  ///< of all tensors
};

Reading read_all(const std::string& path) {
    Reading reading;
    try {
        const TraceReader reader(path);
        if (reader.has_weights()) (void)reader.weights();
        for (int i = 0; i < reader.samples(); ++i) {
            const Sample sample = reader.sample(i);
            (void)reader.layer_shapes(sample);
            for (int l = 0; l < sample.layers_stored; ++l) {
                const AttentionLayer layer = reader.layer(sample, l, true);
                reading.values.push_back(layer.scale);
                for (const Tensor3* tensor : {&layer.q, &layer.k, &layer.v, &layer.out})
                    reading.values.insert(reading.values.end(), tensor->data.begin(),
                                          tensor->data.end());
            }
        }
    } catch (const UserError& error) {
        reading.refused = true;
        reading.message = error.what();
    }
    return reading;
}

std::string flipped(std::string bytes, int place, unsigned bit) {
    const std::size_t at = (2 * static_cast<std::size_t>(place) + 1) * bytes.size() / (2 * kPlaces);
    bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << bit));
    return bytes;
}

}  // namespace

TEST_CASE("a trace cut anywhere is refused with its name", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("cut.h5");
    write_checksummed(directory.file("ours.h5"));
    layered_draft().write(directory.file("plain.h5"));
    for (const char* whole : {"ours.h5", "plain.h5"}) {
        const std::string bytes = read_text_file(directory.file(whole));
        for (std::size_t twentieth = 0; twentieth < 20; ++twentieth) {
            CAPTURE(whole, twentieth);
            write_file_atomically(path, bytes.substr(0, twentieth * bytes.size() / 20));
            const Reading reading = read_all(path);
            CHECK(reading.refused);
            CHECK_THAT(reading.message, Catch::Contains(path) && Catch::Contains("; allowed: "));
            const TraceCheck check = check_trace(path);
            REQUIRE(check.problems.size() == 1);
            CHECK_THAT(check.problems.front(), Catch::Contains(path));
        }
    }
}

TEST_CASE("with checksums a changed byte is refused or changes nothing", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("changed.h5");
    write_checksummed(path);
    const std::string bytes = read_text_file(path);
    const Reading whole = read_all(path);
    REQUIRE_FALSE(whole.refused);
    REQUIRE(check_trace(path).good());
    int refused = 0;
    for (int place = 0; place < kPlaces; ++place) {
        CAPTURE(place);
        write_file_atomically(path, flipped(bytes, place, static_cast<unsigned>(place) % 8));
        const Reading reading = read_all(path);
        const TraceCheck check = check_trace(path);
        refused += reading.refused ? 1 : 0;
        CHECK((reading.refused || reading.values == whole.values));
        CHECK(check.good() == !reading.refused);
    }
    CHECK(refused >= kPlaces * 9 / 10);
}

TEST_CASE("without checksums a changed byte never ends in a crash", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("changed.h5");
    layered_draft().write(path);
    const std::string bytes = read_text_file(path);
    const Reading whole = read_all(path);
    REQUIRE_FALSE(whole.refused);
    int refused = 0;
    for (int place = 0; place < kPlaces; ++place)
        for (const unsigned bit : {0U, 6U}) {
            CAPTURE(place, bit);
            write_file_atomically(path, flipped(bytes, place, bit));
            const Reading reading = read_all(path);
            const TraceCheck check = check_trace(path);
            // Nothing protects the elements themselves: at most one of them is another.
            refused += check.good() ? 0 : 1;
            if (reading.refused) {
                CHECK_FALSE(check.good());
                continue;
            }
            REQUIRE(reading.values.size() == whole.values.size());
            int changed = 0;
            for (std::size_t i = 0; i < whole.values.size(); ++i)
                changed += reading.values[i] == whole.values[i] ? 0 : 1;
            CHECK(changed <= 1);
        }
    CHECK(refused > 0);
}
