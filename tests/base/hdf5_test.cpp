#include "src/base/hdf5.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
#include <thread>

#include "src/base/error.hpp"
#include "src/base/float16.hpp"
#include "src/base/parallel.hpp"
#include "src/base/text.hpp"
#include "tests/base/temporary_directory.hpp"

using attohm::H5File;
using attohm::H5Group;
using attohm::H5Layout;
using attohm::UserError;
using attohm::testing::TemporaryDirectory;
using Catch::Contains;

namespace {

std::vector<float> counting(std::size_t n) {
    std::vector<float> values(n);
    std::iota(values.begin(), values.end(), -3.5F);
    return values;
}

/// A file with one of everything.
void write_example(const std::string& path) {
    H5File file = H5File::create(path);
    const H5Group root = file.root();
    root.set_text("format", "example");
    root.set_text("empty", "");
    root.set_text("micro", "\xc2\xb5");
    root.set_integer("count", -7);
    root.set_flag("flag", true);
    root.set_real("scale", 0.125);
    const H5Group group = root.create_group("group");
    group.create_group("inner").set_integer("deep", 1);
    group.write("plain", {2, 3}, counting(6));
    group.write("checked", {4, 50, 64}, counting(4 * 50 * 64), {{2, 50, 64}, true, 0});
    group.write("packed", {100}, counting(100), {{100}, true, 6});
    group.write("doubles", {2}, std::vector<double>{1e-300, 2.5});
    group.write("bytes", {3}, std::vector<std::uint8_t>{0, 1, 255});
    group.write("ints", {2}, std::vector<std::int32_t>{-1, 1 << 30});
    group.write("longs", {2}, std::vector<std::int64_t>{-1, std::int64_t{1} << 40});
    group.write_halves("halves", {2}, std::vector<std::uint16_t>{0x3c00, 0xc000});
    group.write("nothing", {0, 3}, std::vector<float>{});
    group.write_texts("names", {"a", "", "longer"});
    group.write_text("long", std::string(100000, 'y'));
    file.close();
}

}  // namespace

TEST_CASE("attributes and datasets come back as written", "[unit]") {
    const TemporaryDirectory directory;
    write_example(directory.file("a.h5"));
    const H5File file = H5File::open(directory.file("a.h5"));
    const H5Group root = file.root();
    CHECK(root.text("format") == "example");
    CHECK(root.text("empty").empty());
    CHECK(root.text("micro") == "\xc2\xb5");
    CHECK(root.integer("count") == -7);
    CHECK(root.integer("flag") == 1);
    CHECK(root.real("scale") == 0.125);
    CHECK(root.real("count") == -7.0);
    CHECK(root.attributes().size() == 6);
    CHECK(root.group("group/inner").integer("deep") == 1);
    const H5Group group = root.group("group");
    CHECK(group.groups() == std::vector<std::string>{"inner"});
    CHECK(group.datasets().size() == 11);
    std::vector<float> values(4 * 50 * 64);
    group.read("checked", values);
    CHECK(values == counting(values.size()));
    values.resize(100);
    group.read("packed", values);
    CHECK(values == counting(100));
    values.resize(2);
    group.read("halves", values);
    CHECK(values == std::vector<float>{1.0F, -2.0F});
    group.read("nothing", std::span<float>());
    std::vector<double> doubles(2);
    group.read("doubles", doubles);
    CHECK(doubles == std::vector<double>{1e-300, 2.5});
    std::vector<std::int64_t> longs(2);
    group.read("longs", longs);
    CHECK(longs == std::vector<std::int64_t>{-1, std::int64_t{1} << 40});
    group.read("ints", longs);
    CHECK(longs == std::vector<std::int64_t>{-1, 1 << 30});
    std::vector<std::uint8_t> bytes(3);
    group.read("bytes", bytes);
    CHECK(bytes == std::vector<std::uint8_t>{0, 1, 255});
    CHECK(group.read_texts("names") == std::vector<std::string>{"a", "", "longer"});
    CHECK(group.read_text("long") == std::string(100000, 'y'));
    CHECK(group.info("checked").shape == attohm::H5Shape{4, 50, 64});
    CHECK(group.info("halves").dtype == "float16");
    CHECK(group.read_raw("halves").dtype == "<f2");
    CHECK(group.read_raw("bytes").dtype == "|u1");
}

TEST_CASE("equal content gives equal bytes, whenever it is written", "[unit]") {
    const TemporaryDirectory directory;
    write_example(directory.file("a.h5"));
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    write_example(directory.file("b.h5"));
    CHECK(attohm::read_text_file(directory.file("a.h5")) ==
          attohm::read_text_file(directory.file("b.h5")));
}

TEST_CASE("what is missing or of another kind is named with file and path", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("a.h5");
    write_example(path);
    const H5Group root = H5File::open(path).root();
    const H5Group group = root.group("group");
    std::vector<float> floats(6);
    std::vector<std::int32_t> ints(2);
    CHECK_THROWS_WITH(root.group("none"), Contains(path + ":/none: missing group; got nothing"));
    CHECK_THROWS_WITH(root.group("group/plain"), Contains("got a dataset; allowed: a group"));
    CHECK_THROWS_WITH(group.read("q", floats), Contains(path + ":/group/q: missing dataset"));
    CHECK_THROWS_WITH(group.read("inner", floats), Contains("got a group; allowed: a dataset"));
    CHECK_THROWS_WITH(group.read("doubles", floats),
                      Contains(path + ":/group/doubles: wrong data type; got float64") &&
                          Contains("allowed: float32 or float16"));
    CHECK_THROWS_WITH(group.read("longs", ints), Contains("got int64; allowed: int32"));
    CHECK_THROWS_WITH(group.read("checked", floats), Contains("got [4, 50, 64]"));
    CHECK_THROWS_WITH(root.integer("format"),
                      Contains(path + ":/@format") && Contains("got example"));
    CHECK_THROWS_WITH(root.integer("scale"), Contains("not an integer"));
    CHECK_THROWS_WITH(root.text("count"), Contains("not text; got -7"));
    CHECK_THROWS_WITH(root.text("none"), Contains(":/@none: missing attribute"));
    CHECK_FALSE(root.has_group("group/plain/deeper"));
    CHECK_FALSE(root.has_dataset("none/deeper"));
}

