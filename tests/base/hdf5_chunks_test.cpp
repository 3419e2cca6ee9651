#include <hdf5.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <limits>
#include <numeric>

#include "src/base/error.hpp"
#include "src/base/float16.hpp"
#include "src/base/hdf5.hpp"
#include "src/base/hdf5_filters.hpp"
#include "src/base/parallel.hpp"
#include "src/base/random.hpp"
#include "tests/base/temporary_directory.hpp"

using attohm::H5File;
using attohm::H5Group;
using attohm::H5Shape;
using attohm::UserError;
using attohm::testing::TemporaryDirectory;
using Catch::Contains;

namespace {

/// As the format says it: word by word, folded at every step.
std::uint32_t plain_fletcher32(const std::vector<unsigned char>& data) {
    std::uint32_t first = 0;
    std::uint32_t second = 0;
    const auto fold = [](std::uint32_t x) { return (x & 0xffffU) + (x >> 16U); };
    for (std::size_t i = 0; i < data.size(); i += 2) {
        const std::uint32_t low = i + 1 < data.size() ? data[i + 1] : 0U;
        first = fold(first + ((std::uint32_t{data[i]} << 8U) | low));
        second = fold(second + first);
    }
    return (fold(second) << 16U) | fold(first);
}

std::uint32_t fast_fletcher32(const std::vector<unsigned char>& data) {
    return attohm::h5_fletcher32({reinterpret_cast<const std::byte*>(data.data()), data.size()});
}

struct Layout {
    H5Shape chunk;
    bool shuffle = false;
    int gzip = 0;
    bool fletcher32 = false;
};

/// Written by the library itself, with its own filters. Args: half: float16 elements.
void write_with_library(const std::string& path, const H5Shape& shape, const Layout& layout,
                        const std::vector<float>& values, bool half) {
    const std::vector<hsize_t> extents(shape.begin(), shape.end());
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    // A chunk may reach beyond the data only where the data may grow.
    const std::vector<hsize_t> most(shape.size(), H5S_UNLIMITED);
    const hid_t space = H5Screate_simple(static_cast<int>(extents.size()), extents.data(),
                                         layout.chunk.empty() ? nullptr : most.data());
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    const std::vector<hsize_t> chunk(layout.chunk.begin(), layout.chunk.end());
    if (!chunk.empty()) H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    if (layout.shuffle) H5Pset_shuffle(creation);
    if (layout.gzip > 0) H5Pset_deflate(creation, static_cast<unsigned>(layout.gzip));
    if (layout.fletcher32) H5Pset_fletcher32(creation);
    const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    std::vector<std::uint16_t> bits(values.size());
    attohm::narrow_to_halves(values, bits);
    if (half) {
        H5Tset_fields(type, 15, 10, 5, 0, 10);
        H5Tset_size(type, 2);
        H5Tset_ebias(type, 15);
    }
    const hid_t dataset = H5Dcreate2(file, "x", type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    const void* data = half ? static_cast<const void*>(bits.data()) : values.data();
    REQUIRE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(dataset);
    H5Tclose(type);
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(file);
}

std::vector<float> exact_in_half(std::size_t n) {
    std::vector<float> values(n);
    for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<float>((i * 37) % 2048) - 1000.0F;
    return values;
}

}  // namespace

TEST_CASE("the checksum is HDF5's for any length and content", "[property]") {
    for (const std::size_t size : {0, 1, 2, 3, 4, 719, 720, 721, 8191, 8192, 8193, 50001}) {
        std::vector<unsigned char> data(size, 0);
        CHECK(fast_fletcher32(data) == plain_fletcher32(data));
        std::fill(data.begin(), data.end(), static_cast<unsigned char>(0xff));
        CHECK(fast_fletcher32(data) == plain_fletcher32(data));
        for (std::size_t i = 0; i < size; ++i)
            data[i] = static_cast<unsigned char>((i * i * 2654435761U) >> 7U);
        CHECK(fast_fletcher32(data) == plain_fletcher32(data));
    }
}

TEST_CASE("every layout and stock filter gives back what the library wrote", "[property]") {
    const TemporaryDirectory directory;
    const H5Shape shape = {5, 13, 11};
    const std::vector<float> values = exact_in_half(attohm::shape_elements(shape));
    const std::vector<H5Shape> chunks = {{},         {1, 13, 11}, {2, 13, 11}, {5, 13, 11},
                                         {2, 4, 11}, {3, 5, 4},   {8, 16, 16}, {1, 1, 1}};
    const std::string path = directory.file("x.h5");
    for (const H5Shape& chunk : chunks) {
        for (unsigned filters = 0; filters < (chunk.empty() ? 1U : 8U); ++filters) {
            const Layout layout{chunk, (filters & 1U) != 0, (filters & 2U) != 0 ? 4 : 0,
                                (filters & 4U) != 0};
            for (const bool half : {false, true}) {
                write_with_library(path, shape, layout, values, half);
                INFO(attohm::shape_text(chunk) << " filters " << filters << " half " << half);
                const H5Group root = H5File::open(path).root();
                std::vector<float> all(values.size());
                root.read("x", all);
                CHECK(all == values);
                for (const auto& [first, count] : {std::pair{0, 0}, {0, 2}, {1, 3}, {4, 1}}) {
                    const auto plane = static_cast<std::ptrdiff_t>(shape[1] * shape[2]);
                    std::vector<float> some(static_cast<std::size_t>(count * plane));
                    root.read_slab("x", static_cast<std::size_t>(first),
                                   static_cast<std::size_t>(count), some);
                    CHECK(some == std::vector<float>(values.begin() + first * plane,
                                                     values.begin() + (first + count) * plane));
                }
            }
        }
    }
}

TEST_CASE("several threads read the same as one", "[unit]") {
    const TemporaryDirectory directory;
    const H5Shape shape = {24, 64, 32};
    const std::vector<float> values = exact_in_half(attohm::shape_elements(shape));
    write_with_library(directory.file("x.h5"), shape, {{1, 64, 32}, true, 6, true}, values, false);
    const int before = attohm::threads();
    for (const int count : {1, 4}) {
        attohm::set_threads(count);
        std::vector<float> all(values.size());
        H5File::open(directory.file("x.h5")).root().read("x", all);
        CHECK(all == values);
        // Each thread of a loop reads for itself.
        std::vector<int> right(8, 0);
        const H5Group root = H5File::open(directory.file("x.h5")).root();
        attohm::parallel_for(right.size(), [&](std::size_t i) {
            std::vector<float> again(values.size());
            root.read("x", again);
            right[i] = again == values ? 1 : 0;
        });
        CHECK(std::count(right.begin(), right.end(), 1) == 8);
    }
    attohm::set_threads(before);
}

TEST_CASE("a damaged chunk is refused with its place", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("x.h5");
    const H5Shape shape = {4, 256};
    const std::vector<float> values = exact_in_half(attohm::shape_elements(shape));
    for (const int gzip : {0, 6}) {
        write_with_library(path, shape, {{1, 256}, false, gzip, gzip == 0}, values, false);
        std::string bytes;
        {
            std::ifstream in(path, std::ios::binary);
            bytes.assign(std::istreambuf_iterator<char>(in), {});
        }
        // The raw values of a row, or the head of a zlib stream.
        const std::string mark =
            gzip == 0 ? std::string(reinterpret_cast<const char*>(values.data() + 512), 64)
                      : std::string("\x78\x9c");
        const std::size_t at = bytes.find(mark);
        REQUIRE(at != std::string::npos);
        bytes[at] = static_cast<char>(bytes[at] ^ 0x11);
        std::ofstream(path, std::ios::binary) << bytes;
        std::vector<float> all(values.size());
        CHECK_THROWS_WITH(H5File::open(path).root().read("x", all),
                          Contains("x.h5:/x") && Contains("damaged"));
    }
}

TEST_CASE("a part that is not there is refused", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("x.h5");
    write_with_library(path, {4, 8}, {}, exact_in_half(32), false);
    const H5Group root = H5File::open(path).root();
    std::vector<float> out(16);
    CHECK_THROWS_AS(root.read_slab("x", 3, 2, out), UserError);
    CHECK_THROWS_AS(root.read_slab("x", 5, 0, std::span<float>()), UserError);
    CHECK_THROWS_AS(root.read_slab("x", std::numeric_limits<std::size_t>::max(), 2, out),
                    UserError);
    CHECK_THROWS_AS(root.read_slab("x", 0, 3, out), UserError);
}

TEST_CASE("a chunk that was never written holds the fill value", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("x.h5");
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hsize_t extents[] = {4, 16};
    const hsize_t chunk[] = {1, 16};
    const hid_t space = H5Screate_simple(2, extents, nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 2, chunk);
    const float fill = 2.5F;
    H5Pset_fill_value(creation, H5T_IEEE_F32LE, &fill);
    const hid_t dataset =
        H5Dcreate2(file, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(file);
    std::vector<float> out(64, -1.0F);
    H5File::open(path).root().read("x", out);
    CHECK(out == std::vector<float>(64, 2.5F));
}
