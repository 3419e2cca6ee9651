// Reading of traces: attention layers through the trace reader, plain and float16, and compressed
// tensors beside the HDF5 library's own reading of the same bytes. Files stay in the disk cache.

#include <fmt/format.h>
#include <hdf5.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "src/base/error.hpp"
#include "src/base/float16.hpp"
#include "src/base/hdf5.hpp"
#include "src/base/parallel.hpp"
#include "src/base/random.hpp"
#include "workloads/trace_reader.hpp"
#include "workloads/trace_writer.hpp"

namespace {

using attohm::AttentionLayer;
using attohm::H5File;
using attohm::H5Layout;
using attohm::H5Shape;

constexpr int kRepetitions = 9;
constexpr int kLayers = 4;
constexpr int kHeads = 16;
constexpr int kTokens = 1024;
constexpr int kWidth = 64;

double seconds(const std::function<void()>& call) {
    double best = std::numeric_limits<double>::infinity();
    for (int repetition = 0; repetition < kRepetitions; ++repetition) {
        const auto start = std::chrono::steady_clock::now();
        call();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count());
    }
    return best;
}

void report(const std::string& what, double bytes, double s, const std::string& asked) {
    fmt::print("{:52} {:8.2f} GB/s{}\n", what, bytes / s / 1e9, asked);
}

void fill(attohm::Tensor3& tensor, std::uint64_t seed) {
    tensor.resize(kHeads, kTokens, kWidth);
    attohm::Stream(seed, attohm::Purpose::sampling).normals(0, tensor.data);
}

attohm::ModelInfo model() {
    attohm::ModelInfo info;
    info.name = "benchmark";
    info.family = "other";
    info.layers = kLayers;
    info.heads = info.kv_heads = kHeads;
    info.head_dim = info.v_head_dim = kWidth;
    info.width = kHeads * kWidth;
    info.task = "none";
    return info;
}

void write_trace(const std::string& path, attohm::StoredAs tensors) {
    attohm::WriterOptions options;
    options.tensors = tensors;
    attohm::TraceWriter writer(path, model(), std::nullopt, options);
    writer.begin_sample({});
    for (int l = 0; l < kLayers; ++l) {
        AttentionLayer layer;
        layer.layer = l;
        layer.n_q = layer.n_k = layer.valid_q = layer.valid_k = kTokens;
        layer.scale = 0.125F;
        fill(layer.q, 3 * static_cast<std::uint64_t>(l));
        fill(layer.k, 3 * static_cast<std::uint64_t>(l) + 1);
        fill(layer.v, 3 * static_cast<std::uint64_t>(l) + 2);
        writer.layer(layer);
    }
    writer.finish();
}

void time_layers(const std::string& path, const std::string& what, double asked) {
    const attohm::TraceReader reader(path);
    const attohm::Sample sample = reader.sample(0);
    const double bytes = 4.0 * kLayers * 4.0 * kHeads * kTokens * kWidth;
    for (const int count : {1, 2}) {
        attohm::set_threads(count);
        const double s = seconds([&] {
            for (int l = 0; l < kLayers; ++l)
                if (reader.layer(sample, l, true).q.empty())
                    throw attohm::InvariantError("nothing was read");
        });
        report(fmt::format("{}, {} thread(s), q k v out, finite", what, count), bytes, s,
               fmt::format(", asked {}", asked));
    }
}

/// The library's own reading of a dataset into float32.
double library_seconds(const std::string& path, const char* name, std::vector<float>& out) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST);
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access);
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0) throw attohm::InvariantError("the library cannot open its own file");
    const double s = seconds([&] {
        if (H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, out.data()) < 0)
            throw attohm::InvariantError("the library cannot read its own file");
    });
    H5Dclose(dataset);
    H5Fclose(file);
    H5Pclose(access);
    return s;
}

void time_compressed(const std::string& path) {
    const H5Shape shape = {kHeads, kTokens, kWidth};
    std::vector<float> values(attohm::shape_elements(shape));
    attohm::Stream(1, attohm::Purpose::sampling).normals(0, values);
    // As captured activations: a few significant digits.
    for (float& value : values) value = std::round(64.0F * value) / 64.0F;
    std::vector<std::uint16_t> halves(values.size());
    attohm::narrow_to_halves(values, halves);
    H5File file = H5File::create(path);
    H5Layout layout = H5Layout::standard(shape, 4);
    layout.chunk = {1, kTokens, kWidth};
    layout.gzip = 4;
    file.root().write("float32", shape, values, layout);
    file.root().write_halves("float16", shape, halves, layout);
    file.close();
    const double bytes = 4.0 * static_cast<double>(values.size());
    for (const char* name : {"float32", "float16"}) {
        std::vector<float> library(values.size());
        const double alone = library_seconds(path, name, library);
        report(fmt::format("gzip 4, {}, the library", name), bytes, alone, "");
        const auto root = H5File::open(path).root();
        for (const int count : {1, 2}) {
            attohm::set_threads(count);
            std::vector<float> ours(values.size());
            const double s = seconds([&] { root.read(name, ours); });
            if (ours != library) throw attohm::InvariantError("the two read different values");
            report(fmt::format("gzip 4, {}, chunk by chunk, {} thread(s)", name, count), bytes, s,
                   fmt::format(", {:.2f} of the library, asked 1.5", alone / s));
        }
    }
}

}  // namespace

int main() {
    const std::string folder = std::filesystem::temp_directory_path() / "attohm_bench_trace";
    std::filesystem::create_directories(folder);
    write_trace(folder + "/float32.h5", attohm::StoredAs::float32);
    write_trace(folder + "/float16.h5", attohm::StoredAs::float16);
    time_layers(folder + "/float32.h5", "float32 with checksums", 1.5);
    time_layers(folder + "/float16.h5", "float16 with checksums, float32 out", 1.0);
    time_compressed(folder + "/gzip.h5");
    std::filesystem::remove_all(folder);
    return 0;
}
