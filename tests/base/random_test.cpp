#include "src/base/random.hpp"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "src/base/error.hpp"
#include "src/base/random_kernels.hpp"
#include "tests/reference/random_reference.hpp"

namespace attohm {
namespace {

constexpr std::uint64_t kSeed = 20221;

template <typename T>
bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// Words where formulas change or end: both ends, the middle, the edge of the tail, powers of two.
std::vector<std::uint32_t> awkward_words() {
    std::vector<std::uint32_t> words;
    const auto around = [&](std::uint32_t centre) {
        for (std::uint32_t d = 0; d < 4096; ++d) {
            words.push_back(centre + d);
            words.push_back(centre - d - 1);
        }
    };
    for (const std::uint32_t centre : {0u, 0x80000000u, 1u << 22, ~(1u << 22), 1u << 24, 1u << 30})
        around(centre);
    for (int bit = 0; bit < 32; ++bit) around(1u << bit);
    return words;  // a multiple of 64
}

std::vector<std::uint32_t> random_words(std::size_t count, std::uint64_t id) {
    std::vector<std::uint32_t> words(count);
    Stream(kSeed, Purpose::sampling, {id}).words(0, words);
    return words;
}

}  // namespace

TEST_CASE("Philox4x32-10 gives Random123's known answers", "[unit]") {
    // Source: file tests/kat_vectors of Random123.
    struct Answer {
        std::array<std::uint32_t, 4> counter;
        std::array<std::uint32_t, 2> key;
        std::array<std::uint32_t, 4> words;
    };
    const Answer answers[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    const auto join = [](std::uint64_t low, std::uint64_t high) { return low | high << 32; };
    for (const SimdLevel level : available_simd_levels()) {
        INFO("level " << std::string(simd_level_name(level)));
        for (const Answer& answer : answers) {
            const StreamIdentity id{join(answer.key[0], answer.key[1]),
                                    join(answer.counter[2], answer.counter[3])};
            std::array<std::uint32_t, 32> out{};
            random_kernels(level).blocks(id, join(answer.counter[0], answer.counter[1]), 1,
                                         out.data());
            CHECK(std::equal(answer.words.begin(), answer.words.end(), out.begin()));
        }
    }
}

TEST_CASE("Words are those of the slow twin, for vectors and scalars", "[unit]") {
    const std::vector<std::uint64_t> ids{3, 0, 1ull << 63, 17};
    const Stream stream(kSeed, Purpose::programming, ids);
    const auto identity = reference::stream_identity(kSeed, 6, ids);
    REQUIRE(stream.identity() == identity);
    for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1023},
                                      (std::uint64_t{1} << 34) - 5, std::uint64_t{0} - 3000}) {
        std::vector<std::uint32_t> words(2500);
        stream.words(first, words);
        std::size_t wrong = 0;
        for (std::size_t k = 0; k < words.size(); ++k) {
            const std::uint32_t expected = reference::stream_word(identity, first + k);
            wrong += words[k] != expected || stream.word(first + k) != expected;
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("A range may be cut anywhere", "[property]") {
    const Stream stream(kSeed, Purpose::read_white, {5});
    constexpr std::size_t kTotal = 5000;
    std::vector<std::uint32_t> words(kTotal), cut_words(kTotal);
    std::vector<float> uniforms(kTotal), cut_uniforms(kTotal);
    std::vector<float> normals(kTotal), cut_normals(kTotal);
    std::vector<std::uint8_t> events(kTotal), cut_events(kTotal);
    const std::uint64_t first = 7;
    stream.words(first, words);
    stream.uniforms(first, uniforms);
    stream.normals(first, normals);
    stream.events(first, 0.3, events);
    for (const std::size_t piece : {1u, 2u, 3u, 5u, 31u, 33u, 64u, 1021u, 1024u, 4999u}) {
        for (std::size_t at = 0; at < kTotal; at += piece) {
            const std::size_t size = std::min(piece, kTotal - at);
            stream.words(first + at, std::span(cut_words).subspan(at, size));
            stream.uniforms(first + at, std::span(cut_uniforms).subspan(at, size));
            stream.normals(first + at, std::span(cut_normals).subspan(at, size));
            stream.events(first + at, 0.3, std::span(cut_events).subspan(at, size));
        }
        INFO("pieces of " << piece);
        CHECK(same_bytes(words, cut_words));
        CHECK(same_bytes(uniforms, cut_uniforms));
        CHECK(same_bytes(normals, cut_normals));
        CHECK(same_bytes(events, cut_events));
    }
}

TEST_CASE("Scalar access gives the vector's bits", "[property]") {
    const Stream stream(kSeed, Purpose::d2d_mean, {1, 2});
    std::vector<float> uniforms(20000), normals(20000), sums(20000, 2.0f);
    const std::vector<float> sigmas(20000, 0.25f);
    std::vector<float> scaled = sums;
    std::vector<std::uint8_t> events(20000);
    stream.uniforms(11, uniforms);
    stream.normals(11, normals);
    stream.add_normals(11, 0.25f, sums);
    stream.add_normals(11, sigmas, scaled);
    stream.events(11, 1e-3, events);
    std::size_t wrong = 0;
    for (std::size_t k = 0; k < normals.size(); ++k) {
        const volatile float product = 0.25f * normals[k];
        wrong += stream.uniform(11 + k) != static_cast<double>(uniforms[k]);
        wrong += stream.normal(11 + k) != static_cast<double>(normals[k]);
        wrong += stream.below(11 + k, 1e-3) != (events[k] == 1);
        wrong += sums[k] != 2.0f + product || scaled[k] != sums[k];
    }
    CHECK(wrong == 0);
    CHECK_THROWS_AS(stream.add_normals(0, std::span(sigmas).first(3), sums), InvariantError);
}

TEST_CASE("Every SIMD level gives the same bytes", "[property]") {
    REQUIRE(available_simd_levels().size() >= 1);
    REQUIRE(available_simd_levels().front() == SimdLevel::baseline);
    std::vector<std::uint32_t> sample = awkward_words();
    const std::vector<std::uint32_t> more = random_words(1 << 20, 1);
    sample.insert(sample.end(), more.begin(), more.end());
    const StreamIdentity id{0x0123456789abcdefu, 0xfedcba9876543210u};
    const RandomKernels& slowest = random_kernels(SimdLevel::baseline);
    constexpr std::size_t kCount = 4321;

    const auto run = [&](const RandomKernels& kernels) {
        std::vector<std::vector<float>> out(5, std::vector<float>(kCount, 1.5f));
        std::vector<std::uint32_t> words(kCount);
        std::vector<std::uint8_t> events(kCount);
        kernels.words(id, 3, words.data(), kCount);
        kernels.uniforms(id, 3, out[0].data(), kCount);
        kernels.normals(id, 3, out[1].data(), kCount);
        kernels.add_normals(id, 3, 0.7f, out[2].data(), kCount);
        kernels.add_scaled_normals(id, 3, out[0].data(), out[3].data(), kCount);
        kernels.events(id, 3, 123456789, events.data(), kCount);
        for (std::size_t k = 0; k < kCount; ++k)
            out[4][k] = std::bit_cast<float>((words[k] >> 3) ^ events[k]);
        out.emplace_back(sample.size());
        kernels.normals_from_words(sample.data(), out[5].data(), sample.size());
        return out;
    };
    const auto expected = run(slowest);
    for (const SimdLevel level : available_simd_levels()) {
        const auto got = run(random_kernels(level));
        for (std::size_t k = 0; k < got.size(); ++k) {
            INFO(std::string(simd_level_name(level)) << ", output " << k);
            CHECK(same_bytes(expected[k], got[k]));
        }
    }
    std::size_t wrong = 0;
    for (std::size_t k = 0; k < sample.size(); ++k)
        wrong += normal_from_word(sample[k]) != expected[5][k];
    CHECK(wrong == 0);
}

TEST_CASE("Normals are Boost's quantiles", "[unit]") {
    double worst_absolute = 0, worst_relative = 0;
    const auto compare = [&](const std::vector<std::uint32_t>& words) {
        for (const std::uint32_t word : words) {
            const double expected = reference::normal_of_word(word);
            const double error = std::abs(static_cast<double>(normal_from_word(word)) - expected);
            worst_absolute = std::max(worst_absolute, error);
            worst_relative = std::max(worst_relative, error / std::abs(expected));
        }
    };
    compare(awkward_words());
    compare(random_words(1000000, 2));
    CHECK(worst_absolute < 1e-6);
    CHECK(worst_relative < 5e-7);
    CHECK(normal_from_word(0) == Approx(-6.3379575).epsilon(1e-6));
}

TEST_CASE("Complementary words give opposite normals and mirrored uniforms", "[property]") {
    std::vector<std::uint32_t> words = awkward_words();
    const std::vector<std::uint32_t> more = random_words(200000, 3);
    words.insert(words.end(), more.begin(), more.end());
    std::size_t wrong = 0;
    for (const std::uint32_t word : words) {
        const float u = uniform_from_word(word);
        wrong += normal_from_word(word) != -normal_from_word(~word);
        wrong += u != 1.0f - uniform_from_word(~word) || !(u > 0.0f && u < 1.0f);
        wrong += static_cast<double>(u) != reference::uniform_of_word(word);
    }
    CHECK(wrong == 0);
    CHECK(uniform_from_word(0) == 0x1p-24f);
    CHECK(uniform_from_word(~0u) == 1.0f - 0x1p-24f);
}

TEST_CASE("Events keep all 32 bits and are nested in the probability", "[unit]") {
    const Stream stream(kSeed, Purpose::stuck_fault, {4});
    for (const double p : {0.0, 0x1p-33, 0x1p-32, 1e-6, 0.1, 0.5, 1 - 0x1p-33, 1.0}) {
        std::vector<std::uint8_t> events(4096);
        stream.events(5, p, events);
        std::size_t wrong = 0;
        for (std::size_t k = 0; k < events.size(); ++k) {
            const double u = stream.uniform32(5 + k);
            wrong += u != (static_cast<double>(stream.word(5 + k)) + 0.5) * 0x1p-32;
            wrong += (events[k] == 1) != (u < p);
        }
        INFO("p = " << p);
        CHECK(wrong == 0);
    }
    for (const double p : {0.0, 1.0}) CHECK_NOTHROW(stream.events(0, p, {}));
    CHECK_THROWS_AS(stream.below(0, 1.5), InvariantError);
    CHECK_THROWS_AS(stream.below(0, std::nan("")), InvariantError);
}

TEST_CASE("Seed, purpose, order and number of ids make the stream", "[unit]") {
    std::set<std::array<std::uint64_t, 2>> seen;
    const std::vector<std::vector<std::uint64_t>> lists{
        {}, {0}, {0, 0}, {1}, {1, 2}, {2, 1}, {1, 2, 0}, {0, 1, 2}, {3}, {1ull << 32}, {~0ull}};
    std::size_t made = 0;
    for (const std::uint64_t seed : {0ull, 1ull, 2ull, 0x9e3779b97f4a7c15ull, ~0ull})
        for (const Purpose purpose : {Purpose::stuck_fault, Purpose::d2d_mean, Purpose::bootstrap})
            for (const auto& ids : lists) {
                const Stream stream(seed, purpose, ids);
                seen.insert(stream.identity());
                ++made;
                CHECK(stream.identity() ==
                      reference::stream_identity(seed, static_cast<std::uint32_t>(purpose), ids));
            }
    CHECK(seen.size() == made);
    const Stream whole(9, Purpose::relaxation, {1, 2, 3});
    CHECK(Stream(9, Purpose::relaxation, {1}).with({2, 3}).identity() == whole.identity());
    CHECK(Stream(9, Purpose::relaxation).with(1).with(2).with(3).identity() == whole.identity());
}

TEST_CASE("The draws of a seed do not move", "[golden]") {
    const Stream stream(2022, Purpose::programming, {0, 1, 2});
    CHECK(stream.identity() ==
          std::array<std::uint64_t, 2>{0x80459fb35f3f1f2bu, 0x11debe6d4515f457u});
    CHECK(stream.word(0) == 0xb58bbb42u);
    CHECK(std::bit_cast<std::uint32_t>(static_cast<float>(stream.normal(0))) == 0x3f0d0a8du);
}

}  // namespace attohm

TEST_CASE("normals at listed places are those of the range", "[unit]") {
    const attohm::Stream stream(11, attohm::Purpose::read_white, {3, 4});
    std::vector<float> range(1000);
    stream.normals(0, range);
    for (const std::size_t step :
         {std::size_t{1}, std::size_t{3}, std::size_t{7}, std::size_t{500}}) {
        std::vector<std::uint64_t> places;
        for (std::size_t i = 0; i < range.size(); i += step) places.push_back(i);
        std::vector<float> listed(places.size());
        stream.normals_at(places, listed);
        for (std::size_t k = 0; k < places.size(); ++k) CHECK(listed[k] == range[places[k]]);
    }
    // Beyond 2^32 words, where the block number needs its second half.
    const std::vector<std::uint64_t> far{(std::uint64_t{1} << 40) + 5};
    std::vector<float> one(1);
    stream.normals_at(far, one);
    CHECK(static_cast<double>(one[0]) == stream.normal(far[0]));
}