TEST_CASE("files that are not whole HDF5 are told apart", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("a.h5");
    CHECK_THROWS_WITH(H5File::open(path), Contains("no such file"));
    CHECK_THROWS_WITH(H5File::open(directory.path()), Contains("a directory"));
    std::ofstream(path) << "hello";
    CHECK_THROWS_WITH(H5File::open(path), Contains(path + ": not an HDF5 file"));
    write_example(path);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
    CHECK_THROWS_WITH(H5File::open(path), Contains(path + ": the file is truncated or damaged"));
    CHECK_THROWS_AS(H5File::create(directory.file("no/such.h5")), UserError);
}

TEST_CASE("a checksum finds a flipped bit", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("a.h5");
    write_example(path);
    std::string bytes = attohm::read_text_file(path);
    const std::vector<float> values = counting(4 * 50 * 64);
    const std::string pattern(reinterpret_cast<const char*>(values.data() + 1000), 64);
    const std::size_t at = bytes.find(pattern);
    REQUIRE(at != std::string::npos);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    std::ofstream(path, std::ios::binary) << bytes;
    std::vector<float> read(values.size());
    CHECK_THROWS_WITH(H5File::open(path).root().read("group/checked", read),
                      Contains(":/group/checked: cannot read the dataset; got damaged data"));
}

TEST_CASE("the library may be used from several threads", "[unit]") {
    const TemporaryDirectory directory;
    write_example(directory.file("a.h5"));
    const H5Group root = H5File::open(directory.file("a.h5")).root();
    const int before = attohm::threads();
    attohm::set_threads(4);
    std::vector<int> good(64, 0);
    attohm::parallel_for(good.size(), [&](std::size_t i) {
        std::vector<float> values(100);
        root.read("group/packed", values);
        good[i] = values == counting(100) && !root.has_dataset("none") ? 1 : 0;
    });
    attohm::set_threads(before);
    CHECK(std::accumulate(good.begin(), good.end(), 0) == 64);
}

TEST_CASE("layouts follow the size", "[unit]") {
    CHECK(H5Layout::standard({10, 10}, 4).chunk.empty());
    const H5Layout planes = H5Layout::standard({12, 384, 64}, 4);
    CHECK(planes.chunk == attohm::H5Shape{6, 384, 64});
    CHECK(planes.fletcher32);
    CHECK(H5Layout::standard({2, 100000, 64}, 4).chunk == attohm::H5Shape{1, 4000, 64});
}

TEST_CASE("halves widen exactly and narrow to the nearest, ties to even", "[unit]") {
    // Every finite half, against the definition.
    std::vector<std::uint16_t> halves(65536);
    std::iota(halves.begin(), halves.end(), std::uint16_t{0});
    std::vector<float> floats(halves.size());
    attohm::widen_halves(halves, floats);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < halves.size(); ++i) {
        const int exponent = (static_cast<int>(i) >> 10) & 31;
        const int mantissa = static_cast<int>(i) & 1023;
        const double sign = i >= 32768 ? -1.0 : 1.0;
        if (exponent == 31) {
            const bool right = mantissa == 0
                                   ? std::isinf(floats[i]) && (floats[i] > 0) == (sign > 0)
                                   : std::isnan(floats[i]);
            wrong += right ? 0 : 1;
            continue;
        }
        const double value =
            exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
        wrong +=
            static_cast<double>(floats[i]) == sign * value && std::signbit(floats[i]) == (sign < 0)
                ? 0
                : 1;
    }
    CHECK(wrong == 0);
    std::vector<std::uint16_t> again(halves.size());
    attohm::narrow_to_halves(floats, again);
    std::size_t changed = 0;
    for (std::size_t i = 0; i < halves.size(); ++i)
        if (!std::isnan(floats[i]) && again[i] != halves[i]) ++changed;
    CHECK(changed == 0);
    // Between neighbours: below, at and above the middle; 65519.996 is the last finite one.
    const std::vector<float> in = {1.0F + std::ldexp(1.0F, -11),
                                   1.0F + std::ldexp(3.0F, -11),
                                   1.0F + std::ldexp(1.01F, -11),
                                   std::ldexp(1.0F, -25),
                                   std::ldexp(1.01F, -25),
                                   65519.996F,
                                   65520.0F,
                                   -1e30F};
    std::vector<std::uint16_t> out(in.size());
    attohm::narrow_to_halves(in, out);
    CHECK(out == std::vector<std::uint16_t>{0x3c00, 0x3c02, 0x3c01, 0x0000, 0x0001, 0x7bff, 0x7c00,
                                            0xfc00});
    const std::vector<float> not_numbers = {std::numeric_limits<float>::quiet_NaN()};
    attohm::narrow_to_halves(not_numbers, std::span(out).first(1));
    CHECK((out[0] & 0x7fffU) > 0x7c00U);
}
