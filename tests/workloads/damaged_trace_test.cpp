#include <hdf5.h>

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
#include "workloads/content_hash.hpp"
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

/// Adds the hash of its content to a file that has none.
void seal(const std::string& path) {
    const std::string hash = content_sha256(H5File::open(path).root());
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, hash.size());
    const hid_t attribute =
        H5Acreate2(file, "content_sha256", type, space, H5P_DEFAULT, H5P_DEFAULT);
    REQUIRE(H5Awrite(attribute, type, hash.data()) >= 0);
    H5Aclose(attribute);
    H5Tclose(type);
    H5Sclose(space);
    REQUIRE(H5Fclose(file) >= 0);
}

struct Elements {
    std::string dataset;
    std::size_t first = 0;  ///< byte in the file
    std::size_t size = 0;   ///< in bytes
};

/// Where the elements of the contiguous datasets are in the file.
std::vector<Elements> elements_of(const std::string& path) {
    std::vector<Elements> all;
    std::vector<std::string> datasets;
    for (const StoredObject& object : stored_objects(H5File::open(path).root()))
        if (object.is_dataset) datasets.push_back(object.path);
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    REQUIRE(file >= 0);
    for (const std::string& name : datasets) {
        const hid_t dataset = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
        const haddr_t first = H5Dget_offset(dataset);
        const hsize_t size = H5Dget_storage_size(dataset);
        if (first != HADDR_UNDEF) all.push_back({name, first, size});
        H5Dclose(dataset);
    }
    H5Fclose(file);
    return all;
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
        if (reading.refused) CHECK_FALSE(check.good());
        if (check.good()) CHECK(check.content == ContentState::verified);
    }
    CHECK(refused >= kPlaces * 9 / 10);
}

TEST_CASE("without checksums a changed byte never ends in a crash", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("changed.h5");
    layered_draft().write(path);
    seal(path);
    const std::string bytes = read_text_file(path);
    const Reading whole = read_all(path);
    REQUIRE_FALSE(whole.refused);
    REQUIRE(check_trace(path).content == ContentState::verified);
    int refused = 0, seen_by_hash = 0;
    for (int place = 0; place < kPlaces; ++place)
        for (const unsigned bit : {0U, 6U}) {
            CAPTURE(place, bit);
            write_file_atomically(path, flipped(bytes, place, bit));
            const Reading reading = read_all(path);
            const TraceCheck check = check_trace(path);
            refused += check.good() ? 0 : 1;
            if (reading.refused) {
                CHECK_FALSE(check.good());
                continue;
            }
            // Nothing protects the elements from being read: at most one of them is another.
            REQUIRE(reading.values.size() == whole.values.size());
            int changed = 0;
            for (std::size_t i = 0; i < whole.values.size(); ++i)
                changed += reading.values[i] == whole.values[i] ? 0 : 1;
            CHECK(changed <= 1);
            // But a check finds it.
            if (changed > 0) CHECK_FALSE(check.good());
            seen_by_hash += check.content == ContentState::changed ? 1 : 0;
        }
    CHECK(refused > 0);
    CHECK(seen_by_hash > 0);
}

TEST_CASE("a check finds the smallest change of any element", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("changed.h5");
    layered_draft().write(path);
    // Without the hash the last bit of an element is nobody's business, and the check says so.
    const TraceCheck unsealed = check_trace(path);
    CHECK(unsealed.good());
    CHECK(unsealed.content == ContentState::unsealed);
    CHECK_THAT(to_text(unsealed), Catch::Contains("not verified: the trace stores no content"));
    seal(path);
    const std::string stored = H5File::open(path).root().text("content_sha256");
    const std::string bytes = read_text_file(path);
    CHECK_THAT(to_text(check_trace(path)), Catch::Contains("content         verified"));
    int changed = 0;
    for (const auto& [dataset, first, size] : elements_of(path)) {
        for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
            CAPTURE(dataset, at);
            std::string other = bytes;
            other[first + at] = static_cast<char>(other[first + at] ^ 1);
            write_file_atomically(path, other);
            const TraceCheck check = check_trace(path);
            CHECK(check.content == ContentState::changed);
            REQUIRE_FALSE(check.good());
            const std::string found = content_sha256(H5File::open(path).root());
            CHECK(found != stored);
            const std::string& message = check.problems.back();
            CHECK_THAT(message, Catch::Contains(path + ":/@content_sha256") &&
                                    Catch::Contains("got content of " + found) &&
                                    Catch::Contains("allowed: " + stored));
            ++changed;
        }
    }
    CHECK(changed >= 3 * 8);
}
